"""ARC-Challenge: grade-school science questions that retrieval alone gets wrong (Clark et al. 2018,
https://arxiv.org/abs/1803.05457).

https://huggingface.co/datasets/allenai/ai2_arc, config `ARC-Challenge`, CC BY-SA 4.0: 1119 train, 299
validation and 1172 test rows like

    id: Mercury_7175875   answerKey: C
    question: An astronomer observes that a planet rotates faster after a meteorite impact. Which is ...
    choices: {text: [Planetary density will decrease., ...], label: [A, B, C, D]}

Quirks: three to five options; some rows label them `1` to `4`, and their key is such a digit: here options
have letters, by their place.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from pydantic import Field

from stages.shared.rows import Problem
from stages.tasks.reading.hub import HubParams, Source, problems
from stages.tasks.reading.multiple_choice import problem

SOURCE = Source(
    "arc_challenge",
    "allenai/ai2_arc",
    ("ARC-Challenge",),
    validation=("validation",),
    files="ARC-Challenge/*.parquet",
)


class Params(HubParams):
    """See `HubParams`."""

    revision: str = Field("210d026faf9955653af8916fad021475a3f00453", min_length=1)


def load(split: str, params: Params, root: Path, seed: int) -> Iterator[Problem]:
    """The problems of `split`, in file order; ids are the data set's own. `seed` plays no part."""
    return problems(SOURCE, split, params, root, partial(problem, task=SOURCE.task))
