"""The probability from which on a problem is called positive, chosen on validation problems."""

from typing import NamedTuple

import numpy as np

from stages.scores.binary.classified import Codes
from stages.scores.binary.confusion import accuracy, macro_f1
from stages.scores.binary.ranks import Ordered
from stages.scores.measures.estimates import Estimate
from stages.scores.measures.intervals import weighted_bootstrap
from stages.scores.measures.table import Flags, Numbers

MIDDLE = 0.5
SAME = 1e-12  # scores that differ by less are equal


class Cuts(NamedTuple):
    """Every way to part the problems by a threshold, and what it comes to."""

    values: Numbers  # thresholds from the lowest on: (cuts,)
    macro_f1: Numbers  # (times, cuts)
    accuracy: Numbers  # (times, cuts)


def choose_threshold(probs: Numbers, gold: Flags, seed: int) -> Estimate | None:
    """The threshold with the highest macro-F1, with the 95 % interval of the thresholds that resamples of the
    problems would choose.

    Of equal ones the threshold with the higher accuracy is taken, then the one nearer to 0.5. Between two
    neighbouring probabilities the threshold is 0.5 where that lies between them, else their middle.
    """
    ordered = Ordered(probs, gold)

    def chosen(weights: Numbers) -> Numbers:
        return _best(_cuts(ordered, weights))

    return weighted_bootstrap(len(gold), chosen, seed)


def labels_at(probs: Numbers, threshold: float) -> Codes:
    """POSITIVE where the probability is at least `threshold`, else NEGATIVE."""
    return (probs >= threshold).astype(np.int8)


def threshold_curve(probs: Numbers, gold: Flags) -> list[tuple[float, float, float]]:
    """Each threshold with its macro-F1 and its accuracy."""
    cuts = _cuts(Ordered(probs, gold), np.ones((1, len(gold))))
    rows = zip(cuts.values, cuts.macro_f1[0], cuts.accuracy[0], strict=True)
    return [(float(value), float(score), float(share)) for value, score, share in rows]


def _cuts(ordered: Ordered, weights: Numbers) -> Cuts:
    positives, negatives = (_below(counts) for counts in ordered.counts(weights))
    nothing = np.zeros_like(positives)
    hits, alarms = positives[:, -1:] - positives, negatives[:, -1:] - negatives
    sums = np.stack([hits, positives, nothing, negatives, alarms, nothing], axis=-1)
    values = _between(ordered.values)
    kept = values <= 1  # above a probability of 1 there is no threshold
    return Cuts(values[kept], macro_f1(sums)[:, kept], accuracy(sums)[:, kept])


def _below(counts: Numbers) -> Numbers:
    """What lies below each cut: before the first group, and after each."""
    return np.concatenate([np.zeros((len(counts), 1)), counts.cumsum(axis=1)], axis=1)


def _between(values: Numbers) -> Numbers:
    """A threshold for each cut: above the value before it and not above the one after it."""
    lower = np.concatenate([[0.0], values])
    upper = np.concatenate([values, [1.0 if values[-1] < 1 else np.inf]])
    middles = np.where(np.isinf(upper), np.inf, (lower + np.minimum(upper, 1)) / 2)
    middles[0] = values[0] / 2
    inside = (lower < MIDDLE) & (upper >= MIDDLE) & ~np.isinf(upper)
    inside[0] = values[0] >= MIDDLE
    return np.where(inside, MIDDLE, middles)


def _best(cuts: Cuts) -> Numbers:
    """For each row the threshold that is chosen."""
    best = cuts.macro_f1 >= cuts.macro_f1.max(axis=1, keepdims=True) - SAME
    shares = np.where(best, cuts.accuracy, -1)
    best &= shares >= shares.max(axis=1, keepdims=True) - SAME
    distance = np.where(best, np.abs(cuts.values - MIDDLE), np.inf)
    chosen: Numbers = cuts.values[distance.argmin(axis=1)]
    return chosen
