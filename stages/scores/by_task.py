"""How good and how long answers are in each task, and on average over tasks: a task counts the same however
many problems it has."""

import numpy as np

from stages.scores import Estimate
from stages.scores.accuracy import PAIRS
from stages.scores.measures.intervals import combined, difference, mean, mean_of_means, proportion
from stages.scores.measures.plots import as_csv
from stages.scores.measures.table import Flags, Table


def score(table: Table, seed: int) -> dict[str, Estimate | None]:
    """`accuracy_task.<task>.<arm>` and `accuracy_macro.<arm>`; `difference_task.<task>.<one>_<other>` and
    `difference_macro.<one>_<other>`, paired; `tokens_task.<task>.<arm>` and `tokens_macro.<arm>` (means of an
    answer)."""
    found: dict[str, Estimate | None] = {}
    tasks = _tasks(table)
    for arm, answers in table.arms.items():
        shares = {task: proportion(answers.right, among) for task, among in tasks.items()}
        found |= {f"accuracy_task.{task}.{arm}": share for task, share in shares.items()}
        found[f"accuracy_macro.{arm}"] = combined([share for share in shares.values() if share])
    for name, (one, other) in PAIRS.items():
        if one in table.arms and other in table.arms:
            found |= _differences(name, table.arms[one].right, table.arms[other].right, tasks, seed)
    for arm, answers in table.arms.items():
        found |= {
            f"tokens_task.{task}.{arm}": mean(answers.tokens[among], seed) for task, among in tasks.items()
        }
        found[f"tokens_macro.{arm}"] = mean_of_means(
            [answers.tokens[among] for among in tasks.values()], seed
        )
    return found


def _tasks(table: Table) -> dict[str, Flags]:
    """Which problems are of each task, by name."""
    return {str(task): np.equal(table.task, task) for task in np.unique(table.task)}


def _differences(
    name: str, one: Flags, other: Flags, tasks: dict[str, Flags], seed: int
) -> dict[str, Estimate | None]:
    """Where the two arms never disagree there is nothing to redraw: then the interval is made of those of the
    tasks."""
    parts = {task: difference(one, other, seed, among) for task, among in tasks.items()}
    gaps = [one[among].astype(np.float64) - other[among] for among in tasks.values()]
    disagree = any(group.any() for group in gaps)
    macro = mean_of_means(gaps, seed) if disagree else combined([part for part in parts.values() if part])
    return {f"difference_task.{task}.{name}": part for task, part in parts.items()} | {
        f"difference_macro.{name}": macro
    }


def plots(table: Table) -> dict[str, str]:
    """`by_task`: for each task and arm the accuracy, its interval, the problems."""
    rows: list[list[str | float]] = []
    for task, among in _tasks(table).items():
        for arm, answers in table.arms.items():
            rows.append([task, arm, *(proportion(answers.right, among) or ()), int(among.sum())])
    return {"by_task": as_csv(["task", "arm", "accuracy", "low", "high", "n"], rows)}
