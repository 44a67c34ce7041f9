"""Generated lists of words to be recalled: what a base model made from nothing learns first.

A sample row of each kind, half of the rows each:

    question  red Tom 5 Pava dax ... / Pava        answer  Pava dax ... red Tom 5
    question  Tom: 5; red: Pava; ... / red; Tom    answer  red: Pava; Tom: 5; ...

(`/` stands for a newline.) In-context recall begins with copying: Olsson et al. 2022,
https://arxiv.org/abs/2209.11895. There is only the split `pretrain`.
"""

from collections.abc import Iterator
from pathlib import Path

from pydantic import Field

from stages.shared.params import Strict
from stages.shared.rows import Problem
from stages.tasks.drilling.look_ups import recalls, rotations
from stages.tasks.drilling.pretraining import pretraining_rows


class Params(Strict):
    """How many rows."""

    # so many rows, all different
    pretrain: int = Field(default=0, ge=0)


def load(split: str, params: Params, root: Path, seed: int) -> Iterator[Problem]:
    """Exactly as many different rows as `params` asks for; `root` is not used, nothing is read.

    Raises BadInput for any split but `pretrain`: word lists are no problems to judge anybody by.
    """
    return pretraining_rows(
        "word_lists", split, params.pretrain, lambda draw: draw.choice((rotations, recalls))(draw), seed
    )
