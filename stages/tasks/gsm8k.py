"""GSM8K: grade-school word problems of two to eight steps (Cobbe et al. 2021,
https://arxiv.org/abs/2110.14168).

https://huggingface.co/datasets/openai/gsm8k, config `main`, MIT: 7473 train and 1319 test rows like

    question: Weng earns $12 an hour for babysitting. Yesterday, she just did 50 minutes of babysitting. How
    much did she earn?
    answer: Weng earns 12/60 = $<<12/60=0.2>>0.2 per minute.\\nWorking 50 minutes, she earned 0.2 x 50 =
    $<<0.2*50=10>>10.\\n#### 10

Quirks: the number after `####` may have thousands separators; `<<...>>` are calculator calls, left out of the
solution.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from pydantic import Field

from stages.shared.rows import Kind, Problem
from stages.tasks.reading import gold
from stages.tasks.reading.hub import HubParams, Row, Source, problems

SOURCE = Source("gsm8k", "openai/gsm8k", ("main",))
_CALCULATOR = re.compile(r"<<[^<>]*>>")


class Params(HubParams):
    """See `HubParams`."""

    revision: str = Field("740312add88f781978c0658806c59bc2815b9866", min_length=1)


def load(split: str, params: Params, root: Path, seed: int) -> Iterator[Problem]:
    """The problems of `split`, in file order; ids are `gsm8k-<own split>-<row>`. `seed` plays no part."""
    return problems(SOURCE, split, params, root, problem)


def problem(row: Row) -> Problem:
    """A row as a problem; BadInput where its answer does not end in `#### <number>`."""
    solution, mark, last = row.text("answer").rpartition("####")
    answer = gold.number(last)
    if not mark or answer is None:
        raise row.wrong(
            "the gold answer does not parse: expected '#### <number>' at its end", row.text("answer")
        )
    return Problem(
        id=f"gsm8k-{row.split}-{row.number}",
        task="gsm8k",
        kind=Kind.NUMBER,
        split=row.split,
        question=row.text("question").strip(),
        answer=answer,
        solution=_CALCULATOR.sub("", solution).strip() or None,
    )
