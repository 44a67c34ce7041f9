"""The graded answers as arrays: one place a problem, the same place in every arm."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Flags = npt.NDArray[np.bool_]
Numbers = npt.NDArray[np.float64]
Words = npt.NDArray[np.str_]


@dataclass(frozen=True)
class Arm:
    """One answer to each problem; every array has the shape (problems,)."""

    right: Flags  # the final answer equals the gold answer
    stopped: Flags  # the model ended the answer itself; it was not cut off at its limit
    tokens: Numbers
    # By the name of a set of marks: whether the answer uses any of them. By the name of a grader: whether its
    # grade is 1.
    columns: dict[str, Flags]
    # By `<grader>.<fact>`: what the grader saw besides its grade, numbers or words.
    facts: dict[str, Numbers | Words] = field(default_factory=dict)


@dataclass(frozen=True)
class Table:
    """The arms by name, and what is known of each problem; every array has the shape (problems,)."""

    arms: dict[str, Arm]
    compare: dict[
        str, tuple[str, str]
    ]  # name of a comparison -> an arm and the arm that is subtracted from it
    task: Words
    level: npt.NDArray[np.int64]  # 0 where a problem has no level
    failure: Numbers | None  # the base model's measured failure rate; None where it was not probed
    hard: Flags | None  # where the base model fails: its pass rate is below `hard_below`

    def __len__(self) -> int:
        return len(self.level)


BINS = ("0", "0-25", "25-50", "50-75", "75-100", "100")  # the base model's failure rate in percent
EDGES = (0.0, 0.25, 0.5, 0.75)


def bin_of(failure: float) -> str:
    """The bin of a failure rate from 0 to 1.

    `0` is exactly 0 (always right), `0-25` is (0, 0.25], ..., `75-100` is (0.75, 1), `100` is exactly 1
    (never right).
    """
    return BINS[int(np.searchsorted(EDGES, failure)) + (failure >= 1)]


def bins(table: Table) -> dict[str, Flags]:
    """Which problems lie in each bin, empty bins left out; nothing where the base model was not probed."""
    if table.failure is None:
        return {}
    names = np.array([bin_of(rate) for rate in table.failure])
    return {name: names == name for name in BINS if (names == name).any()}
