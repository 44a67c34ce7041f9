"""What answers cost in tokens, and whether the model ends them itself."""

import numpy as np

from stages.scores import Estimate
from stages.scores.measures.intervals import bootstrap, mean, proportion
from stages.scores.measures.table import Numbers, Table


def score(table: Table, seed: int) -> dict[str, Estimate | None]:
    """`tokens.<arm>` (mean of an answer), `token_saving` (share of the always arm's tokens that the student
    does without; below 0 where it writes more), `ended_stop.<arm>` and `ended_length.<arm>` (shares)."""
    found: dict[str, Estimate | None] = {}
    for arm, answers in table.arms.items():
        found[f"tokens.{arm}"] = mean(answers.tokens, seed)
    if "student" in table.arms and "always" in table.arms:
        found["token_saving"] = _saving(table.arms["student"].tokens, table.arms["always"].tokens, seed)
    for arm, answers in table.arms.items():
        found[f"ended_stop.{arm}"] = proportion(answers.stopped)
        found[f"ended_length.{arm}"] = proportion(~answers.stopped)
    return found


def plots(table: Table) -> dict[str, str]:
    """None: its numbers are told at a glance."""
    return {}


def _saving(tokens: Numbers, against: Numbers, seed: int) -> Estimate | None:
    """None where the other arm's lengths are not known (all 0)."""
    if not against.any():
        return None
    return bootstrap(np.stack([tokens, against], axis=1), lambda sums: 1 - sums[..., 0] / sums[..., 1], seed)
