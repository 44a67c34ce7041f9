"""ANLI: natural language inference, written to fool models, in three rounds of growing difficulty (Nie et al.
2020, https://arxiv.org/abs/1910.14599).

https://huggingface.co/datasets/facebook/anli, CC BY-NC 4.0: train_r1 (16946), dev_r1, test_r1 (1000 each),
and so on to train_r3 (100459), dev_r3 and test_r3 (1200 each), rows like

    uid: b0e63408-...   label: 0   reason: Sunday is considered ...
    premise: It is Sunday today, let's take a look at the most popular posts of the last couple of days. ...
    hypothesis: The day of the passage is usually when Christians praise the lord together

Quirks: labels are 0 entailment, 1 neutral, 2 contradiction; `reason` is the writer's, often about the fooled
model, and blank in most train rows, so it is no solution. The dev splits are validation. The round stands in
`level`.
"""

from collections.abc import Iterator
from pathlib import Path

from pydantic import Field, field_validator

from stages.shared.rows import Kind, Problem
from stages.tasks.reading.gold import NLI
from stages.tasks.reading.hub import HubParams, Row, Source, problems

ROUNDS = (1, 2, 3)
OWN_SPLITS = ("train", "dev", "test")  # dev is validation here


class Params(HubParams):
    """The sizes of the splits, and which rounds are read."""

    revision: str = Field("8e4813d81f46d313dac7892e1c28076917cfcdf9", min_length=1)  # see HubParams
    rounds: list[int] = Field(list(ROUNDS), min_length=1)  # which of the three are read, in this order

    @field_validator("rounds")
    @classmethod
    def _check(cls, value: list[int]) -> list[int]:
        if sorted(set(value) & set(ROUNDS)) != value:
            raise ValueError(f"expected some of the rounds 1, 2, 3, in this order, got {value}")
        return value


def load(split: str, params: Params, root: Path, seed: int) -> Iterator[Problem]:
    """The problems of `split`, round after round in file order; ids are the data set's own. `seed` plays no
    part."""
    train, dev, test = ([f"{name}_r{number}" for number in params.rounds] for name in OWN_SPLITS)
    left_out = [
        f"{name}_r{number}" for name in OWN_SPLITS for number in ROUNDS if number not in params.rounds
    ]
    source = Source("anli", "facebook/anli", ("plain_text",), train, dev, test, left_out)
    return problems(source, split, params, root, problem)


def problem(row: Row) -> Problem:
    """A row as a problem, its premise as context; BadInput where premise or hypothesis is missing, or the
    label is not 0, 1 or 2."""
    label = row.value("label", int)
    if label not in range(len(NLI)):
        raise row.wrong(
            "expected 0 (entailment), 1 (neutral) or 2 (contradiction) in column 'label'", str(label)
        )
    return Problem(
        id=row.text("uid"),
        task="anli",
        kind=Kind.NLI,
        split=row.split,
        question=row.text("hypothesis").strip(),
        answer=NLI[label],
        context=row.text("premise").strip(),
        level=int(row.split[-1]),
    )
