"""What is reported: `score(table, seed)` gives a flat mapping of metrics over the graded answers of all arms,
each with its interval.

`plots(table)` gives the tables that go with them, to be drawn.
"""

from typing import NamedTuple, Protocol

from stages.scores.measures.table import Table
from stages.shared.registry import load_member

SCORES = {
    "accuracy": "share of right answers, by arm, level and difficulty, and paired differences between arms",
    "glyph_use": "where glyphs are used: rate by difficulty, selectivity, AUROC, F1, structure, leaks",
    "length": "tokens per answer, and how answers end",
    "by_task": "accuracy and tokens task by task, and their means over tasks, every task counting the same",
}


class Estimate(NamedTuple):
    """A number with its 95 % interval (low, high)."""

    value: float
    low: float
    high: float


class Score(Protocol):
    """The contract of a member: it takes a `Table`, built once, so that a pair of arms is two arrays over the
    same problems.

    A metric whose arms were not generated is absent from the answer; one that these problems leave undefined
    is None. A dot in a metric's name nests it. A plot is CSV by its name; one for which the problems say
    nothing is absent.
    """

    def score(self, table: Table, seed: int) -> dict[str, Estimate | None]: ...

    def plots(self, table: Table) -> dict[str, str]: ...


def score(name: str) -> Score:
    """The member called `name`."""
    member: Score = load_member(__name__, SCORES, name)
    return member
