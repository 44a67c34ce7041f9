"""What a metric is: a number with its 95 % interval."""

from typing import NamedTuple


class Estimate(NamedTuple):
    """A number with its 95 % interval (low, high)."""

    value: float
    low: float
    high: float


Estimates = dict[str, Estimate | None]  # by the metric's name; None where the problems leave it undefined
