"""BIG-bench date understanding: dates worked out from a short story (Srivastava et al. 2022,
https://arxiv.org/abs/2206.04615).

https://huggingface.co/datasets/tasksource/bigbench, config `date_understanding`, Apache 2.0: 296 train and 73
validation rows like

    inputs: Yesterday was April 30, 2021. What is the date today in MM/DD/YYYY?
    targets: [05/01/2021]   idx: 0
    multiple_choice_targets: [05/01/2021, 02/23/2021, ...]   multiple_choice_scores: [1, 0, 0, 0, 0, 0]

Quirks: five or six options, the right one nearly always first, so they are shuffled as Kojima et al. 2022 did
(three shuffles a row, in the order of `idx`, from seed 1;
https://github.com/kojima-takeshi188/zero_shot_cot): answers recorded for their options fit ours. In a copy
with rows missing before the last one the orders are others. Some copies put `Q: ` before and `A:` after the
question. Test is the validation split, and validation a share of train. BIG-bench must not be trained on if
its results are to count.
"""

import random
import re
from collections.abc import Iterator
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from stages.shared.rows import Kind, Problem
from stages.tasks.reading.hub import HubParams, Row, Source, locate, problems, read
from stages.tasks.reading.options import LETTERS, check

CONFIG = "date_understanding"
SOURCE = Source("date", "tasksource/bigbench", (CONFIG,), test=("validation",), files=f"{CONFIG}/*.parquet")
_FRAME = re.compile(r"\A\s*(?:Q:)?\s*(.*?)\s*(?:\n\s*A:)?\s*\Z", re.DOTALL)
Orders = dict[Any, list[int]]


class Params(HubParams):
    """See `HubParams`. The newest revision of the Hub repository is read unless `revision` names a commit."""


def load(split: str, params: Params, root: Path, seed: int) -> Iterator[Problem]:
    """The problems of `split`, in file order; ids are `date-<idx>`. `seed` plays no part: the order of
    options is that of the records."""
    if params.limit(split) == 0:
        return iter(())
    rows = chain.from_iterable(read(locate(SOURCE, params.revision, root), CONFIG).values())
    sizes = {
        row.get("idx"): len(row["multiple_choice_targets"])
        if isinstance(row.get("multiple_choice_targets"), list)
        else 0
        for row in rows
    }
    return problems(SOURCE, split, params, root, partial(problem, orders=shuffled(sizes)))


def shuffled(sizes: dict[Any, int]) -> Orders:
    """From `idx` to the places of the options in the order shown, given how many options each row has."""
    draw, orders = random.Random(1), {}
    for idx in sorted(idx for idx in sizes if isinstance(idx, int)):
        places = list(range(sizes[idx]))
        for _ in range(3):
            draw.shuffle(places)
        orders[idx] = places
    return orders


def problem(row: Row, orders: Orders) -> Problem:
    """A row as a problem; BadInput where not exactly one option has the score 1."""
    texts, scores = row.value("multiple_choice_targets", list), row.value("multiple_choice_scores", list)
    if len(texts) != len(scores) or scores.count(1) != 1 or scores.count(0) != len(scores) - 1:
        raise row.wrong(
            "expected one score of 1, a score of 0 for each other option, in column 'multiple_choice_scores'",
            str(scores),
        )
    check(texts, (), row.where)
    framed = _FRAME.match(row.text("inputs"))
    order = orders[row.value("idx", int)]
    if len(order) != len(texts):
        raise row.wrong("another row has the same 'idx'", str(row.values["idx"]))
    return Problem(
        id=f"date-{row.value('idx', int)}",
        task="date",
        kind=Kind.CHOICE,
        split=row.split,
        question=framed[1] if framed else row.text("inputs"),
        answer=LETTERS[order.index(scores.index(1))],
        choices=[texts[place] for place in order],
    )
