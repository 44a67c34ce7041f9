"""The tables of a pair that are drawn: cells, routes, ways and utilities."""

from collections.abc import Iterator, Mapping

import numpy as np

from stages.scores.choosing.arms_of_pair import Scored
from stages.scores.choosing.cell_answers import Answers, Cell
from stages.scores.choosing.pair_measures import PAIR
from stages.scores.choosing.utility_measures import reliability
from stages.scores.choosing.ways import Ways
from stages.scores.measures.estimates import Estimate
from stages.scores.measures.intervals import wilson
from stages.scores.measures.plots import as_csv
from stages.scores.measures.table import Numbers

ALL = "all"  # in place of a task: the mean over tasks


def cell_accuracies(answers: Answers, seed: int) -> Iterator[tuple[str, Cell, Estimate | None]]:
    """By task, at last over all of them, the accuracy of each cell. With one task it is that task alone."""
    names = [str(place) for place in range(len(answers.cells))]
    share = answers.right.mean(-1)
    by_task = {task: dict(zip(names, share[among].T, strict=True)) for task, among in answers.tasks.items()}
    groups = {task: [group] for task, group in by_task.items()}
    if len(groups) > 1:
        groups[ALL] = list(by_task.values())
    for task, parts in groups.items():
        ways = Ways(parts, seed)
        for name, cell in zip(names, answers.cells, strict=True):
            yield task, cell, ways.mean(name)


def pair_plots(
    answers: Answers, choice: Mapping[str, Numbers], ways: Mapping[str, Scored], seed: int
) -> dict[str, str]:
    """CSV by its name. `cells`: accuracy by task, student and style. `ways`: accuracy by task and way.
    `routes`: of the problems of each task the share that the pair puts to each cell. `utility`: right answers
    by what the router expected. The last two are there where there is a router."""
    plots = {"cells": _cells(answers, seed), "ways": _ways(answers, ways, seed)}
    if PAIR in choice:
        plots["routes"] = _routes(answers, choice[PAIR])
        plots["utility"] = as_csv(["student", "utility", "right", "n"], reliability(answers))
    return plots


def _cells(answers: Answers, seed: int) -> str:
    tokens = answers.tokens.mean(-1)
    rows: list[list[str | float]] = []
    for task, cell, accuracy in cell_accuracies(answers, seed):
        among = answers.tasks.get(task, np.ones(len(answers), dtype=bool))
        place = answers.cells.index(cell)
        parts = [answers.tasks[task]] if task in answers.tasks else list(answers.tasks.values())
        spent = float(np.mean([tokens[part, place].mean() for part in parts]))
        rows.append([task, *cell, *(accuracy or ()), spent, int(among.sum())])
    return as_csv(["task", "student", "style", "accuracy", "low", "high", "tokens", "n"], rows)


def _ways(answers: Answers, ways: Mapping[str, Scored], seed: int) -> str:
    """Without the single cells, which have a table of their own."""
    single = {f"{cell.student}_{cell.style}" for cell in answers.cells}
    kept = {name: way.right for name, way in ways.items() if name not in single}
    by_task = {
        task: {name: right[among] for name, right in kept.items()} for task, among in answers.tasks.items()
    }
    groups = {ALL: list(by_task.values())} | {task: [group] for task, group in by_task.items()}
    rows: list[list[str | float]] = []
    for task, parts in groups.items():
        drawn = Ways(parts, seed)
        count = sum(len(next(iter(part.values()))) for part in parts)
        rows += [[task, name, *(drawn.mean(name) or ()), count] for name in kept]
    return as_csv(["task", "way", "accuracy", "low", "high", "n"], rows)


def _routes(answers: Answers, pair: Numbers) -> str:
    rows: list[list[str | float]] = []
    for task, among in answers.tasks.items():
        counts = pair[among].sum(0)
        for cell, count in zip(answers.cells, counts, strict=True):
            share = wilson(int(count), int(among.sum()))
            rows.append([task, *cell, *(share or ()), int(among.sum())])
    return as_csv(["task", "student", "style", "share", "low", "high", "n"], rows)
