"""How well the router knows beforehand which answers will be right."""

import numpy as np

from stages.scores.binary.ranks import Ordered, roc_area
from stages.scores.choosing.cell_answers import Answers
from stages.scores.measures.estimates import Estimate, Estimates
from stages.scores.measures.intervals import bootstrap, weighted_bootstrap
from stages.scores.measures.table import Flags, Numbers
from stages.shared.routes import STUDENTS

AT_ONCE = 64  # resamples whose weights are spread over all cells at a time: memory stays small
BINS = 10


def utility_estimates(answers: Answers, seed: int) -> Estimates:
    """How the utilities order right and wrong answers; nothing without a router.

    `utility.auroc`: the chance that a right answer was expected to be better than a wrong one, of all
    problems and cells; `utility.auroc_first` and `utility.auroc_second`: of one student.
    `utility.auroc_within`: of two answers to one problem, which is what a choice hangs on; knowing which
    problems are hard does not help there.
    """
    if answers.utility is None:
        return {}
    every = np.ones(len(answers.cells), dtype=bool)
    estimates: Estimates = {"utility.auroc": _auroc(answers, every, seed)}
    for student in STUDENTS:
        estimates[f"utility.auroc_{student}"] = _auroc(answers, answers.of_student(student), seed)
    return estimates | {"utility.auroc_within": _within(answers.utility, answers.right.mean(-1), seed)}


def _auroc(answers: Answers, cells: Flags, seed: int) -> Estimate | None:
    """Over the cells of all problems; the problems are redrawn, each with all its cells."""
    assert answers.utility is not None
    utility, share = answers.utility[:, cells], answers.right[:, cells].mean(-1)
    ordered = Ordered(utility.ravel(), share.ravel())
    width = utility.shape[1]

    def area(weights: Numbers) -> Numbers:
        parts = [weights[start : start + AT_ONCE] for start in range(0, len(weights), AT_ONCE)]
        return np.concatenate([roc_area(ordered, np.repeat(part, width, axis=1)) for part in parts])

    return weighted_bootstrap(len(answers), area, seed)


def _within(utility: Numbers, share: Numbers, seed: int) -> Estimate | None:
    """The share of pairs (a right answer, a wrong one) of one problem that the utilities order rightly; ties
    count half. None where every problem has answers of one sort only."""
    pairs = share[:, :, None] * (1 - share)[:, None, :]
    pairs *= 1 - np.eye(share.shape[1])  # two samples of one cell have one utility
    gaps = utility[:, :, None] - utility[:, None, :]
    ordered = (pairs * ((gaps > 0) + 0.5 * (gaps == 0))).sum((1, 2))
    totals = pairs.sum((1, 2))
    if not totals.any():
        return None
    return bootstrap(np.stack([ordered, totals], axis=1), lambda sums: sums[..., 0] / sums[..., 1], seed)


def reliability(answers: Answers) -> list[list[str | float]]:
    """Rows of student, mean utility, share of right answers, and the number of problem and cell pairs: ten
    equally large groups from the lowest utility to the highest, fewer where utilities tie. Empty without a
    router."""
    rows: list[list[str | float]] = []
    if answers.utility is None:
        return rows
    for student in STUDENTS:
        cells = answers.of_student(student)
        utility, share = answers.utility[:, cells].ravel(), answers.right[:, cells].mean(-1).ravel()
        edges = np.unique(np.quantile(utility, np.linspace(0, 1, BINS + 1)[1:-1]))
        groups = np.searchsorted(edges, utility, side="right")
        for group in np.unique(groups):
            among = groups == group
            rows.append([student, float(utility[among].mean()), float(share[among].mean()), int(among.sum())])
    return rows
