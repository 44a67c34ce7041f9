"""SVAMP: one-step word problems with distracting numbers (Patel et al. 2021,
https://arxiv.org/abs/2103.07191).

https://huggingface.co/datasets/ChilleD/SVAMP, MIT: 700 train and 300 test rows like

    ID: chal-777   Type: Common-Division   Equation: ( 290.0 / 2.0 )   Answer: 145
    Body: There are 87 oranges and 290 bananas in Philip's collection. If the bananas are organized into 2
    groups and oranges are
          organized into 93 groups
    Question: How big is each group of bananas?

Quirks: the question is `Body` and `Question` joined by a space, also where the body ends in mid-sentence;
some copies write answers as `145.0`. There is no worked solution: the equation stands for one.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from pydantic import Field

from stages.shared.rows import Kind, Problem
from stages.tasks.reading import gold
from stages.tasks.reading.hub import HubParams, Row, Source, problems

SOURCE = Source("svamp", "ChilleD/SVAMP", ("default",))
_WHOLE = re.compile(r"(?<=\d)\.0+(?!\d)")


class Params(HubParams):
    """See `HubParams`."""

    revision: str = Field("5e0bf1e5e7c0e9c4bc39180d224f41f3f801b7ef", min_length=1)


def load(split: str, params: Params, root: Path, seed: int) -> Iterator[Problem]:
    """The problems of `split`, in file order; ids are the data set's own. `seed` plays no part."""
    return problems(SOURCE, split, params, root, problem)


def problem(row: Row) -> Problem:
    """A row as a problem; BadInput where its answer is not a number."""
    answer = gold.number(row.text("Answer"))
    if answer is None:
        raise row.wrong(
            "the gold answer does not parse: expected a number in column 'Answer'", row.text("Answer")
        )
    equation = _WHOLE.sub("", row.text("Equation")).strip().removeprefix("( ").removesuffix(" )")
    return Problem(
        id=row.text("ID"),
        task="svamp",
        kind=Kind.NUMBER,
        split=row.split,
        question=f"{row.text('Body').strip()} {row.text('Question').strip()}",
        answer=answer,
        solution=f"{equation} = {answer}",
    )
