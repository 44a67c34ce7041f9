"""How a stage is started and how it says that something is wrong."""

import argparse
import ctypes
import os
import signal
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

from tqdm import tqdm

from stages.shared.errors import BadInput, Paused

Item = TypeVar("Item")
PR_SET_PDEATHSIG = 1  # of linux/prctl.h
PAUSED = 75  # the exit status of a stage that was paused


def run(
    stage: Callable[[str], None],
    instead: Mapping[str, Callable[[list[str]], None]] = MappingProxyType({}),
    family: str = "system",
) -> None:
    """Runs `stage` on the entry of params.yaml that the command line names.

    `family` says what is named: a base, a system, a student or a practice. `instead` maps a flag to a
    function that runs in place of the stage, with the other arguments. Exit status 0: done. 1: bad input, or
    a failed read or write, told in one line. 75: paused. 130: interrupted. A bug keeps its traceback.
    """
    if "DVC_STAGE" in os.environ:  # started by DVC: killed with -9, DVC would leave this process behind
        end_with_parent()
    name = Path(sys.argv[0]).stem
    parser = argparse.ArgumentParser(
        prog=f"python -m stages.{name}", description=sys.modules["__main__"].__doc__
    )
    section = family if family == "practice" else f"{family}s"
    parser.add_argument(family, help=f"a section of params.yaml: {section}.<{family}>")
    for flag, function in instead.items():
        parser.add_argument(flag, action="store_true", help=function.__doc__)
    flag_given = next((flag for flag in instead if flag in sys.argv[1:]), None)
    if flag_given:
        rest = [argument for argument in sys.argv[1:] if argument != flag_given]
        guard(name, lambda: instead[flag_given](rest))
    else:
        entry = getattr(parser.parse_args(), family)
        guard(name, lambda: stage(entry))


def guard(name: str, act: Callable[[], None]) -> None:
    """Runs `act`; what is wrong with its input is told in one line that starts with `name`, and ends the
    process."""
    try:
        act()
    except BadInput as error:
        sys.exit(f"{name}: {error}")
    except Paused as error:
        print(f"{name}: {error}", file=sys.stderr)
        sys.exit(PAUSED)
    except OSError as error:
        if error.errno is None:
            raise
        sys.exit(f"{name}: {error.filename or 'i/o'}: {error.strerror}")
    except KeyboardInterrupt:
        print(f"{name}: interrupted; run it again to go on", file=sys.stderr)
        sys.exit(130)


def progress(items: Iterable[Item], what: str, total: int | None = None) -> Iterable[Item]:
    """`items` with a progress bar on standard error; in a log it prints a line every ten seconds at most."""
    bar: Iterable[Item] = tqdm(
        items, desc=what, total=total, unit="row", mininterval=0.2 if sys.stderr.isatty() else 10
    )
    return bar


def working_directory() -> Path:
    """Where unfinished work is kept: `.athanor` in the repository, outside every stage's outs.

    DVC removes a stage's outs before it runs, and `dvc exp run --temp` works in a copy: DVC_ROOT names the
    repository it belongs to.
    """
    return Path(os.environ.get("DVC_ROOT", ".")) / ".athanor"


def is_main_process() -> bool:
    """Whether this process writes: of those that `accelerate launch` starts together the first does."""
    return os.environ.get("RANK", "0") == "0"


def end_with_parent(parent: int | None = None) -> None:
    """Has the system end this process once the process that started it is gone, however that one ended. Linux
    only; elsewhere nothing happens.

    With `parent`, the process id of that one, it also ends where that one is gone already.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if parent is not None and os.getppid() != parent:
            os.kill(os.getpid(), signal.SIGKILL)


def cores() -> int:
    """How many processors this process may use."""
    usable = getattr(os, "sched_getaffinity", None)  # absent on macOS
    return len(usable(0)) if usable else os.cpu_count() or 1
