"""The result of comparing two answers, and the policies to choose from where public graders differ."""

from typing import Literal, NamedTuple

from pydantic import Field

from stages.graders.reading.limits import Limits
from stages.shared.params import Strict


class Comparison(NamedTuple):
    """Whether two answers are the same; a Comparison is true where the answers are."""

    same: bool
    how: str  # what decided, in short stable words: `same text`, `exact fraction`, `within tolerance`

    def __bool__(self) -> bool:
        return self.same


class Policies(Strict):
    """What counts as equal where public graders differ. The defaults are those of the public grader cases."""

    # Relative tolerance where either side is written with decimals. 1e-7 accepts 0.6666667 for 2/3, not 0.33
    # for 1/3.
    relative_tolerance: float = Field(default=1e-7, ge=0, lt=0.1)
    # `lenient`: 25% also equals 25, 0.25 and 1/4, though 0.25 never equals 25.
    # `strict`: a percent sign must stand on both sides or on neither.
    percent: Literal["lenient", "strict"] = "lenient"
    # `optional`: a unit, currency or degree sign may be missing on either side.
    # `strict`: a unit must stand on both sides or on neither.
    units: Literal["optional", "strict"] = "optional"
    # `free`: the order of a bare list does not count. `kept`: the order counts.
    # The order of sets never counts. The order of tuples, points, intervals and matrices always does.
    order: Literal["free", "kept"] = "free"
    # `loose`: case, spaces, articles and punctuation of words do not count. `strict`: case and punctuation
    # count.
    text: Literal["loose", "strict"] = "loose"
    # Limits of SymPy, which runs in a process of its own for integrals, limits and the like; null: no SymPy.
    symbolic: Limits | None = Limits()


class Rules(NamedTuple):
    """The policies that matter to trees of expressions."""

    tolerance: float  # relative, where decimals are written
    free: bool  # whether the order of a bare list does not count
    percent: bool  # whether a missing percent sign does not count

    @classmethod
    def of(cls, policies: Policies) -> "Rules":
        """The rules that follow from `policies`."""
        return cls(policies.relative_tolerance, policies.order == "free", policies.percent == "lenient")
