"""Who learns: `train(chats, job, params)` writes a model folder that describes itself, and curves of how the
training went.

The folder holds the weights (safetensors), the tokenizer and `student.json`: the params, a hash of the data
and the base model that the training started from. Equal chats, seed, params and threads give equal bytes on
a CPU. A killed training resumes from its last checkpoint. May import: shared, models.
"""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from stages.shared.registry import load_member
from stages.shared.rows import Chat, Prompt, Response, Trace

# bitsandbytes warns of a missing CPU kernel whenever the trainer is imported
logging.getLogger("bitsandbytes").setLevel(logging.ERROR)

STUDENTS = {
    "scratch": "a small transformer with its own tokenizer, trained from nothing",
    "sft": "a base model, fine-tuned: all its weights, or low-rank adapters",
}


class Held(NamedTuple):
    """What a training is measured by while it goes on."""

    # the chats of validation problems, made as those of the training are
    chats: Sequence[Chat]
    # the validation problems, as the student is asked
    prompts: Sequence[Prompt]
    # grades an answer; the same in every process
    grade: Callable[[Response], Trace]
    # what identifies all of this: with another key it is another training
    key: str


class Job(NamedTuple):
    """Where a training reads and writes."""

    # the model folder that is written
    out: Path
    # the folder of the curves that is written
    curves: Path
    # the folder of checkpoints; outside every out of a stage, so that it outlives a killed run
    checkpoints: Path
    # what every random choice is drawn from
    seed: int
    # the folder of the model that the training starts from
    base: Path | None = None
    # what it is measured by, where params ask for a validation
    held: Held | None = None


class Student(Protocol):
    """The contract of a member; `Params` (a Strict model) is its section of params."""

    Params: Any

    def train(self, chats: Sequence[Chat], job: Job, params: Any) -> None: ...


def student(name: str) -> Student:
    """The member called `name`."""
    member: Student = load_member(__name__, STUDENTS, name)
    return member
