"""The intervals, against published numbers and against simulation."""

from collections.abc import Callable

import numpy as np
import pytest
from stages.scores.measures.estimates import Estimate
from stages.scores.measures.intervals import bootstrap, combined, difference, mean, mean_of_means, newcombe, proportion, wilson


def test_wilson_against_published_numbers() -> None:
    # Newcombe, Statistics in Medicine 17 (1998) 857-872, table I, method 3
    for hits, n, low, high in [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)]:
        estimate = wilson(hits, n)
        assert estimate and (round(estimate.low, 4), round(estimate.high, 4)) == (low, high)
    assert wilson(0, 0) is None
    full = wilson(29, 29)
    assert full and full.high == 1.0 and full.low < 0.9


def test_newcombe_against_published_numbers() -> None:
    # Newcombe, Statistics in Medicine 17 (1998) 873-890, table II, method 10
    for one, n, other, m, low, high in [(56, 70, 48, 80, 0.0524, 0.3339), (10, 10, 0, 10, 0.6075, 1.0), (9, 10, 3, 10, 0.1705, 0.8090)]:
        left, right = wilson(one, n), wilson(other, m)
        assert left and right
        gap = newcombe(left, right)
        assert (round(gap.low, 4), round(gap.high, 4)) == (low, high)


def test_a_difference_over_the_same_problems_is_paired() -> None:
    rng = np.random.default_rng(0)
    one = rng.random(400) < 0.5
    other = one.copy()
    other[:8] = ~other[:8]
    paired, unpaired = difference(one, other), newcombe(wilson(int(one.sum()), 400), wilson(int(other.sum()), 400))  # type: ignore[arg-type]
    assert paired and paired.high - paired.low < (unpaired.high - unpaired.low) / 4


def test_no_disagreement_is_not_certainty() -> None:
    same = np.ones(600, dtype=bool)
    estimate = difference(same, same)
    assert estimate and estimate.value == 0 and estimate.low == -estimate.high and 0.004 < estimate.high < 0.006
    assert difference(same, same, among=~same) is None


# (problems, gained, lost) -> the interval; worked out by hand from the formula of Bonett and Price (2012)
PAIRED = [(200, 0, 0, -0.0137, 0.0137), (200, 1, 0, -0.0118, 0.0217), (200, 4, 0, -0.0038, 0.0434), (10, 10, 0, 0.5206, 1.0)]


@pytest.mark.parametrize(("n", "gained", "lost", "low", "high"), PAIRED)
def test_few_that_disagree_are_weak_evidence(n: int, gained: int, lost: int, low: float, high: float) -> None:
    """Four problems gained and none lost are no proof of a gain: the exact test of McNemar gives p = 0.125."""
    first, second = (np.arange(n) < gained), (np.arange(n)[::-1] < lost)
    estimate = difference(first, second)
    assert estimate and estimate.value == pytest.approx((gained - lost) / n)
    assert (round(estimate.low, 4), round(estimate.high, 4)) == (low, high)


SHARES = [(0.001, 0.001), (0.005, 0.005), (0.02, 0.0), (0.02, 0.01), (0.05, 0.0), (0.05, 0.05), (0.1, 0.02), (0.3, 0.1), (0.5, 0.1)]


@pytest.mark.parametrize("n", [50, 200, 1000])
@pytest.mark.parametrize(("gained", "lost"), SHARES)
def test_a_paired_difference_covers_the_truth(n: int, gained: float, lost: float) -> None:
    rng = np.random.default_rng(3)
    drawn, times = np.unique(rng.multinomial(n, [gained, lost, 1 - gained - lost], size=20_000), axis=0, return_counts=True)
    inside = 0
    for (more, fewer, _), often in zip(drawn, times, strict=True):
        estimate = difference(np.arange(n) < more, np.arange(n)[::-1] < fewer)
        inside += int(often) * bool(estimate and estimate.low <= gained - lost <= estimate.high)
    assert inside / 20_000 >= 0.94


@pytest.mark.parametrize(("gained", "lost"), SHARES)
def test_the_mean_of_paired_differences_covers_the_truth(gained: float, lost: float) -> None:
    """Seven tasks of 220 problems, of which every second one has no difference at all."""

    def draw(rng: np.random.Generator) -> tuple[float, Estimate | None]:
        parts = []
        for task in range(7):
            more, fewer, _ = rng.multinomial(220, [gained, lost, 1 - gained - lost]) if task % 2 else (0, 0, 220)
            parts.append(difference(np.arange(220) < more, np.arange(220)[::-1] < fewer))
        return 3 * (gained - lost) / 7, combined([part for part in parts if part])

    assert covered(draw, 2000) >= 0.94


def test_bootstrap_leaves_out_resamples_on_which_it_is_undefined() -> None:
    columns = np.array([[1.0, 2.0], [0.0, 0.0]])
    estimate = bootstrap(columns, lambda sums: sums[..., 0] / sums[..., 1], 0)
    assert estimate == Estimate(0.5, 0.5, 0.5)


def test_bootstrap_takes_blocks_and_its_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(0).normal(size=300)
    whole = mean(values, 1)
    assert whole == mean(values, 1) != mean(values, 2)
    monkeypatch.setattr("stages.scores.measures.intervals.BLOCK", 300 * 7)  # 2000 is not a multiple of 7
    blocks = mean(values, 1)
    assert whole and blocks and blocks == pytest.approx(whole)


def test_a_mean_of_two_is_half_of_newcombes_difference() -> None:
    one, other = wilson(56, 70), wilson(48, 80)
    assert one and other
    half = combined([one, Estimate(-other.value, -other.high, -other.low)])
    assert half and tuple(2 * part for part in half) == pytest.approx(newcombe(one, other))
    assert combined([]) is None


def test_groups_count_the_same_and_are_redrawn_by_themselves() -> None:
    rng = np.random.default_rng(0)
    large, small = rng.normal(0, 1, 4000), rng.normal(10, 1, 40)
    estimate = mean_of_means([large, small], 1)
    assert estimate and estimate.value == pytest.approx((large.mean() + small.mean()) / 2)
    assert 0.1 < estimate.high - estimate.low < 0.5  # pooled and redrawn at random: the mix of the two would vary as well
    assert estimate == mean_of_means([large, small], 1) != mean_of_means([large, small], 2)
    assert mean_of_means([large], 1) == pytest.approx(mean(large, 1)) and mean_of_means([], 1) is None


def covered(interval: Callable[[np.random.Generator], tuple[float, Estimate | None]], times: int) -> float:
    rng = np.random.default_rng(7)
    inside = 0
    for _ in range(times):
        truth, estimate = interval(rng)
        inside += estimate is not None and estimate.low <= truth <= estimate.high
    return inside / times


def test_wilson_covers_the_truth() -> None:
    def draw(rng: np.random.Generator) -> tuple[float, Estimate | None]:
        share = float(rng.random())  # at one share the coverage of any such interval is off by a little: n is whole
        return share, proportion(rng.random(300) < share)

    assert 0.94 < covered(draw, 4000) < 0.96


def test_newcombe_covers_the_truth() -> None:
    def draw(rng: np.random.Generator) -> tuple[float, Estimate | None]:
        one, other = wilson(rng.binomial(200, 0.98), 200), wilson(rng.binomial(300, 0.03), 300)
        assert one and other
        return 0.95, newcombe(one, other)

    assert 0.93 < covered(draw, 2000) < 0.98


def test_the_bootstrap_covers_the_truth(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stages.scores.measures.intervals.RESAMPLES", 500)

    def lengths(rng: np.random.Generator) -> tuple[float, Estimate | None]:
        return 30.0, mean(rng.poisson(30, size=200).astype(np.float64), int(rng.integers(2**31)))

    def grouped(rng: np.random.Generator) -> tuple[float, Estimate | None]:
        groups = [(rng.random(n) < share).astype(np.float64) for n, share in ((60, 0.2), (300, 0.9), (150, 0.5))]
        return 1.6 / 3, mean_of_means(groups, int(rng.integers(2**31)))

    def of_wilsons(rng: np.random.Generator) -> tuple[float, Estimate | None]:
        shares = [wilson(rng.binomial(n, share), n) for n, share in ((60, 0.2), (300, 0.99), (150, 0.5))]
        return 1.69 / 3, combined([share for share in shares if share])

    assert 0.92 < covered(grouped, 400) < 0.98
    assert 0.93 < covered(of_wilsons, 2000) < 0.97
    assert 0.92 < covered(lengths, 400) < 0.98
