"""What the params of a score name: names that do not exist are refused before anything is graded."""

from collections.abc import Sequence
from typing import Annotated, NamedTuple

from pydantic import AfterValidator, Field

from stages.shared.params import Strict


class Needs(NamedTuple):
    """Names, by what they are names of: arms, comparisons of arms, columns of an arm."""

    arms: Sequence[str] = ()
    comparisons: Sequence[str] = ()
    columns: Sequence[str] = ()


class ScoreParams(Strict):
    """Base of the params of a score."""

    def needs(self) -> Needs:
        """The names without which the score cannot be computed; none, unless the score's params say so."""
        return Needs()


def _different(pair: tuple[str, str]) -> tuple[str, str]:
    if pair[0] == pair[1]:
        raise ValueError("expected two different arms")
    return pair


# Two arms. YAML has lists only: `strict=False` lets a list stand for the tuple.
Pair = Annotated[tuple[str, str], Field(strict=False), AfterValidator(_different)]
