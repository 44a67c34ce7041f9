"""How often answers are right: by arm, by level, by difficulty, and how two arms differ."""

import numpy as np
from pydantic import Field

from stages.scores.measures.estimates import Estimates
from stages.scores.measures.intervals import difference, proportion
from stages.scores.measures.needs import Needs, ScoreParams
from stages.scores.measures.plots import as_csv, over_difficulty
from stages.scores.measures.table import Flags, Table, bins


class Params(ScoreParams):
    """What is reported besides each arm's accuracy and the differences of `evaluate.compare`."""

    # the arms whose accuracy is reported by level and by difficulty; null: all
    by_group: list[str] | None = Field(default=None, min_length=1)
    # names in `evaluate.compare`: also reported over the problems that the base model's probe always passes
    solved: list[str] = Field(default_factory=list)

    def needs(self) -> Needs:
        """All that is named."""
        return Needs(arms=self.by_group or (), comparisons=self.solved)


def score(table: Table, params: Params, seed: int) -> Estimates:
    """Shares of right answers, and paired differences of these shares.

    `accuracy.<arm>`, `accuracy_level.<level>.<arm>`, `accuracy_level_3_up.<arm>` and
    `accuracy_failure.<bin>.<arm>` are shares. `difference.<comparison>` is over all problems,
    `difference.<comparison>_solved` over those that the base model's probe always passes.
    No interval needs the bootstrap, so `seed` is not used.
    """
    metrics: Estimates = {f"accuracy.{name}": proportion(arm.right) for name, arm in table.arms.items()}
    failures = {f"accuracy_failure.{name}": among for name, among in bins(table).items()}
    for group, among in (_levels(table) | failures).items():
        for name in params.by_group or table.arms:
            metrics[f"{group}.{name}"] = proportion(table.arms[name].right, among)
    return metrics | _differences(table, params.solved)


def _levels(table: Table) -> dict[str, Flags]:
    level = table.level
    groups = {f"accuracy_level.{step}": level == step for step in range(1, 5)}
    groups |= {"accuracy_level.5+": level >= 5, "accuracy_level_3_up": level >= 3}
    return {name: among for name, among in groups.items() if among.any()}


def _differences(table: Table, on_solved: list[str]) -> Estimates:
    right = {
        name: (table.arms[arm].right, table.arms[subtracted].right)
        for name, (arm, subtracted) in table.compare.items()
    }
    metrics = {f"difference.{name}": difference(*pair) for name, pair in right.items()}
    if table.failure is not None:
        solved = np.equal(table.failure, 0)
        metrics |= {f"difference.{name}_solved": difference(*right[name], solved) for name in on_solved}
    return metrics


def plots(table: Table, params: Params) -> dict[str, str]:
    """`accuracy`: a row for each bin of difficulty.

    It holds the bin's mean base failure rate, its number of problems and the accuracy of each arm of
    `by_group`.
    """
    if table.failure is None:
        return {}
    arms = params.by_group or list(table.arms)
    rows: list[list[str | float]] = []
    for name, failure, among in over_difficulty(table):
        shares = [float(table.arms[arm].right[among].mean()) for arm in arms]
        rows.append([name, failure, int(among.sum()), *shares])
    return {"accuracy": as_csv(["difficulty", "failure", "n", *arms], rows)}
