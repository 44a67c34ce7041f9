"""How often answers are right: by arm, by level, by difficulty, and how much an arm loses or gains against
another."""

import numpy as np

from stages.scores import Estimate
from stages.scores.measures.intervals import difference, proportion
from stages.scores.measures.plots import as_csv, over_difficulty
from stages.scores.measures.table import Flags, Table, bins

ARMS = ("base", "student", "always", "never")  # the arms that are compared group by group
# name: (one arm, minus another)
PAIRS = {
    "student_base": ("student", "base"),
    "student_always": ("student", "always"),
    "student_never": ("student", "never"),
}


def score(table: Table, seed: int) -> dict[str, Estimate | None]:
    """`accuracy.<arm>`, `accuracy_level.<level>.<arm>`, `accuracy_level_3_up.<arm>`,
    `accuracy_failure.<bin>.<arm>` and, paired, `difference.<one>_<other>`; `difference.student_base_solved`
    is over the problems that the base model's probe always passes."""
    found: dict[str, Estimate | None] = {}
    for arm, answers in table.arms.items():
        found[f"accuracy.{arm}"] = proportion(answers.right)
    for name, among in (
        _levels(table) | {f"accuracy_failure.{name}": among for name, among in bins(table).items()}
    ).items():
        for arm in ARMS:
            if arm in table.arms:
                found[f"{name}.{arm}"] = proportion(table.arms[arm].right, among)
    return found | _differences(table, seed)


def _levels(table: Table) -> dict[str, Flags]:
    level = table.level
    groups = {f"accuracy_level.{step}": level == step for step in range(1, 5)}
    groups |= {"accuracy_level.5+": level >= 5, "accuracy_level_3_up": level >= 3}
    return {name: among for name, among in groups.items() if among.any()}


def _differences(table: Table, seed: int) -> dict[str, Estimate | None]:
    arms = table.arms
    found = {
        f"difference.{name}": difference(arms[one].right, arms[other].right, seed)
        for name, (one, other) in PAIRS.items()
        if one in arms and other in arms
    }
    if "student" in arms and "base" in arms and table.failure is not None:
        solved = np.equal(table.failure, 0)
        found["difference.student_base_solved"] = difference(
            arms["student"].right, arms["base"].right, seed, solved
        )
    return found


def plots(table: Table) -> dict[str, str]:
    """`accuracy`, for each bin of difficulty: its mean base failure rate, the problems, the accuracy of each
    arm (`nan`, which is not drawn, where it was not generated; an empty cell would be drawn as 0)."""
    if table.failure is None:
        return {}
    rows: list[list[str | float]] = []
    for name, failure, among in over_difficulty(table):
        shares = [float(table.arms[arm].right[among].mean()) if arm in table.arms else "nan" for arm in ARMS]
        rows.append([name, failure, int(among.sum()), *shares])
    return {"accuracy": as_csv(["difficulty", "failure", "n", *ARMS], rows)}
