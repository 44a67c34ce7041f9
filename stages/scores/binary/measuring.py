"""All that is reported of the arms of one split, and of every two of them."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np

from stages.scores.binary.abstention import aurc
from stages.scores.binary.calibration import brier, ece
from stages.scores.binary.classified import INVALID, Labelled
from stages.scores.binary.confusion import accuracy, cells, confusion_estimates, difference_of, macro_f1
from stages.scores.binary.mcnemar import mcnemar
from stages.scores.binary.operating import Labels, Operating, right
from stages.scores.binary.ranks import auprc, auroc
from stages.scores.measures.estimates import Estimate, Estimates
from stages.scores.measures.intervals import mean, proportion

Pairs = Mapping[str, tuple[str, str]]


def arm_estimates(
    arm: Labelled, labels: Labels, operating: Operating | None, bins: int, seed: int
) -> Estimates:
    """The metrics of one arm on one split.

    What stands under a bare name (`accuracy`, `macro_f1`, ...) is of the labels at the threshold; of an arm
    without probabilities it is of the labels that the texts state. `stated_*` is of the texts of every arm;
    `invalid_rate` is the share of texts that name no label. `coverage` and `risk`: the share of problems that
    are certain enough not to be left to a person, and the share of wrong labels among them.
    Of the problems that stand twice, under a rule book and an edited one, `pairs_followed` is the share with
    the right label both times, and `pairs_changed` the share with both labels, one each time.
    """
    metrics = confusion_estimates(arm.gold, labels.pred, seed)
    stated = confusion_estimates(arm.gold, arm.stated, seed)
    metrics |= {f"stated_{name}": stated[name] for name in ("accuracy", "macro_f1")}
    metrics["invalid_rate"] = proportion(arm.stated == INVALID)
    metrics["tokens"] = mean(arm.tokens, seed)
    if arm.pairs:
        places = np.array(arm.pairs)
        preds = labels.pred[places]
        metrics["pairs_followed"] = proportion(right(arm, labels.pred)[places].all(axis=1))
        metrics["pairs_changed"] = proportion((preds != INVALID).all(axis=1) & (preds[:, 0] != preds[:, 1]))
    if arm.probs is None or labels.probs is None or labels.certain is None:
        return metrics
    wrong = ~right(arm, labels.pred)
    metrics |= {
        "auroc": auroc(labels.probs, arm.gold, seed),
        "auprc": auprc(labels.probs, arm.gold, seed),
        "brier": brier(labels.probs, arm.gold, seed),
        "brier_uncalibrated": brier(arm.probs, arm.gold, seed),
        "ece": ece(labels.probs, arm.gold, bins, seed),
        "ece_uncalibrated": ece(arm.probs, arm.gold, bins, seed),
        "aurc": aurc(labels.certain, wrong, seed),
    }
    level = operating.certainty if operating else None
    if level is not None:
        kept = labels.certain >= level
        metrics |= {"coverage": proportion(kept), "risk": proportion(wrong, kept)}
    return metrics


def by_arm(estimates: Mapping[str, Estimates]) -> Estimates:
    """The metrics of all arms, each named `<metric>.<arm>`, the values of one metric together."""
    names = dict.fromkeys(name for metrics in estimates.values() for name in metrics)
    return {
        f"{name}.{arm}": metrics[name]
        for name in names
        for arm, metrics in estimates.items()
        if name in metrics
    }


def every_pair(arms: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Every two arms, named after both."""
    return {f"{first}_{second}": (first, second) for first, second in combinations(arms, 2)}


def pair_estimates(
    arms: Mapping[str, Labelled], labels: Mapping[str, Labels], pairs: Pairs, seed: int
) -> Estimates:
    """`difference_accuracy.<pair>` and `difference_macro_f1.<pair>`: the first arm minus the second."""
    metrics: dict[str, Estimate | None] = {}
    for statistic in (accuracy, macro_f1):
        for name, (first, second) in pairs.items():
            gold = arms[first].gold
            preds = labels[first].pred, labels[second].pred
            metrics[f"difference_{statistic.__name__}.{name}"] = difference_of(statistic, gold, *preds, seed)
    return metrics


def tests(arms: Mapping[str, Labelled], labels: Mapping[str, Labels], pairs: Pairs) -> dict[str, Any]:
    """McNemar's test of each pair."""
    return {
        name: mcnemar(*(right(arms[arm], labels[arm].pred) for arm in pair)) for name, pair in pairs.items()
    }


def confusions(arms: Mapping[str, Labelled], labels: Mapping[str, Labels]) -> dict[str, dict[str, int]]:
    """The confusion matrix of each arm."""
    return {name: cells(arm.gold, labels[name].pred) for name, arm in arms.items()}
