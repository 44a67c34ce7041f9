"""glibc's allocator keeps freed memory, where there is one."""

import ctypes
import subprocess
import sys
from types import SimpleNamespace

import pytest
from stages.models import allocator

GLIBC = sys.platform.startswith("linux") and hasattr(ctypes.CDLL(None), "gnu_get_libc_version")

RESIDENT = """
import sys
from stages.models.allocator import keep_freed_memory
if sys.argv[1] == "keep":
    assert keep_freed_memory()
def resident():
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmRSS:"))
before = resident()
blocks = [bytearray(b"x") * (10 << 20) for _ in range(20)]
full = resident() - before
del blocks
print((resident() - before) / full)
"""


@pytest.mark.skipif(not GLIBC, reason="no glibc")
def test_freed_memory_is_kept() -> None:
    """20 blocks of 10 MiB, taken and freed: the share of them that stays with the process."""
    kept, by_default = (
        float(subprocess.run([sys.executable, "-c", RESIDENT, how], capture_output=True, text=True, check=True).stdout)
        for how in ("keep", "leave")
    )
    assert kept > 0.9
    assert by_default < 0.5


@pytest.mark.parametrize("platform", ["darwin", "win32"])
def test_elsewhere_nothing_is_done(platform: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    assert not allocator.keep_freed_memory()


def test_nor_with_another_libc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(ctypes, "CDLL", lambda name: SimpleNamespace(mallopt=None))
    assert not allocator.keep_freed_memory()
