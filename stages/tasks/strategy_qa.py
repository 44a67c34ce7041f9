"""StrategyQA: yes/no questions whose steps must be found first (Geva et al. 2021,
https://arxiv.org/abs/2101.02235).

https://huggingface.co/datasets/ChilleD/StrategyQA, MIT: 1603 train and 687 test rows like

    qid: 2bc9c4f9c19c167187f2   term: Genghis Khan
    description: founder and first Great Khan of the Mongol Empire
    question: Are more people today related to Genghis Khan than Julius Caesar?   answer: True
    facts: Julius Caesar had three children. Genghis Khan had sixteen children. ...

Quirks: the answer is a boolean, yes or no here. The facts that lead to it stand for a solution; they do not
say the answer. Recorded answers of others call the task `strategyqa`; they are found by `qid`.
"""

from collections.abc import Iterator
from pathlib import Path

from pydantic import Field

from stages.shared.rows import Kind, Problem
from stages.tasks.reading.gold import YES_NO
from stages.tasks.reading.hub import HubParams, Row, Source, problems

SOURCE = Source("strategy_qa", "ChilleD/StrategyQA", ("default",))


class Params(HubParams):
    """See `HubParams`."""

    revision: str = Field("705562638fe1d8ca6bb98c66fc8f94d45fda8c83", min_length=1)


def load(split: str, params: Params, root: Path, seed: int) -> Iterator[Problem]:
    """The problems of `split`, in file order; ids are the data set's own. `seed` plays no part."""
    return problems(SOURCE, split, params, root, problem)


def problem(row: Row) -> Problem:
    """A row as a problem; BadInput where its answer is no boolean."""
    return Problem(
        id=row.text("qid"),
        task="strategy_qa",
        kind=Kind.YES_NO,
        split=row.split,
        question=row.text("question").strip(),
        answer=YES_NO[not row.value("answer", bool)],
        solution=row.maybe("facts"),
    )
