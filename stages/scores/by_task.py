"""How good and how long answers are in each task, and on average over tasks.

In such an average a task counts the same however many problems it has.
"""

import numpy as np

from stages.scores.measures.estimates import Estimates
from stages.scores.measures.intervals import combined, difference, mean, mean_of_means, proportion
from stages.scores.measures.needs import ScoreParams
from stages.scores.measures.plots import as_csv
from stages.scores.measures.table import Flags, Table


class Params(ScoreParams):
    """None; which arms are compared says `evaluate.compare`."""


def score(table: Table, params: Params, seed: int) -> Estimates:
    """Accuracy, paired differences of it, and tokens: for each task, and their means over tasks.

    `accuracy_task.<task>.<arm>`, `accuracy_macro.<arm>`; `difference_task.<task>.<comparison>`,
    `difference_macro.<comparison>`; `tokens_task.<task>.<arm>`, `tokens_macro.<arm>` (means of an answer).
    """
    metrics: Estimates = {}
    tasks = _tasks(table)
    for name, arm in table.arms.items():
        shares = {task: proportion(arm.right, among) for task, among in tasks.items()}
        metrics |= {f"accuracy_task.{task}.{name}": share for task, share in shares.items()}
        metrics[f"accuracy_macro.{name}"] = combined([share for share in shares.values() if share])
    for comparison, (name, subtracted) in table.compare.items():
        hits, fewer = table.arms[name].right, table.arms[subtracted].right
        metrics |= _differences(comparison, hits, fewer, tasks)
    for name, arm in table.arms.items():
        by_task = {task: arm.tokens[among] for task, among in tasks.items()}
        metrics |= {f"tokens_task.{task}.{name}": mean(tokens, seed) for task, tokens in by_task.items()}
        metrics[f"tokens_macro.{name}"] = mean_of_means(list(by_task.values()), seed)
    return metrics


def _tasks(table: Table) -> dict[str, Flags]:
    """Which problems are of each task, by name."""
    return {str(task): np.equal(table.task, task) for task in np.unique(table.task)}


def _differences(comparison: str, hits: Flags, subtracted: Flags, tasks: dict[str, Flags]) -> Estimates:
    """The difference in each task, and the mean of these differences."""
    parts = {task: difference(hits, subtracted, among) for task, among in tasks.items()}
    return {f"difference_task.{task}.{comparison}": part for task, part in parts.items()} | {
        f"difference_macro.{comparison}": combined([part for part in parts.values() if part])
    }


def plots(table: Table, params: Params) -> dict[str, str]:
    """`by_task`: for each task and arm the accuracy, its interval, the number of problems."""
    rows: list[list[str | float]] = []
    for task, among in _tasks(table).items():
        for name, arm in table.arms.items():
            rows.append([task, name, *(proportion(arm.right, among) or ()), int(among.sum())])
    return {"by_task": as_csv(["task", "arm", "accuracy", "low", "high", "n"], rows)}
