"""How measures of paths go with what paths are worth: rank correlations with intervals."""

import random
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stages.students.pairing.pair_rows import PathMeasure

Numbers = NDArray[np.float64]

COLUMNS = ("student", "measure", "against", "step", "spearman", "low", "high", "paths")
MEASURES, AGAINST = ("alignment", "rank_surprisal"), ("expected", "observed")
ALL = "all"
RESAMPLES = 1000
LEAST = 4  # pairs of a round, of which fewer have no correlation


def correlations(rows: Sequence[PathMeasure], seed: int) -> list[dict[str, Any]]:
    """Rows of COLUMNS: Spearman's correlation of each measure with each utility for each student, in each
    round (`step`) and in all rounds together (`all`).

    Ranks are those within a round, so that what all paths share of a round counts for nothing. The 95 %
    interval is a percentile bootstrap over problems (Efron and Tibshirani 1993), since paths of one problem
    are alike. Values that are all equal have no correlation: their fields stay empty.
    """
    table = []
    for student in dict.fromkeys(row.student for row in rows):
        for measure in MEASURES:
            for against in AGAINST:
                rounds = _ranked([row for row in rows if row.student == student], measure, against)
                groups: dict[Any, list[tuple[str, float, float]]] = {**rounds}
                groups[ALL] = [pair for pairs in rounds.values() for pair in pairs]
                for step, pairs in groups.items():
                    drawn = f"{seed}/{student}/{measure}/{against}/{step}"
                    numbers = dict(zip(("spearman", "low", "high"), _correlation(pairs, drawn), strict=True))
                    names = {"student": student, "measure": measure, "against": against, "step": step}
                    table.append({**names, **numbers, "paths": len(pairs)})
    return table


def _ranked(
    rows: Iterable[PathMeasure], measure: str, against: str
) -> dict[int, list[tuple[str, float, float]]]:
    """By round the problem of each path with both ranks, each less their mean and over their number."""
    rounds: dict[int, list[tuple[str, float, float]]] = {}
    for row in rows:
        pair = getattr(row, measure), getattr(row, against)
        if None not in pair:
            rounds.setdefault(row.step, []).append((row.sample, *pair))
    return {
        step: list(zip((pair[0] for pair in pairs), _ranks(pairs, 1), _ranks(pairs, 2), strict=True))
        for step, pairs in rounds.items()
        if len(pairs) >= LEAST
    }


def _ranks(pairs: Sequence[tuple[str, float, float]], column: int) -> list[float]:
    """The rank of each value, of equal values their mean rank, from -1/2 to 1/2."""
    values = np.array([pair[column] for pair in pairs], dtype=np.float64)
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    middle = counts.cumsum() - (counts - 1) / 2
    ranks: list[float] = ((middle[places] - (len(values) + 1) / 2) / len(values)).tolist()
    return ranks


def _correlation(
    pairs: Sequence[tuple[str, float, float]], drawn: str
) -> tuple[float | str, float | str, float | str]:
    """Pearson's correlation of the ranks and the ends of its interval; empty where there is none."""
    problems = list(dict.fromkeys(problem for problem, _, _ in pairs))
    sums = np.zeros((len(problems), 6))
    for problem, left, right in pairs:
        products = 1, left, right, left * left, right * right, left * right
        sums[problems.index(problem)] += products
    whole = _pearson(sums.sum(0, keepdims=True))
    if not len(pairs) or not np.isfinite(whole[0]):
        return "", "", ""
    generator = np.random.default_rng(random.Random(drawn).getrandbits(63))
    times = generator.multinomial(len(problems), [1 / len(problems)] * len(problems), size=RESAMPLES)
    resampled = _pearson(times @ sums)
    low, high = np.quantile(resampled[np.isfinite(resampled)], [0.025, 0.975])
    return round(float(whole[0]), 4), round(float(low), 4), round(float(high), 4)


def _pearson(sums: Numbers) -> Numbers:
    """The correlation of each row of sums: n, x, y, xx, yy, xy; no number where x or y are all equal."""
    n, x, y, xx, yy, xy = sums.T
    spread = np.maximum(n * xx - x * x, 0) * np.maximum(n * yy - y * y, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        result: Numbers = np.where(spread > 1e-12, (n * xy - x * y) / np.sqrt(spread), np.nan)
    return result
