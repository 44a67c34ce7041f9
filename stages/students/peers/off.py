"""Nothing: each student learns from the paths alone."""

from collections.abc import Sequence
from typing import Any, Literal

from stages.shared.params import Strict


class Params(Strict):
    """None."""

    kind: Literal["off"]


def build(params: Params, widths: tuple[int, int], vocabularies: tuple[int, int], seed: int) -> None:
    """None: there is no term."""


def check(names: Sequence[str], tokenizers: Sequence[Any]) -> None:
    """Any two models will do."""
