"""Which split a row goes to, and how many go there. A split is decided by ids alone, so no row moves when
sizes or order change."""

import hashlib

from pydantic import Field

from stages.shared.errors import BadInput, unknown
from stages.shared.params import Strict

TRAIN, TEST = "train", "test"


class Sizes(Strict):
    """`train`, `test`: at most so many rows (None: all, 0: none). `held_out`: the share of all rows that goes
    to test by a hash of the id (None: the data set's own splits)."""

    train: int | None = Field(None, ge=0)
    test: int | None = Field(None, ge=0)
    held_out: float | None = Field(None, gt=0, lt=1)

    def limit(self, split: str) -> int | None:
        """At most so many rows of `split`; raises BadInput for any other, such as `pretrain`: these data sets
        have none."""
        if split not in (TRAIN, TEST):
            raise BadInput(
                f"{unknown('split', split, (TRAIN, TEST))}; for base.corpus take word_problems, or pin a model"
            )
        return self.train if split == TRAIN else self.test


def share(id: str) -> float:
    """A number in [0, 1), the same for the same id on every machine: the first 52 bits of its SHA-256."""
    digest = hashlib.sha256(id.encode("utf-8", "surrogatepass")).digest()
    return (int.from_bytes(digest[:8], "big") >> 12) / 2**52


def split_of(id: str, held_out: float) -> str:
    """`test` for the share `held_out` (0 to 1) of all ids, `train` for the others; a larger share only ever
    adds to test."""
    return TEST if share(id) < held_out else TRAIN
