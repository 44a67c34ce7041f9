"""95 % intervals, each for its kind of number.

- A proportion takes Wilson's interval (E. B. Wilson, "Probable inference, the law of succession, and
  statistical inference", JASA 22, 1927). At 0 of n or n of n, where good students end up, the bootstrap has
  nothing to redraw: its interval would have no width.
- The difference of two proportions over *different* problems takes Newcombe's interval, made of two Wilson
  intervals, for the same reason (method 10 in R. G. Newcombe, "Interval estimation for the difference between
  independent proportions", Statistics in Medicine 17, 1998).
- The mean of several independent estimates takes the interval that their own intervals make (G. Y. Zou and
  A. Donner, "Construction of confidence intervals about effect measures", Statistics in Medicine 27, 2008).
  Newcombe's interval is the case of two proportions.
- The difference of two proportions over the *same* problems takes the adjusted Wald interval of D. G. Bonett
  and R. M. Price ("Adjusted Wald confidence interval for a difference of binomial proportions based on paired
  data", Journal of Educational and Behavioral Statistics 37, 2012). Where few problems set the two apart, the
  bootstrap redraws those few only, and its interval is too narrow. tests/scores/test_intervals.py measures
  how often the interval covers the truth.
- Everything else (means, ratios) takes the percentile bootstrap over problems (B. Efron and R. Tibshirani,
  "An Introduction to the Bootstrap", 1993, chapter 13). A problem is drawn with the answers of all arms, so a
  ratio of two arms is paired. Where the problems fall into groups that count the same, each group is redrawn
  by itself.
"""

from collections.abc import Callable, Sequence

import numpy as np

from stages.scores.measures.estimates import Estimate
from stages.scores.measures.table import Flags, Numbers

Z = 1.959963984540054  # the 97.5 % point of the standard normal distribution
RESAMPLES = 2000
BLOCK = 4_000_000  # draws held at a time: one block for 2000 resamples of 2000 problems, several for more


def wilson(hits: int, n: int) -> Estimate | None:
    """The share `hits / n`; None where n is 0."""
    if n == 0:
        return None
    share, weight = hits / n, Z**2 / n
    middle = (share + weight / 2) / (1 + weight)
    half = Z / (1 + weight) * float(np.sqrt(share * (1 - share) / n + weight / (4 * n)))
    low = 0.0 if hits == 0 else middle - half  # exact there; rounding would leave 1e-18
    return Estimate(share, low, 1.0 if hits == n else middle + half)


def proportion(hits: Flags, among: Flags | None = None) -> Estimate | None:
    """The share of `hits` among the problems of `among` (all, where None); None where there are none."""
    kept = hits if among is None else hits[among]
    return wilson(int(kept.sum()), len(kept))


def newcombe(share: Estimate, subtracted: Estimate) -> Estimate:
    """`share - subtracted`: two proportions with their Wilson intervals, over different problems."""
    gap = share.value - subtracted.value
    below = float(np.hypot(share.value - share.low, subtracted.high - subtracted.value))
    above = float(np.hypot(share.high - share.value, subtracted.value - subtracted.low))
    return Estimate(gap, gap - below, gap + above)


def difference(hits: Flags, subtracted: Flags, among: Flags | None = None) -> Estimate | None:
    """The share of `hits` minus the share of `subtracted` over the same problems.

    The problems are those of `among` (all, where None); the difference is None where there are none.
    """
    first, second = (hits, subtracted) if among is None else (hits[among], subtracted[among])
    n, gained, lost = len(first), int((first & ~second).sum()), int((second & ~first).sum())
    if n == 0:
        return None
    value = (gained - lost) / n
    more, fewer = (gained + 1) / (n + 2), (lost + 1) / (n + 2)
    half = Z * float(np.sqrt((more + fewer - (more - fewer) ** 2) / (n + 2)))
    return Estimate(value, max(-1.0, more - fewer - half), min(1.0, more - fewer + half))


def combined(parts: Sequence[Estimate]) -> Estimate | None:
    """The mean of estimates over different problems, each counting the same; None where there are none."""
    if not parts:
        return None
    values, lows, highs = (np.array(column) for column in zip(*parts, strict=True))
    middle = float(values.mean())
    below, above = (
        float(np.sqrt(np.square(gaps).sum())) / len(parts) for gaps in (values - lows, highs - values)
    )
    return Estimate(middle, middle - below, middle + above)


def mean_of_means(groups: Sequence[Numbers], seed: int) -> Estimate | None:
    """The mean of the means of `groups`; None where there are no groups.

    The problems are redrawn group by group.
    """
    if not groups:
        return None
    values = resampled_means([group[:, None] for group in groups], seed)[:, 0]
    low, high = np.percentile(values, [2.5, 97.5])
    return Estimate(float(np.mean([group.mean() for group in groups])), float(low), float(high))


def resampled_means(groups: Sequence[Numbers], seed: int) -> Numbers:
    """The means of the means of `groups`, each of shape (problems, k), in 2000 resamples: (2000, k).

    The problems are redrawn group by group, each with all its k numbers. There is at least one group, and
    each has at least one problem.
    """
    rng = np.random.default_rng(seed)
    means: Numbers = sum(
        (_resampled(rng, group) / len(group) for group in groups), np.zeros(groups[0].shape[1])
    ) / len(groups)
    return means


def mean(values: Numbers, seed: int) -> Estimate | None:
    """The mean over problems; None where there are none."""
    n = len(values)
    return bootstrap(values[:, None], lambda sums: sums[..., 0] / n, seed) if n else None


def bootstrap(columns: Numbers, statistic: Callable[[Numbers], Numbers], seed: int) -> Estimate:
    """A statistic of column sums, with the 2.5 % and 97.5 % points of its values over 2000 resamples of the
    problems.

    `columns` has the shape (problems, k) and at least one problem. `statistic` maps sums of the shape
    (..., k) to numbers of the shape (...). A resample on which the statistic is undefined (0 / 0) is left
    out. Columns of whole numbers add up exactly, whatever the order of addition: the result is the same on
    every machine.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        values = statistic(_resampled(np.random.default_rng(seed), columns))
    low, high = np.percentile(values[np.isfinite(values)], [2.5, 97.5])
    return Estimate(float(statistic(columns.sum(axis=0))), float(low), float(high))


def weighted_bootstrap(n: int, statistic: Callable[[Numbers], Numbers], seed: int) -> Estimate | None:
    """A statistic of weighted problems, with the 2.5 % and 97.5 % points of its values over 2000 resamples.

    `statistic` maps weights of the shape (times, n) to numbers of the shape (times,): a weight is how often a
    problem was drawn. It serves what is no function of sums, such as ranks. A resample on which the statistic
    is undefined (NaN) is left out. None where the statistic is undefined on the problems themselves.
    """
    value = float(statistic(np.ones((1, n)))[0]) if n else np.nan
    if not np.isfinite(value):
        return None
    rng, step = np.random.default_rng(seed), max(1, BLOCK // n)
    values = np.concatenate(
        [statistic(_counts(rng, n, min(step, RESAMPLES - start))) for start in range(0, RESAMPLES, step)]
    )
    low, high = np.percentile(values[np.isfinite(values)], [2.5, 97.5])
    return Estimate(value, float(low), float(high))


def _resampled(rng: np.random.Generator, columns: Numbers) -> Numbers:
    """The sums of `columns` (problems, k) over each resample of the problems: (resamples, k)."""
    n = len(columns)
    step = max(1, BLOCK // n)
    sums = [_counts(rng, n, min(step, RESAMPLES - start)) @ columns for start in range(0, RESAMPLES, step)]
    return np.concatenate(sums)


def _counts(rng: np.random.Generator, n: int, times: int) -> Numbers:
    """How often each of n problems is drawn when n are drawn with replacement: `times` rows of n counts."""
    drawn = rng.integers(n, size=(times, n)) + n * np.arange(times)[:, None]
    return np.bincount(drawn.ravel(), minlength=times * n).reshape(times, n).astype(np.float64)
