"""What is reported: `score(table, params, seed)` gives metrics over the graded answers of all arms.

Each metric has its interval. `plots(table, params)` gives the tables that go with the metrics, to be drawn.
Members and `measures/` and `pages/` are pure: they open no files. `stages/evaluate.py` and `stages/enrich.py`
import this package.
"""

from typing import Any, Protocol

from stages.scores.measures.estimates import Estimates
from stages.scores.measures.table import Table
from stages.shared.registry import load_member

SCORES = {
    "accuracy": "share of right answers, by arm, level and difficulty, and paired differences between arms",
    "glyph_use": "where glyphs are used: rate by difficulty, selectivity, AUROC, F1, structure, leaks",
    "signal_use": "whether signals stand where they are asked for, as often as asked, and nowhere else",
    "length": "tokens per answer, and how answers end",
    "by_task": "accuracy and tokens task by task, and their means over tasks, every task counting the same",
}


class Score(Protocol):
    """The contract of a member; `Params` (a ScoreParams model) is its section of params.

    A `Table` is built once: a pair of arms is two arrays over the same problems. A metric's name nests by its
    dots. A metric that these problems leave undefined is None. A plot is CSV by its name; a plot of which the
    problems say nothing is absent.
    """

    Params: Any

    def score(self, table: Table, params: Any, seed: int) -> Estimates: ...

    def plots(self, table: Table, params: Any) -> dict[str, str]: ...


def score(name: str) -> Score:
    """The member called `name`."""
    member: Score = load_member(__name__, SCORES, name)
    return member
