"""Which split a row goes to, and how many go there. A split is decided by ids alone, so no row moves when
sizes or order change."""

import hashlib
from typing import Annotated, Any

from pydantic import Field, PlainValidator

from stages.shared.errors import BadInput, unknown
from stages.shared.params import Strict
from stages.shared.rows import VALIDATION as VALIDATION

TRAIN, TEST = "train", "test"
SPLITS = (TRAIN, VALIDATION, TEST)

GENERATED = {TEST: (0.0, 0.1), TRAIN: (0.1, 0.55), "pretrain": (0.55, 1.0), VALIDATION: (0.9, 1.0)}
"""The splits of generated tasks: from which `share` of the id on, and up to which. `pretrain` is for a base
model made from nothing: a base model that had seen the train problems would make them look easier than they
are. `validation` shares ids with `pretrain` alone, whose copies of validation problems the corpus drops."""


def _number_or_share(value: Any) -> int | float | None:
    if value is None or (type(value) is int and value >= 0) or (type(value) is float and 0 < value < 1):
        return value
    raise ValueError("expected a number of rows (0: none), a share between 0 and 1, or null (all)")


NumberOrShare = Annotated[int | float | None, PlainValidator(_number_or_share)]
"""A params type: a number of rows, a share of rows, or null."""


class Sizes(Strict):
    """How many rows of each split a data set gives, and which rows are held out."""

    train: int | None = Field(None, ge=0)  # at most so many rows (null: all, 0: none)
    test: int | None = Field(None, ge=0)  # at most so many rows (null: all, 0: none)
    # A whole number: at most so many rows of the data set's own validation split (null: all, 0: none).
    # A share such as 0.1: that share of the train rows, which a hash of the id takes out of train.
    validation: NumberOrShare = 0
    # The share of all rows that goes to test by a hash of the id (null: the data set's own splits).
    held_out: float | None = Field(None, gt=0, lt=1)

    @property
    def validation_share(self) -> float:
        """The share of the train rows that goes to validation; 0 where validation is a split of its own."""
        return self.validation if isinstance(self.validation, float) else 0.0

    def limit(self, split: str) -> int | None:
        """At most so many rows of `split` (None: all); raises BadInput for any other, such as `pretrain`:
        these data sets have none."""
        if split not in SPLITS:
            raise BadInput(
                f"{unknown('split', split, SPLITS)}; for bases.<base>.corpus.tasks take word_problems, "
                "or pin a model"
            )
        limits = {TRAIN: self.train, TEST: self.test, VALIDATION: self.validation}
        limit = limits[split]
        return None if isinstance(limit, float) else limit


def share(id: str) -> float:
    """A number in [0, 1), the same for the same id on every machine: the first 52 bits of its SHA-256."""
    digest = hashlib.sha256(id.encode("utf-8", "surrogatepass")).digest()
    return (int.from_bytes(digest[:8], "big") >> 12) / 2**52


def split_of(id: str, held_out: float, validation: float = 0.0) -> str:
    """`test` for the share `held_out` (0 to 1) of all ids; of the others `validation` for the share
    `validation`, by a second hash; `train` for the rest.

    A larger share only ever adds to its split, and a larger `held_out` moves no row between the other two.
    """
    if share(id) < held_out:
        return TEST
    return VALIDATION if share(f"{VALIDATION} {id}") < validation else TRAIN
