"""How often paths went to each student, by style, task and epoch."""

from collections import Counter
from collections.abc import Iterable
from math import sqrt
from typing import Any

Z = 1.959963984540054  # the 97.5 % point of the standard normal distribution
COLUMNS = ("group", "name", "epoch", "student", "rate", "low", "high", "paths")


def rates(routes: Iterable[Any], least: int) -> list[dict[str, Any]]:
    """Rows of COLUMNS: the share of the paths of each style and of each task (`group` says which of the two
    `name` is) that went to a student in an epoch, with its 95 % interval.

    `routes` are RouteRow (pairing/pair_rows.py). What has fewer paths than `least` is left out. The interval
    is Wilson's (E. B. Wilson, JASA 22, 1927).
    """
    paths: Counter[tuple[str, str, int, str]] = Counter()
    taken: Counter[tuple[str, str, int, str]] = Counter()
    for row in routes:
        for key in (
            ("all", "all", row.epoch, row.student),
            ("style", row.style, row.epoch, row.student),
            ("task", row.task, row.epoch, row.student),
        ):
            paths[key] += 1
            taken[key] += row.route
    rows = []
    for key, count in sorted(paths.items()):
        if count >= least:
            share = taken[key] / count
            low, high = interval(share, count)
            numbers = (round(share, 6), round(low, 6), round(high, 6), count)
            rows.append(dict(zip(COLUMNS, (*key, *numbers), strict=True)))
    return rows


def interval(share: float, count: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share of `count`."""
    weight = Z**2 / count
    middle = (share + weight / 2) / (1 + weight)
    reach = Z / (1 + weight) * sqrt(share * (1 - share) / count + weight / (4 * count))
    return max(0.0, middle - reach), min(1.0, middle + reach)
