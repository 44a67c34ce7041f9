"""The section of a pair of students and its router: what each way to choose is worth, and what was chosen."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from stages.pages.charts import heat, intervals, lines, points_of
from stages.pages.data_sections import counted, shared
from stages.pages.sections import Cell, Chart, Section, Table
from stages.pages.tallies import TEST
from stages.shared.routes import Route
from stages.shared.rows import Trace

ALL = "all"  # in place of a task: the mean over tasks
CHOSEN, PASSED_OVER = "chosen", "passed over"
UTILITY = "router.utility"  # the fact of an answer: what the router expects of its student and style


def routed(answers: Sequence[Trace], route: Route | None) -> Iterator[tuple[Trace, str]]:
    """All answers to one problem, each with the utility of its student and style as a fact, and with whether
    the router chose these.

    The router chooses the largest utility, of equal ones the first in the order of the answers, as
    `stages.scores.choosing` has it. Without a router the second value is "".
    """
    if route is None or route.utility is None:
        yield from ((trace, "") for trace in answers)
        return
    utility = {(trace.by, trace.style): route.utility[trace.by][trace.style] for trace in answers}
    best = max(utility, key=lambda cell: utility[cell])
    for trace in answers:
        cell = (trace.by, trace.style)
        facts = trace.facts | {UTILITY: round(utility[cell], 4)}
        yield msgspec.structs.replace(trace, facts=facts), CHOSEN if cell == best else PASSED_OVER


class PairTally:
    """Counts the answers of a pair to the test problems, by task and by whether the router chose them."""

    def __init__(self) -> None:
        self.answers: Counter[tuple[str, str]] = Counter()
        self.right: Counter[tuple[str, str]] = Counter()

    def add(self, trace: Trace, route: str) -> None:
        """Counts an answer; `route` as in `TraceTable.add`."""
        if trace.split == TEST:
            self.answers[trace.task, route] += 1
            self.right[trace.task, route] += trace.grades.get("answer") == 1


def routing(plots: Mapping[str, str], tally: PairTally) -> Section | None:
    """The section; None where there is no pair. `plots` are the CSV files that `evaluate_pair` writes."""
    if not tally.answers or "cells" not in plots:
        return None
    blocks: list[Chart | Table] = []
    if ways := [_point(row) for row in points_of(plots.get("ways", "")) if row["task"] == ALL]:
        blocks.append(intervals(ways, "right answers", "What each way to choose student and style is worth"))
    blocks.append(_heat(plots["cells"], "accuracy", "Right answers by task, student and style"))
    if plots.get("routes"):
        blocks.append(
            _heat(plots["routes"], "share", "What the router chose: share of the problems of a task")
        )
    if utility := points_of(plots.get("utility", "")):
        names = list(dict.fromkeys(str(row["student"]) for row in utility))
        drawn = [{"x": row["utility"], "name": row["student"], "value": row["right"]} for row in utility]
        words = "Share of right answers over what the router expected, in ten groups"
        blocks.append(lines(drawn, names, "utility that the router expects", "right answers", words))
    blocks.append(_table(tally))
    note = (
        "Two students answer every problem in every style; the router chooses one student and style before "
        "anybody answers. A number leads to its rows."
    )
    return Section("pair", "Pair and router", note, blocks)


def _point(row: Mapping[str, Any]) -> dict[str, Any]:
    interval = {name: row[name] for name in ("low", "high")}
    return {"group": row["way"], "name": row["way"], "value": row["accuracy"]} | interval


def _heat(text: str, value: str, words: str) -> Chart:
    rows = [
        {"x": f"{row['student']} {row['style']}", "y": row["task"], "value": row[value], "n": row.get("n")}
        for row in points_of(text)
        if isinstance(row[value], float)
    ]
    return heat(rows, "student and style", "task", words)


def _table(tally: PairTally) -> Table:
    """Of each task how many answers are right: those that the router chose, and the others."""
    kinds = [kind for kind in (CHOSEN, PASSED_OVER, "") if any(route == kind for _, route in tally.answers)]
    rows = []
    for task in dict.fromkeys(task for task, _ in tally.answers):
        cells = [Cell(task)]
        for kind in kinds:
            of = {"split": TEST, "task": task} | ({"route": kind} if kind else {})
            answers, right = tally.answers[task, kind], tally.right[task, kind]
            cells += [counted(answers, of), shared(right, answers, of | {"verdict": "right"})]
        rows.append(cells)
    return Table(["task", *(head for kind in kinds for head in (kind or "answers", "right"))], rows)
