"""How often the interval of a paired difference covers the truth: exactly for one set of problems, by simulation for the mean over tasks.

The probability of every count of gained and lost problems is that of the multinomial distribution, so the coverage of one difference is a
sum and no estimate.
"""

import argparse
import sys
from functools import cache
from math import lgamma

import numpy as np
from measure import ROOT, options, table

sys.path.insert(0, str(ROOT))
from stages.scores.measures.estimates import Estimate
from stages.scores.measures.intervals import combined, difference

SIZES = (20, 50, 200, 1000)
SHARES = (0.0, 0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4)
TASKS = 7
RARE = 1e-8


def main(arguments: list[str] | None = None) -> None:
    """Prints the least and the mean coverage by the number of problems, and that of the mean over seven tasks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=4000, help="draws of each setting of the mean over tasks")
    given = options(parser, arguments, draws=200)
    settings = [(gained, lost) for gained in SHARES for lost in SHARES if lost <= gained and gained > 0]
    rows: list[tuple[object, ...]] = []
    for n in SIZES if given.size == "whole" else SIZES[:2]:
        cover = {setting: exact(n, *setting) for setting in settings}
        least = min(cover, key=lambda setting: cover[setting])
        rows.append((n, len(cover), round(cover[least], 4), "{} and {}".format(*least), round(float(np.mean(list(cover.values()))), 4)))
    table("One difference, exact", ("problems", "settings", "least coverage", "where gained and lost are", "mean coverage"), rows)
    rows = []
    for n in (50, 220):
        mixed = {setting: simulated(n, *setting, given.draws) for setting in settings}
        least = min(mixed, key=lambda setting: mixed[setting])
        rows.append((n, len(mixed), round(mixed[least], 4), "{} and {}".format(*least), round(float(np.mean(list(mixed.values()))), 4)))
    header = ("problems a task", "settings", "least coverage", "where gained and lost are", "mean coverage")
    table(f"The mean over {TASKS} tasks, of which every second one has no difference, {given.draws} draws each", header, rows)


@cache
def interval(n: int, gained: int, lost: int) -> Estimate:
    """The interval of `n` problems of which `gained` are right with one model alone, and `lost` with the other alone."""
    places = np.arange(n)
    estimate = difference(places < gained, places[::-1] < lost)
    assert estimate is not None
    return estimate


def exact(n: int, gained: float, lost: float) -> float:
    """The probability that the interval holds `gained - lost`, where a problem is gained and lost with these probabilities.

    Counts are left out that come about less than once in 10^8 draws.
    """
    inside = 0.0
    for more in range(n + 1):
        if (gained == 0 and more) or likelihood(n, gained, more) < RARE:
            continue
        share = lost / (1 - gained)
        for fewer in range(n - more + 1):
            if share == 0 and fewer:
                break
            chance = likelihood(n, gained, more) * likelihood(n - more, share, fewer)
            if chance > RARE:
                bounds = interval(n, more, fewer)
                inside += chance * (bounds.low <= gained - lost <= bounds.high)
    return inside


def likelihood(n: int, share: float, count: int) -> float:
    """The binomial probability of `count` of `n`."""
    if share == 0:
        return float(count == 0)
    ways = lgamma(n + 1) - lgamma(count + 1) - lgamma(n - count + 1)
    return float(np.exp(ways + count * np.log(share) + (n - count) * np.log1p(-share)))


def simulated(n: int, gained: float, lost: float, draws: int) -> float:
    """The share of draws in which the interval of the mean over tasks holds the truth."""
    rng = np.random.default_rng(5)
    with_difference = TASKS // 2
    counts = rng.multinomial(n, [gained, lost, 1 - gained - lost], size=(draws, with_difference))
    truth = with_difference * (gained - lost) / TASKS
    none = [interval(n, 0, 0)] * (TASKS - with_difference)
    inside = 0
    for drawn in counts:
        pairs = [(int(more), int(fewer)) for more, fewer, _ in drawn]
        bounds = combined([*(interval(n, *pair) for pair in pairs), *none])
        inside += bounds is not None and bounds.low <= truth <= bounds.high
    return inside / draws


if __name__ == "__main__":
    main()
