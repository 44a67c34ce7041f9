"""How well probabilities order the problems: areas under the ROC curve and the precision-recall curve."""

import numpy as np

from stages.scores.measures.estimates import Estimate
from stages.scores.measures.intervals import weighted_bootstrap
from stages.scores.measures.table import Flags, Numbers


class Ordered:
    """Problems grouped by equal probability, from the lowest on."""

    def __init__(self, probs: Numbers, gold: Flags | Numbers) -> None:
        """`gold` is 1 for a positive and 0 for a negative; a number between counts in part as each."""
        self.order = np.argsort(probs, kind="stable")
        ordered = probs[self.order]
        self.starts = np.flatnonzero(np.concatenate([[True], ordered[1:] > ordered[:-1]]))
        self.values: Numbers = ordered[self.starts]  # the distinct probabilities
        self.gold = gold[self.order].astype(np.float64)

    def counts(self, weights: Numbers) -> tuple[Numbers, Numbers]:
        """Weighted positives and negatives of each group: two arrays of the shape (times, groups)."""
        ordered = weights[:, self.order]
        positives = np.add.reduceat(ordered * self.gold, self.starts, axis=1)
        return positives, np.add.reduceat(ordered * (1 - self.gold), self.starts, axis=1)


def auroc(probs: Numbers, gold: Flags, seed: int) -> Estimate | None:
    """The chance that a positive has a higher probability than a negative, ties counting half; None without
    both classes."""
    ordered = Ordered(probs, gold)
    return weighted_bootstrap(len(gold), lambda weights: roc_area(ordered, weights), seed)


def roc_area(ordered: Ordered, weights: Numbers) -> Numbers:
    """The area under the ROC curve for each row of weights, of shape (times, problems): (times,). NaN without
    both classes."""
    positives, negatives = ordered.counts(weights)
    below = negatives.cumsum(axis=1) - negatives
    pairs = positives.sum(axis=1) * negatives.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        value: Numbers = (positives * (below + negatives / 2)).sum(axis=1) / pairs
    return value


def auprc(probs: Numbers, gold: Flags, seed: int) -> Estimate | None:
    """Average precision: the precision at each threshold, weighted by the recall that is gained there; None
    without positives."""
    ordered = Ordered(probs, gold)

    def area(weights: Numbers) -> Numbers:
        positives, negatives = (counts[:, ::-1] for counts in ordered.counts(weights))
        hits = positives.cumsum(axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            precision = hits / (hits + negatives.cumsum(axis=1))
            # before the first drawn problem precision is 0 / 0, and no recall is gained
            gained = np.where(positives > 0, precision * positives, 0.0)
            value: Numbers = gained.sum(axis=1) / positives.sum(axis=1)
        return value

    return weighted_bootstrap(len(gold), area, seed)
