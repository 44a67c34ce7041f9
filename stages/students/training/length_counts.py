"""Lengths of any number of rows, in memory that grows with the number of different lengths alone."""

from collections import Counter
from collections.abc import Iterable
from fractions import Fraction
from math import ceil

QUANTILES = {"p50": "0.5", "p95": "0.95", "p99": "0.99"}


class LengthCounts:
    """How many rows have each length, in tokens; quantiles are exact."""

    def __init__(self, lengths: Iterable[int] = ()) -> None:
        self.counts: Counter[int] = Counter(lengths)

    def add(self, length: int) -> None:
        """Counts a row of `length` tokens."""
        self.counts[length] += 1

    def quantile(self, share: str) -> int:
        """The least length that at least `share` (0 to 1, as a decimal) of the rows do not exceed, which is
        the nearest rank. 0 where there are no rows."""
        rank = ceil(Fraction(share) * self.counts.total())
        for length in sorted(self.counts):
            rank -= self.counts[length]
            if rank <= 0:
                return length
        return 0

    def above(self, limit: int) -> int:
        """How many rows are longer than `limit`."""
        return sum(count for length, count in self.counts.items() if length > limit)

    def tokens(self) -> int:
        """The tokens of all rows together."""
        return sum(length * count for length, count in self.counts.items())

    def summary(self) -> dict[str, int]:
        """`p50`, `p95`, `p99` and `max`."""
        named = {name: self.quantile(share) for name, share in QUANTILES.items()}
        return named | {"max": max(self.counts, default=0)}
