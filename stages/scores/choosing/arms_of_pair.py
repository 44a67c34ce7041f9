"""The ways to answer a problem with a pair of students: which cell each way asks.

A choice is an array of shape (problems, cells) whose rows add up to 1: a way that draws has the chances of
its cells there, so that what it is worth is its expectation, without the luck of a draw.
"""

from typing import NamedTuple

import numpy as np

from stages.scores.choosing.cell_answers import Answers, Cell
from stages.scores.measures.table import Flags, Numbers
from stages.shared.routes import STUDENTS


class Scored(NamedTuple):
    """What the answers of one way are worth, problem by problem: the means over samples."""

    right: Numbers  # (problems,)
    tokens: Numbers  # (problems,)


def scored(answers: Answers, choice: Numbers) -> Scored:
    """What a choice is worth."""
    return Scored(*((choice * figures.mean(-1)).sum(1) for figures in (answers.right, answers.tokens)))


def permuted_in_task(answers: Answers, pair: Numbers) -> Scored:
    """What the choices of `pair` are worth where they are dealt out among the problems of each task.

    The mean choice of a task comes from the same problems as the answers. So a problem's figure holds both
    what the mean choice is worth on it and what its own choice adds to the mean: the mean over the task is
    the same, and a bootstrap over problems draws both.
    """
    columns = []
    for figures in (answers.right.mean(-1), answers.tokens.mean(-1)):
        column = np.zeros(len(answers))
        for among in answers.tasks.values():
            mean, worth = pair[among].mean(0), figures[among].mean(0)
            column[among] = figures[among] @ mean + (pair[among] - mean) @ worth
        columns.append(column)
    return Scored(*columns)


def fixed(answers: Answers) -> dict[str, Numbers]:
    """`<student>_<style>`: always the one cell."""
    ones = np.eye(len(answers.cells))
    return {
        f"{cell.student}_{cell.style}": _everywhere(answers, ones[place])
        for place, cell in enumerate(answers.cells)
    }


def drawn(answers: Answers) -> dict[str, Numbers]:
    """`random`: every cell with the same chance."""
    count = len(answers.cells)
    return {"random": _everywhere(answers, np.full(count, 1 / count))}


def routed(answers: Answers) -> dict[str, Numbers]:
    """What the router chooses: the cell of the largest utility; nothing without a router.

    `pair`: of all cells. `first_routed`, `second_routed`: of the cells of one student, so the router chooses
    the style alone. `swapped`: the style of `pair`, of the other student. `permuted`: the choices of `pair`
    dealt out among all problems, the mean over all ways to deal them out.
    """
    if answers.utility is None:
        return {}
    ways = {f"{student}_routed": answers.of_student(student) for student in STUDENTS}
    choices = {"pair": _largest(answers.utility)}
    choices |= {name: _largest(np.where(cells, answers.utility, -np.inf)) for name, cells in ways.items()}
    pair = choices["pair"]
    choices["swapped"] = np.roll(pair, len(answers.cells) // 2, axis=1)
    choices["permuted"] = _everywhere(answers, pair.mean(0))
    return choices


def chosen(answers: Answers, validation: Answers) -> dict[str, Numbers]:
    """The best choices that need no router, made by the answers to the validation problems.

    `best_single`: the one cell whose accuracy, the mean over tasks, is highest. `best_style_per_task`: of
    each task a style, of one student. `best_cell_per_task`: of each task a cell. Of cells that tie the one
    with fewer tokens is taken. A task without validation problems takes `best_single`.
    """
    by_task = {task: _figures(validation, among) for task, among in validation.tasks.items()}
    mean = np.mean(list(by_task.values()), axis=0)
    single = _winner(mean, np.ones(len(answers.cells), dtype=bool))
    students = {student: validation.of_student(student) for student in STUDENTS}
    by_style = {
        student: {task: _winner(figures, cells) for task, figures in by_task.items()}
        for student, cells in students.items()
    }
    worth = {
        student: tuple(np.mean([by_task[task][place] for task, place in cells.items()], axis=0))
        for student, cells in by_style.items()
    }
    best = max(STUDENTS, key=lambda student: worth[student])
    by_cell = {
        task: _winner(figures, students["first"] | students["second"]) for task, figures in by_task.items()
    }
    return {
        "best_single": _by_task(answers, {}, single),
        "best_style_per_task": _by_task(answers, by_style[best], single),
        "best_cell_per_task": _by_task(answers, by_cell, single),
    }


def most_likely(answers: Answers) -> Scored | None:
    """The ensemble: of the answers of all cells that of the largest mean log-probability of a token, sample
    by sample; its tokens are those of all cells. None where the log-probabilities are not known."""
    if answers.logprob is None:
        return None
    best = answers.logprob.argmax(1)[:, None, :]
    right = np.take_along_axis(answers.right, best, 1)[:, 0].mean(-1)
    return Scored(right, answers.tokens.sum(1).mean(-1))


def choice_by_task(answers: Answers, choice: Numbers) -> dict[str, Cell]:
    """By task the cell that a choice takes there most often."""
    return {task: answers.cells[int(choice[among].mean(0).argmax())] for task, among in answers.tasks.items()}


def _everywhere(answers: Answers, chances: Numbers) -> Numbers:
    return np.tile(chances, (len(answers), 1))


def _largest(utility: Numbers) -> Numbers:
    """One cell for each problem: of those that tie the first."""
    choices: Numbers = np.eye(utility.shape[1])[utility.argmax(1)]
    return choices


def _figures(answers: Answers, among: Flags) -> Numbers:
    """Accuracy and, for ties, the tokens with a minus, of each cell over some problems: (cells, 2)."""
    right, tokens = (figures[among].mean((0, 2)) for figures in (answers.right, answers.tokens))
    return np.stack([right, -tokens], axis=1)


def _winner(figures: Numbers, cells: Flags) -> int:
    """The place of the best of some cells."""
    return max(np.flatnonzero(cells).tolist(), key=lambda place: tuple(figures[place]))


def _by_task(answers: Answers, places: dict[str, int], otherwise: int) -> Numbers:
    choice = np.zeros((len(answers), len(answers.cells)))
    for task, among in answers.tasks.items():
        choice[among, places.get(task, otherwise)] = 1
    return choice
