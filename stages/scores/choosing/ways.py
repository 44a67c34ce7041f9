"""Several ways to answer the same problems, redrawn together: means, differences and shares of a gap."""

from collections.abc import Mapping, Sequence

import numpy as np

from stages.scores.measures.estimates import Estimate
from stages.scores.measures.intervals import combined, difference, proportion, resampled_means
from stages.scores.measures.table import Numbers


class Ways:
    """The figures of each way in each group of problems, of shape (problems,): the groups count the same.

    Where all figures are 0 or 1 the intervals are those of proportions, which keep a width at 0 of n and n of
    n; else those of the bootstrap, in which a problem is drawn with the figures of all ways.
    """

    def __init__(self, groups: Sequence[Mapping[str, Numbers]], seed: int) -> None:
        self.groups = groups
        columns = [np.stack(list(group.values()), axis=1) for group in groups]
        self.values = dict(zip(groups[0], np.mean([part.mean(0) for part in columns], axis=0), strict=True))
        self.redrawn = dict(zip(groups[0], resampled_means(columns, seed).T, strict=True))

    def mean(self, way: str) -> Estimate | None:
        """The mean over groups of the way's mean."""
        if self._flags(way):
            shares = (proportion(group[way] == 1) for group in self.groups)
            return combined([share for share in shares if share])
        return _estimate(self.values[way], self.redrawn[way])

    def difference(self, way: str, subtracted: str) -> Estimate | None:
        """The mean of the first way minus that of the second, over the same problems."""
        if self._flags(way) and self._flags(subtracted):
            parts = (difference(group[way] == 1, group[subtracted] == 1) for group in self.groups)
            return combined([part for part in parts if part])
        value = self.values[way] - self.values[subtracted]
        return _estimate(value, self.redrawn[way] - self.redrawn[subtracted])

    def share_of_gap(self, way: str, low: str, high: str) -> Estimate | None:
        """How much of the gap between two ways a third one closes: 0 at `low`, 1 at `high`. None where
        `high` is not above `low`. A resample in which it is not is left out."""
        gap, gaps = self.values[high] - self.values[low], self.redrawn[high] - self.redrawn[low]
        there = gaps > 0
        if gap <= 0 or not there.any():
            return None
        closed = (self.redrawn[way] - self.redrawn[low])[there] / gaps[there]
        return _estimate((self.values[way] - self.values[low]) / gap, closed)

    def _flags(self, way: str) -> bool:
        return all(bool(np.isin(group[way], (0, 1)).all()) for group in self.groups)


def _estimate(value: float, redrawn: Numbers) -> Estimate:
    low, high = np.percentile(redrawn, [2.5, 97.5])
    return Estimate(float(value), float(low), float(high))
