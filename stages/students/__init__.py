"""Who learns: `train(chats, job, params)` writes a model folder that describes itself, and curves of how it
went.

The folder holds the weights (safetensors), the tokenizer and `student.json`: the params, a hash of the data,
the base it started from.
"""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from stages.shared.registry import load_member
from stages.shared.rows import Chat

logging.getLogger("bitsandbytes").setLevel(
    logging.ERROR
)  # it warns of a missing CPU kernel whenever the trainer is imported

STUDENTS = {
    "scratch": "a small transformer with its own tokenizer, trained from nothing",
    "sft": "a base model, fine-tuned: all its weights, or low-rank adapters",
}


class Job(NamedTuple):
    """Where a training reads and writes. `checkpoints` lies outside every out, so that a killed run can be
    resumed."""

    out: Path
    curves: Path
    checkpoints: Path
    seed: int
    base: Path | None = None


class Student(Protocol):
    """The contract of a member; `Params` (a Strict model) is its section of params."""

    Params: Any

    def train(self, chats: Sequence[Chat], job: Job, params: Any) -> None: ...


def student(name: str) -> Student:
    """The member called `name`."""
    member: Student = load_member(__name__, STUDENTS, name)
    return member
