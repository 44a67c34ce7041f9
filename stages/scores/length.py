"""What answers cost in tokens, and whether the model ends them itself."""

import numpy as np

from stages.scores.measures.estimates import Estimate, Estimates
from stages.scores.measures.intervals import bootstrap, mean, proportion
from stages.scores.measures.needs import Needs, Pair, ScoreParams
from stages.scores.measures.table import Numbers, Table


class Params(ScoreParams):
    """What is reported besides each arm's tokens and endings."""

    # [arm, against]: the share of `against`'s tokens that the arm does without; null: not reported
    saving: Pair | None = None

    def needs(self) -> Needs:
        """The arms of the saving."""
        return Needs(arms=self.saving or ())


def score(table: Table, params: Params, seed: int) -> Estimates:
    """Means of tokens, and shares.

    `tokens.<arm>` is the mean of an answer. `token_saving` is the share of tokens that the first arm of
    `saving` does without; it is below 0 where that arm writes more. `ended_stop.<arm>` and
    `ended_length.<arm>` are the shares of answers that the model ended itself and that were cut off.
    """
    metrics: Estimates = {f"tokens.{name}": mean(arm.tokens, seed) for name, arm in table.arms.items()}
    if params.saving:
        tokens, against = (table.arms[name].tokens for name in params.saving)
        metrics["token_saving"] = _saving(tokens, against, seed)
    for name, arm in table.arms.items():
        metrics[f"ended_stop.{name}"] = proportion(arm.stopped)
        metrics[f"ended_length.{name}"] = proportion(~arm.stopped)
    return metrics


def plots(table: Table, params: Params) -> dict[str, str]:
    """None: the few numbers need no curve."""
    return {}


def _saving(tokens: Numbers, against: Numbers, seed: int) -> Estimate | None:
    """None where the lengths of `against` are not known (all 0)."""
    if not against.any():
        return None
    return bootstrap(np.stack([tokens, against], axis=1), lambda sums: 1 - sums[..., 0] / sums[..., 1], seed)
