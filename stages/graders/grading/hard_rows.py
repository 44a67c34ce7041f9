"""Problems to which no answer of the teacher passed: rejection must not skew the labels."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any, Literal

import msgspec

from stages.shared.errors import BadInput
from stages.shared.rows import Kind, Trace

TEACHER = "teacher"  # the `by` whose problems are hard where nothing passes
HardRows = Literal["drop", "label_only", "keep_reweighted"]


def with_hard_rows(
    traces: Iterable[tuple[Trace, str]], hard_rows: str, weights: Mapping[str, float]
) -> Iterator[tuple[Trace, str]]:
    """The traces with their reasons, as `hard_rows` (see `Params`) wants them; `weights` are by label.

    Raises BadInput where `hard_rows` is `label_only` or `keep_reweighted` and a problem is of no kind with
    labels.
    """
    for _, rows in groupby(traces, key=lambda row: row[0].id):
        problem = list(rows)
        if hard_rows != "drop" and problem[0][0].kind is not Kind.LABEL:
            raise BadInput(
                f"problem {problem[0][0].id!r} is of kind {problem[0][0].kind}: filter.hard_rows "
                f"{hard_rows} is for problems of kind {Kind.LABEL}"
            )
        passed = any(trace.by == TEACHER and not reason for trace, reason in problem)
        first = next((place for place, (trace, _) in enumerate(problem) if trace.by == TEACHER), None)
        for place, (trace, reason) in enumerate(problem):
            if trace.by == TEACHER and hard_rows == "label_only" and not passed and place == first:
                yield msgspec.structs.replace(trace, hard=1), ""
            elif trace.by == TEACHER and not reason:
                yield msgspec.structs.replace(trace, weight=weights.get(trace.answer)), ""
            else:
                yield trace, reason


def balancing(traces: Iterable[tuple[Trace, str]]) -> dict[str, float]:
    """By label, the weight with which the kept traces of the teacher give each label the share that it has
    among the problems; their mean over the kept traces is 1. Raises BadInput where a label has none left."""
    problems: Counter[str] = Counter()
    kept: Counter[str] = Counter()
    for _, rows in groupby(traces, key=lambda row: row[0].id):
        mine = [(trace, reason) for trace, reason in rows if trace.by == TEACHER]
        if mine:
            problems[mine[0][0].answer] += 1
            kept[mine[0][0].answer] += sum(not reason for _, reason in mine)
    if empty := sorted(label for label in problems if not kept[label]):
        raise BadInput(
            f"filter.hard_rows: keep_reweighted: no answer to a problem of the label {empty[0]!r} was kept, "
            "so that no weight restores its share; choose label_only"
        )
    wholes, left = problems.total(), kept.total()
    return {label: round(count / wholes / (kept[label] / left), 6) for label, count in problems.items()}


class LabelBalance:
    """The shares of the labels among the problems, and among what of them is learnt."""

    def __init__(self) -> None:
        self.problems: Counter[str] = Counter()  # by label
        self.learnt: dict[str, float] = {}  # by label, the weights of the kept traces added up
        self.hard: Counter[str] = Counter()
        self.last = ""  # the id of the problem that was counted last: its traces stand together

    def count(self, trace: Trace, reason: str) -> None:
        """Counts a trace of the teacher, which was dropped for `reason` ("": kept)."""
        self.problems[trace.answer] += trace.id != self.last
        self.last = trace.id
        if not reason:
            self.learnt[trace.answer] = self.learnt.get(trace.answer, 0.0) + (trace.weight or 1.0)
            self.hard[trace.answer] += trace.hard

    def metrics(self) -> dict[str, Any]:
        """By label: its share among the problems (`before`) and among the kept traces by weight (`after`),
        and how many problems are `hard`."""
        wholes, left = self.problems.total(), max(1e-9, sum(self.learnt.values()))
        return {
            label: {
                "before": round(count / wholes, 6),
                "after": round(self.learnt.get(label, 0.0) / left, 6),
                "hard": self.hard[label],
            }
            for label, count in sorted(self.problems.items())
        }
