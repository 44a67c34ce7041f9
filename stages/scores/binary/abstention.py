"""What is gained where the least certain problems are left to a person: risk against coverage.

R. El-Yaniv and Y. Wiener, "On the foundations of noise-free selective classification", JMLR 11, 2010.
"""

import numpy as np

from stages.scores.measures.estimates import Estimate
from stages.scores.measures.intervals import weighted_bootstrap
from stages.scores.measures.table import Flags, Numbers


def certainty(probs: Numbers, threshold: float) -> Numbers:
    """How far a probability lies from the threshold, as a share of what is possible on its side: 0 to 1."""
    above = (probs - threshold) / max(1 - threshold, 1e-12)
    value: Numbers = np.where(probs >= threshold, above, (threshold - probs) / max(threshold, 1e-12))
    return value


def risk_coverage(certain: Numbers, wrong: Flags) -> list[tuple[float, float, float]]:
    """From the most certain problems on: certainty, share of problems that are at least so certain, share of
    wrong labels among them."""
    order = np.argsort(-certain, kind="stable")
    ordered, errors = certain[order], np.cumsum(wrong[order])
    last = np.flatnonzero(np.concatenate([ordered[1:] < ordered[:-1], [True]]))
    return [
        (float(ordered[place]), (place + 1) / len(wrong), float(errors[place] / (place + 1)))
        for place in map(int, last)
    ]


def certainty_for(certain: Numbers, wrong: Flags, risk: float) -> float | None:
    """The lowest certainty from which on at most the share `risk` of the labels is wrong; None where there is
    none."""
    fitting = [level for level, _, share in risk_coverage(certain, wrong) if share <= risk]
    return min(fitting) if fitting else None


def aurc(certain: Numbers, wrong: Flags, seed: int) -> Estimate | None:
    """The area under the curve of risk over coverage: the mean risk over all coverages. Problems of the same
    certainty are covered together."""
    order = np.argsort(-certain, kind="stable")
    ordered = certain[order]
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] < ordered[:-1]]))
    errors = wrong[order].astype(np.float64)

    def area(weights: Numbers) -> Numbers:
        drawn = weights[:, order]
        covered = np.add.reduceat(drawn, starts, axis=1)
        missed = np.add.reduceat(drawn * errors, starts, axis=1).cumsum(axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            risks = np.where(covered > 0, missed / covered.cumsum(axis=1), 0.0)
        value: Numbers = (risks * covered).sum(axis=1) / drawn.sum(axis=1)
        return value

    return weighted_bootstrap(len(wrong), area, seed)
