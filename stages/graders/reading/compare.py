"""How two answers compare, and the policies that a person may choose where readers differ."""

from typing import Literal, NamedTuple

from pydantic import Field

from stages.graders.reading.limits import Limits
from stages.shared.params import Strict


class Comparison(NamedTuple):
    """`how` names, in short stable words, what decided: `same text`, `exact fraction`, `within tolerance`,
    `values at points` ..."""

    same: bool
    how: str

    def __bool__(self) -> bool:
        return self.same


class Policies(Strict):
    """What counts as equal where readers differ. The defaults are those of the public grader cases.

    relative_tolerance   where a decimal is written: 1e-7 takes 0.6666667 for 2/3, and 0.33 not for 1/3
    percent              `lenient`: 25% is also 25, 0.25 and 1/4 (though 0.25 is never 25); `strict`: only where both or neither have it
    units                `optional`: a unit, currency or degree sign may be missing on either side; `strict`: it must stand on both
    order                `free`: bare lists ignore order, as sets do; `kept`: they do not. Tuples, points, intervals and matrices never do
    text                 `loose`: words ignore case, spaces, articles and punctuation; `strict`: case and punctuation count
    symbolic             limits of the last resort, SymPy in a process of its own for integrals, limits and the like; null: do without it
    """

    relative_tolerance: float = Field(default=1e-7, ge=0, lt=0.1)
    percent: Literal["lenient", "strict"] = "lenient"
    units: Literal["optional", "strict"] = "optional"
    order: Literal["free", "kept"] = "free"
    text: Literal["loose", "strict"] = "loose"
    symbolic: Limits | None = Limits()


class Rules(NamedTuple):
    """The relative tolerance for decimals, whether lists ignore order, whether a missing percent sign does
    not count."""

    tolerance: float
    free: bool
    percent: bool

    @classmethod
    def of(cls, policies: Policies) -> "Rules":
        """The rules that `policies` say."""
        return cls(policies.relative_tolerance, policies.order == "free", policies.percent == "lenient")
