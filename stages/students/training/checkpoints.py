"""Checkpoints: where they lie, which training they belong to, and which is the last that is whole."""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from importlib.metadata import version
from itertools import count
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from stages.models.code import hash_of_code

CODE = ("students", "models")  # the packages that a training runs
SHARES = ("batch_size", "accumulate", "launcher")  # params that say how processes share out a step
# what `accelerate launch` says of how processes keep weights and optimizer: a checkpoint has that form
KEPT = (
    "ACCELERATE_USE_FSDP", "ACCELERATE_USE_DEEPSPEED", "ACCELERATE_MIXED_PRECISION", "FSDP_VERSION",
    "FSDP_STATE_DICT_TYPE",
)  # fmt: skip
LIBRARIES = ("torch", "transformers", "tokenizers", "accelerate", "peft", "bitsandbytes")


def processes() -> int:
    """How many processes train together, as `accelerate launch` says."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def fingerprint(*parts: object, any_count: bool = False) -> str:
    """A short hash of all that the outcome of a training depends on: where it is equal, a run may resume.

    That is `parts` (whatever JSON can write), our code, the libraries and the number of processes; with
    `any_count` only whether one process trains or several do.
    """
    libraries = [version(name) for name in LIBRARIES]
    everything = [parts, hash_of_code(*CODE), libraries, processes() > 1 if any_count else processes()]
    return hashlib.sha256(json.dumps(everything, sort_keys=True).encode()).hexdigest()[:16]


def shared_out(params: Mapping[str, Any]) -> dict[str, Any]:
    """`params` of a training as they enter its fingerprint.

    Where several processes train, how they share out the rows of a step does not: batch_size, accumulate and
    launcher give way to the number of rows. Weights and optimizer are then the same up to rounding, and a
    training goes on with another number of processes, as when fewer GPUs are free. Whether they share out
    the weights as well (FSDP), and in which precision they compute, does enter: the form of a checkpoint
    depends on it.
    """
    if processes() == 1:
        return dict(params)
    rest = {name: value for name, value in params.items() if name not in SHARES}
    kept = {name: os.environ.get(name, "").lower() for name in KEPT}
    kept = {name: value for name, value in kept.items() if value not in ("", "0", "false", "no")}
    return rest | {"rows_a_step": params["batch_size"] * params["accumulate"] * processes(), "kept": kept}


@contextmanager
def kept_until_done(folder: Path, key: str) -> Iterator[Path]:
    """A folder for the checkpoints of the training `key`, removed on a clean exit and kept on an error.

    A folder belongs to one run at a time: of two queued experiments that need the same training each has a
    folder of its own.
    """
    with ExitStack() as stack:
        mine = folder / key if processes() > 1 else _claim(folder, key, stack)
        yield mine
        if int(os.environ.get("RANK", "0")) == 0:
            shutil.rmtree(mine, ignore_errors=True)


def _claim(folder: Path, key: str, stack: ExitStack) -> Path:
    """The first folder for `key` that no process holds; the system frees the lock of a killed process."""
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
    whole = [path.parent for path in folder.glob("checkpoint-*/trainer_state.json") if _is_json(path)]
    return str(max(whole, key=lambda path: int(path.name.rsplit("-", 1)[1]))) if whole else None


def _is_json(path: Path) -> bool:
    try:
        json.loads(path.read_text())
    except ValueError:
        return False
    return True
