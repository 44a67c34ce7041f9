"""Generated lists of words to be recalled: what a base model made from nothing learns first.

A sample row of each kind, half of the rows each:

    question  red Tom 5 Pava dax ... / Pava        answer  Pava dax ... red Tom 5
    question  Tom: 5; red: Pava; ... / red; Tom    answer  red: Pava; Tom: 5; ...

(`/` stands for a newline.) In-context recall begins with copying: Olsson et al. 2022,
https://arxiv.org/abs/2209.11895. There is only the split `pretrain`.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from pydantic import Field, field_validator

from stages.shared.params import Strict
from stages.shared.rows import Problem
from stages.tasks.drilling.look_ups import LISTED, WORDS, recalls, rotations
from stages.tasks.drilling.pretraining import pretraining_rows


class Params(Strict):
    """How many rows, of which words."""

    # so many rows, all different
    pretrain: int = Field(default=0, ge=0)
    # the words that are listed, in an order that the rows depend on: those that are to be looked up later;
    # null: those of the tasks whose look-ups are drilled
    words: list[str] | None = None

    @field_validator("words")
    @classmethod
    def _enough(cls, words: list[str] | None) -> list[str] | None:
        if words is None:
            return None
        if len(set(words)) < len(words) or len(words) <= LISTED:
            raise ValueError(f"expected more than {LISTED} words, each named once")
        if strange := [word for word in words if not re.fullmatch(r"[^\s:;]+", word)]:
            raise ValueError(f"expected words without white space, `:` and `;`, got {strange[0]!r}")
        return words


def load(split: str, params: Params, root: Path, seed: int) -> Iterator[Problem]:
    """Exactly as many different rows as `params` asks for; `root` is not used, nothing is read.

    Raises BadInput for any split but `pretrain`: word lists are no problems to judge anybody by.
    """
    return pretraining_rows(
        "word_lists",
        split,
        params.pretrain,
        lambda draw: draw.choice((rotations, recalls))(draw, params.words or WORDS),
        seed,
    )
