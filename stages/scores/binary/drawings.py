"""The curves of one arm as CSV that `dvc plots` draws."""

from collections.abc import Sequence

import numpy as np

from stages.scores.binary.abstention import risk_coverage
from stages.scores.binary.calibration import bin_numbers
from stages.scores.binary.classified import Labelled
from stages.scores.binary.operating import Labels, right
from stages.scores.binary.thresholds import threshold_curve
from stages.scores.measures.intervals import wilson
from stages.scores.measures.plots import as_csv
from stages.scores.measures.table import Flags, Numbers

POINTS = 200  # points of a curve, at most


def drawings(name: str, arm: Labelled, labels: Labels, bins: int) -> dict[str, str]:
    """By file name: the ROC curve, the precision-recall curve, the reliability diagram and the risk-coverage
    curve of arm `name`; none where it has no probabilities."""
    if labels.probs is None or labels.certain is None or arm.probs is None:
        return {}
    from sklearn.metrics import precision_recall_curve, roc_curve

    false, true, _ = roc_curve(arm.gold, labels.probs)
    precision, recall, _ = precision_recall_curve(arm.gold, labels.probs, drop_intermediate=True)
    risks = risk_coverage(labels.certain, ~right(arm, labels.pred))
    return {
        f"roc_{name}": _curve(["false_positive_rate", "recall"], list(zip(false, true, strict=True))),
        f"precision_recall_{name}": _curve(
            ["recall", "precision"], list(zip(recall[::-1], precision[::-1], strict=True))
        ),
        f"calibration_{name}": _reliability(labels.probs, arm.probs, arm.gold, bins),
        f"risk_coverage_{name}": _curve(
            ["coverage", "risk", "certainty"], [(share, risk, level) for level, share, risk in risks]
        ),
    }


def threshold_drawing(name: str, probs: Numbers, gold: Flags) -> dict[str, str]:
    """Macro-F1 and accuracy over the threshold, on the validation problems."""
    return {f"thresholds_{name}": _curve(["threshold", "macro_f1", "accuracy"], threshold_curve(probs, gold))}


def _curve(columns: Sequence[str], rows: Sequence[Sequence[float]]) -> str:
    """The rows; of very many every so manieth, and the last."""
    step = -(-len(rows) // POINTS)
    kept = [row for place, row in enumerate(rows) if place % step == 0 or place == len(rows) - 1]
    return as_csv(columns, [[float(cell) for cell in row] for row in kept])


def _reliability(probs: Numbers, before: Numbers, gold: Flags, bins: int) -> str:
    """A row a bin and kind of probability: the mean probability, the share of positives, its interval."""
    rows: list[list[str | float]] = []
    for kind, values in (("calibrated", probs), ("uncalibrated", before)):
        numbers = bin_numbers(values, bins)
        for number in np.unique(numbers):
            inside = numbers == number
            share = wilson(int(gold[inside].sum()), int(inside.sum()))
            rows.append([kind, float(values[inside].mean()), *(share or ()), int(inside.sum())])
    return as_csv(["kind", "probability", "positives", "low", "high", "n"], rows)
