"""What follows from how often each label was predicted for each class.

An answer that names neither label counts as wrong: it is a miss of its class and a false alarm of none, as in
scikit-learn, where it would be a third label.
"""

from collections.abc import Callable

import numpy as np

from stages.scores.binary.classified import INVALID, NEGATIVE, POSITIVE, Codes
from stages.scores.measures.estimates import Estimate, Estimates
from stages.scores.measures.intervals import bootstrap, proportion, wilson
from stages.scores.measures.table import Flags, Numbers

# the columns of `outcomes`: first what positives became, then what negatives became
CELLS = (
    "true_positive",
    "false_negative",
    "invalid_positive",
    "true_negative",
    "false_positive",
    "invalid_negative",
)


def outcomes(gold: Flags, pred: Codes) -> Numbers:
    """1 in the column of what each problem became, else 0: (problems, 6), in the order of CELLS."""
    columns = [
        gold & (pred == POSITIVE),
        gold & (pred == NEGATIVE),
        gold & (pred == INVALID),
        ~gold & (pred == NEGATIVE),
        ~gold & (pred == POSITIVE),
        ~gold & (pred == INVALID),
    ]
    return np.stack(columns, axis=1).astype(np.float64)


def _ratio(part: Numbers, whole: Numbers) -> Numbers:
    """0 where `whole` is 0, as scikit-learn's zero_division=0 has it."""
    return np.divide(part, whole, out=np.zeros_like(part, dtype=np.float64), where=whole > 0)


def f1_positive(sums: Numbers) -> Numbers:
    """F1 of the positive class, of sums of `outcomes` with the shape (..., 6)."""
    hits = sums[..., 0]
    return _ratio(2 * hits, 2 * hits + sums[..., 1] + sums[..., 2] + sums[..., 4])


def f1_negative(sums: Numbers) -> Numbers:
    """F1 of the negative class."""
    hits = sums[..., 3]
    return _ratio(2 * hits, 2 * hits + sums[..., 4] + sums[..., 5] + sums[..., 1])


def macro_f1(sums: Numbers) -> Numbers:
    """The mean of the F1 of both classes."""
    return (f1_positive(sums) + f1_negative(sums)) / 2


def accuracy(sums: Numbers) -> Numbers:
    """The share of right predictions."""
    return _ratio(sums[..., 0] + sums[..., 3], sums.sum(axis=-1))


def balanced_accuracy(sums: Numbers) -> Numbers:
    """The mean of the recalls of both classes."""
    positives, negatives = sums[..., :3].sum(axis=-1), sums[..., 3:].sum(axis=-1)
    return (_ratio(sums[..., 0], positives) + _ratio(sums[..., 3], negatives)) / 2


def mcc(sums: Numbers) -> Numbers:
    """Matthews' correlation in its form for several labels (J. Gorodkin, 2004).

    0 where all gold labels or all predictions are the same.
    """
    n, right = sums.sum(axis=-1), sums[..., 0] + sums[..., 3]
    gold = np.stack([sums[..., :3].sum(axis=-1), sums[..., 3:].sum(axis=-1)])
    pred = np.stack([sums[..., 0] + sums[..., 4], sums[..., 1] + sums[..., 3], sums[..., 2] + sums[..., 5]])
    above = right * n - (gold * pred[:2]).sum(axis=0)
    below = np.sqrt((n**2 - (pred**2).sum(axis=0)) * (n**2 - (gold**2).sum(axis=0)))
    return _ratio(above, below)


STATISTICS: dict[str, Callable[[Numbers], Numbers]] = {
    "macro_f1": macro_f1,
    "f1_positive": f1_positive,
    "f1_negative": f1_negative,
    "balanced_accuracy": balanced_accuracy,
    "mcc": mcc,
}


def confusion_estimates(gold: Flags, pred: Codes, seed: int) -> Estimates:
    """Accuracy, the F1 of each class and their mean, precision and recall of each class, balanced accuracy,
    Matthews' correlation.

    Shares have Wilson's interval, the others the bootstrap's. Where every prediction is right there is
    nothing to redraw: there the lower end is that of the accuracy.
    """
    columns, right = outcomes(gold, pred), gold == (pred == POSITIVE)
    right &= pred != INVALID
    metrics: Estimates = {"accuracy": proportion(right)}
    for name, statistic in STATISTICS.items():
        metrics[name] = bootstrap(columns, statistic, seed)
        if right.all():
            metrics[name] = wilson(len(right), len(right))
    for name, code, among in (("positive", POSITIVE, gold), ("negative", NEGATIVE, ~gold)):
        metrics[f"precision_{name}"] = proportion(among, pred == code)
        metrics[f"recall_{name}"] = proportion(pred == code, among)
    return metrics


def cells(gold: Flags, pred: Codes) -> dict[str, int]:
    """The confusion matrix, by the names of CELLS."""
    return {name: int(count) for name, count in zip(CELLS, outcomes(gold, pred).sum(axis=0), strict=True)}


def difference_of(
    statistic: Callable[[Numbers], Numbers], gold: Flags, pred: Codes, subtracted: Codes, seed: int
) -> Estimate:
    """A statistic of `pred` minus that of `subtracted` over the same problems, paired.

    Where the two never disagree the bootstrap's interval would be [0, 0]; then Wilson's interval of the share
    of disagreements, 0 of n, is taken to either side.
    """
    n = len(gold)
    if np.array_equal(pred, subtracted):
        share = wilson(0, n)
        high = share.high if share else 0.0
        return Estimate(0.0, -high, high)
    columns = np.concatenate([outcomes(gold, pred), outcomes(gold, subtracted)], axis=1)
    width = len(CELLS)
    return bootstrap(columns, lambda sums: statistic(sums[..., :width]) - statistic(sums[..., width:]), seed)
