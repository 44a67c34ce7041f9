"""Whether a probability means what it says: temperature scaling, Brier score, expected calibration error.

Temperature scaling: C. Guo, G. Pleiss, Y. Sun and K. Weinberger, "On calibration of modern neural networks",
ICML 2017, https://arxiv.org/abs/1706.04599.
"""

import numpy as np

from stages.scores.measures.estimates import Estimate
from stages.scores.measures.intervals import bootstrap, mean
from stages.scores.measures.table import Flags, Numbers

SMALLEST = 1e-9  # probabilities are kept so far from 0 and 1: their log-odds stay finite
COLDEST, HOTTEST = 0.01, 100.0
HALVINGS = 100


def log_odds(probs: Numbers) -> Numbers:
    """ln(p / (1 - p))."""
    clipped = np.clip(probs, SMALLEST, 1 - SMALLEST)
    value: Numbers = np.log(clipped) - np.log1p(-clipped)
    return value


def scaled(probs: Numbers, temperature: float) -> Numbers:
    """The probabilities with their log-odds divided by `temperature`."""
    return _logistic(log_odds(probs) / temperature)


def _logistic(odds: Numbers) -> Numbers:
    """1 / (1 + exp(-odds)), which does not overflow in this form."""
    value: Numbers = (1 + np.tanh(odds / 2)) / 2
    return value


def fit_temperature(probs: Numbers, gold: Flags) -> float:
    """The temperature, from 0.01 to 100, with the lowest cross-entropy on these problems.

    The targets are those of J. Platt ("Probabilistic outputs for support vector machines", 1999): a little
    below 1 and above 0, since probabilities that part the classes would else want a temperature of 0. The
    cross-entropy is convex in 1 / temperature, so its slope has one root, which is found by halving.
    """
    odds, positives = log_odds(probs), int(gold.sum())
    targets = np.where(gold, (positives + 1) / (positives + 2), 1 / (len(gold) - positives + 2))
    low, high = 1 / HOTTEST, 1 / COLDEST
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        slope = float(np.sum(odds * (_logistic(middle * odds) - targets)))
        low, high = (middle, high) if slope < 0 else (low, middle)
    return 2 / (low + high)


def brier(probs: Numbers, gold: Flags, seed: int) -> Estimate | None:
    """The mean of (p - y)^2, with y 1 for a positive and 0 for a negative."""
    return mean(np.square(probs - gold), seed)


def bin_numbers(probs: Numbers, bins: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """The number of each probability's bin; the bins part [0, 1] evenly, and 1 belongs to the last."""
    return np.minimum((probs * bins).astype(np.int64), bins - 1)


def ece(probs: Numbers, gold: Flags, bins: int, seed: int) -> Estimate:
    """Expected calibration error: the mean over problems of the distance, in their bin, between the mean
    probability and the share of positives.

    Its bootstrap interval lies above the value where that is small: a resample adds noise to each bin.
    """
    n = len(probs)
    columns = np.zeros((n, bins))
    columns[np.arange(n), bin_numbers(probs, bins)] = probs - gold
    return bootstrap(columns, lambda sums: np.abs(sums).sum(axis=-1) / n, seed)
