"""Checkpoints: what a killed run goes on from, and who may write where."""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.metadata import version
from itertools import count
from pathlib import Path

from filelock import FileLock, Timeout

CODE = Path(__file__).parent


def processes() -> int:
    """How many processes train together, as `accelerate launch` says."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def fingerprint(*parts: object) -> str:
    """A short hash of all that a training's outcome depends on: `parts` (whatever JSON can write), this code,
    the libraries and the number of processes. The same fingerprint, the same checkpoints."""
    code = [path.read_text() for path in sorted(CODE.glob("*.py"))]
    libraries = [version(name) for name in ("torch", "transformers", "accelerate", "peft")]
    return hashlib.sha256(
        json.dumps([parts, code, libraries, processes()], sort_keys=True).encode()
    ).hexdigest()[:16]


@contextmanager
def kept_until_done(folder: Path, key: str) -> Iterator[Path]:
    """A folder for the checkpoints of the training `key`, which is removed on a clean exit and left to a next
    run on any other.

    It belongs to one run at a time: two queued experiments may both need the same training, and then each has
    a folder of its own.
    """
    with ExitStack() as stack:
        mine = folder / key if processes() > 1 else _claim(folder, key, stack)
        yield mine
        if int(os.environ.get("RANK", "0")) == 0:
            shutil.rmtree(mine, ignore_errors=True)


def _claim(folder: Path, key: str, stack: ExitStack) -> Path:
    """The first folder for `key` that no running process holds; the system lets go of a killed one's lock."""
    for number in count():
        mine = folder / f"{key}-{number}"
        mine.mkdir(parents=True, exist_ok=True)
        try:
            stack.enter_context(FileLock(mine / "lock").acquire(timeout=0))
        except Timeout:
            continue
        return mine
    raise AssertionError("unreachable")


def last_whole(folder: Path) -> str | None:
    """The newest checkpoint that was written whole: the trainer writes its state last."""
    found = [path.parent for path in folder.glob("checkpoint-*/trainer_state.json") if _is_json(path)]
    return str(max(found, key=lambda path: int(path.name.rsplit("-", 1)[1]))) if found else None


def _is_json(path: Path) -> bool:
    try:
        json.loads(path.read_text())
    except ValueError:
        return False
    return True
