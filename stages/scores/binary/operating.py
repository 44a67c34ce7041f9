"""How an arm's probabilities become labels: the temperature, the threshold and the certainty, all of them
chosen on validation problems."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from pydantic import Field

from stages.scores.binary.abstention import certainty, certainty_for
from stages.scores.binary.calibration import fit_temperature, scaled
from stages.scores.binary.classified import POSITIVE, Codes, Labelled
from stages.scores.binary.thresholds import choose_threshold, labels_at
from stages.scores.measures.estimates import Estimate
from stages.scores.measures.table import Flags, Numbers
from stages.shared.errors import BadInput
from stages.shared.params import Strict


class Choices(Strict):
    """What is chosen on validation problems."""

    # whether the log-odds are divided by a temperature, fitted on validation
    calibrate: bool = True
    # the probability from which on a problem is called positive; null: the one with the highest macro-F1 on
    # validation
    threshold: float | None = Field(default=None, ge=0, le=1)
    # abstention: the share of wrong labels, on validation, among the problems that are not left to a person
    risk: float = Field(default=0.05, ge=0, lt=1)


@dataclass(frozen=True)
class Operating:
    """What was chosen for one arm."""

    temperature: float  # 1 where nothing was calibrated
    threshold: Estimate  # of calibrated probabilities; without width where params give it
    certainty: float | None  # None: no certainty keeps the risk, or there are no validation problems


class Labels(NamedTuple):
    """What an arm says of each problem of a split."""

    pred: Codes
    probs: Numbers | None  # calibrated; None where the arm gives none
    certain: Numbers | None  # 0 to 1; None where the arm gives no probabilities


def choose(name: str, validation: Labelled | None, choices: Choices, seed: int) -> Operating:
    """What the answers of arm `name` to the validation problems, which have probabilities, lead to.

    Raises BadInput where params need validation problems and the arm answered none.
    """
    if validation is None or validation.probs is None:
        if choices.calibrate or choices.threshold is None:
            raise BadInput(
                f"arm {name!r} answered no validation problem, so no threshold can be chosen and nothing "
                "calibrated; add validation to its splits, or give a threshold and set calibrate to false"
            )
        return Operating(1.0, Estimate(*[choices.threshold] * 3), None)
    temperature = fit_temperature(validation.probs, validation.gold) if choices.calibrate else 1.0
    probs = scaled(validation.probs, temperature) if choices.calibrate else validation.probs
    threshold = (
        choose_threshold(probs, validation.gold, seed)
        if choices.threshold is None
        else Estimate(*[choices.threshold] * 3)
    )
    assert threshold is not None  # a split is never empty
    wrong = labels_at(probs, threshold.value) != validation.gold
    level = certainty_for(certainty(probs, threshold.value), wrong, choices.risk)
    return Operating(temperature, threshold, level)


def apply(arm: Labelled, operating: Operating | None) -> Labels:
    """The labels of `arm`: those of its probabilities, or those that its texts state where it has none."""
    if operating is None or arm.probs is None:
        return Labels(arm.stated, None, None)
    calibrated = operating.temperature != 1
    probs = scaled(arm.probs, operating.temperature) if calibrated else arm.probs
    value = operating.threshold.value
    return Labels(labels_at(probs, value), probs, certainty(probs, value))


def right(arm: Labelled, pred: Codes) -> Flags:
    """Which labels are the gold ones; an invalid one never is."""
    flags: Flags = np.where(arm.gold, pred == POSITIVE, pred == 0)
    return flags
