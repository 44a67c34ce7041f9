"""What the generated tasks share: sizes, the draw of problems that are all different, and words. The words
are few and short, since half of a tiny vocabulary are single bytes.

A problem's id is a hash of its context and question, and of the turns before it. The id alone fixes the split
(see `splits.GENERATED`), so no two of train, validation and test share a question whatever their sizes. The
split `pretrain` is for a base model made from nothing: a base model that had seen the train problems would
make them look easier. `solution` is the worked rationale, one short step a line, the last of which reaches
the answer.
"""

import hashlib
import random
from collections.abc import Callable, Iterator
from typing import NamedTuple

from pydantic import Field, model_validator

from stages.shared.errors import BadInput, unknown
from stages.shared.params import Strict
from stages.shared.rows import Kind, Message, Problem
from stages.shared.seen import Seen
from stages.tasks.splitting.splits import GENERATED, share

LEVELS = 3  # a problem has as many dependent steps, at most
NAMES = ["Tom", "Ben", "Sam", "Max", "Leo", "Dan", "Ann", "Eva", "Mia", "Zoe"]
PLACES = ["Bram", "Doro", "Kelm", "Pava", "Rusk", "Tarn", "Vesk", "Yorl", "Zand", "Korr", "Lund", "Elba"]
KINDS = ["dax", "wug", "fep", "zim", "mib", "yat", "vex", "zup", "jom", "hib", "nop", "rud"]
MISSES = 10_000  # draws in a row without a new question: then there are no more


class ToyParams(Strict):
    """How many problems of each split, and of which level."""

    train: int = Field(default=0, ge=0)  # so many train problems, all different
    validation: int = Field(default=0, ge=0)  # so many validation problems
    test: int = Field(default=0, ge=0)  # so many test problems
    pretrain: int = Field(default=0, ge=0)  # so many problems for a base model made from nothing
    # The weights of level 1, 2, 3.
    levels: list[float] = Field(default=[0.0, 2.0, 1.0], min_length=1, max_length=LEVELS)

    @model_validator(mode="after")
    def _some_level(self) -> "ToyParams":
        if min(self.levels) < 0 or sum(self.levels) <= 0:
            raise ValueError("levels: weights must not be negative, and one must be positive")
        return self


class Drawn(NamedTuple):
    """A problem without its id: `lines` are the solution."""

    question: str
    answer: str
    lines: list[str]
    context: str | None = None
    choices: list[str] | None = None
    history: list[Message] | None = None


Make = Callable[[random.Random, int], Drawn]
"""Draws a problem of a level."""


def problems(
    task: str, kind: Kind, split: str, params: ToyParams, seed: int, make: Make
) -> Iterator[Problem]:
    """Exactly as many different problems as `params` asks for. Raises BadInput where `make` cannot draw so
    many different questions."""
    if split not in GENERATED:
        raise BadInput(f"{task}: {unknown('split', split, GENERATED)}")
    wanted: int = getattr(params, split)
    low, high = GENERATED[split]
    draw = random.Random(f"{task}/{split}/{seed}")
    seen, misses = Seen(), 0
    while wanted:
        level = draw.choices(range(1, len(params.levels) + 1), params.levels)[0]
        drawn = make(draw, level)
        # not the options: they are the same problem in any order
        text = f"{drawn.context or ''} {drawn.question}"
        text += "".join(f"\n{turn['content']}" for turn in drawn.history or [])
        id = f"{task}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"
        if low <= share(id) < high and seen.add(id):
            yield _problem(id, task, kind, split, level, drawn)
            wanted, misses = wanted - 1, 0
        elif (misses := misses + 1) > MISSES:
            raise BadInput(
                f"{task}: {wanted} {split} problems short: no new question in {MISSES} draws; give higher "
                "levels more weight"
            )


def _problem(id: str, task: str, kind: Kind, split: str, level: int, drawn: Drawn) -> Problem:
    return Problem(
        id=id,
        task=task,
        kind=kind,
        split=split,
        question=drawn.question,
        answer=drawn.answer,
        solution="\n".join(drawn.lines),
        choices=drawn.choices,
        context=drawn.context,
        level=level,
        history=drawn.history,
    )


def lettered(draw: random.Random, right: str, rivals: list[str]) -> tuple[list[str], str]:
    """The options in any order, and the letter of the right one."""
    choices = [right, *rivals]
    draw.shuffle(choices)
    return choices, chr(ord("A") + choices.index(right))
