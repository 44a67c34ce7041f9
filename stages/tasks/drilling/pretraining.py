"""Rows that a base model made from nothing begins with: what drills and word lists share."""

import hashlib
import random
from collections.abc import Callable, Iterator

from stages.shared.errors import BadInput, unknown
from stages.shared.rows import Kind, Problem
from stages.shared.seen import Seen

SPLIT = "pretrain"

Make = Callable[[random.Random], tuple[str, list[str]]]
"""Draws a row: the question, and the lines of its answer."""


def pretraining_rows(task: str, split: str, count: int, make: Make, seed: int) -> Iterator[Problem]:
    """`count` different rows of the split `pretrain`.

    Raises BadInput for any other split: these rows are no problems to judge anybody by.
    """
    if split != SPLIT:
        raise BadInput(f"{task}: {unknown('split', split, [SPLIT])}")
    draw, seen, made = random.Random(f"{task}/{seed}"), Seen(), 0
    while made < count:  # it ends: of every kind there are billions of rows
        question, lines = make(draw)
        id = f"{task}-{hashlib.sha256(question.encode()).hexdigest()[:16]}"
        if seen.add(id):
            yield Problem(
                id=id,
                task=task,
                kind=Kind.OPEN,
                split=split,
                question=question,
                answer="; ".join(lines),
                solution="\n".join(lines),
            )
            made += 1
