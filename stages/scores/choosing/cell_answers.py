"""The graded answers of a pair of students as arrays. A cell is a student and a style."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from stages.scores.measures.table import Flags, Numbers, Words
from stages.shared.errors import BadInput
from stages.shared.routes import STUDENTS, Route
from stages.shared.rows import Trace


class Cell(NamedTuple):
    """Whom a problem may be put to, and how."""

    student: str
    style: str


@dataclass(frozen=True)
class Answers:
    """Every cell's answers to every problem."""

    ids: Words  # (problems,)
    task: Words  # (problems,)
    cells: tuple[Cell, ...]  # all styles of the first student, then those of the second in the same order
    right: Numbers  # (problems, cells, samples): 1 for a right answer, else 0
    tokens: Numbers  # (problems, cells, samples)
    logprob: Numbers | None  # (problems, cells, samples): mean log-probability of a token; None: not known
    utility: Numbers | None  # (problems, cells): what the router expects; None: there is no router

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def styles(self) -> list[str]:
        """The styles in their order."""
        return [cell.style for cell in self.cells[: len(self.cells) // 2]]

    @property
    def samples(self) -> int:
        """How many answers each cell gave to each problem."""
        return int(self.right.shape[2])

    @property
    def tasks(self) -> dict[str, Flags]:
        """Which problems are of each task, by name."""
        return {str(task): np.equal(self.task, task) for task in np.unique(self.task)}

    def of_student(self, student: str) -> Flags:
        """Which cells are a student's, of shape (cells,)."""
        return np.array([cell.student == student for cell in self.cells])


class Gathering:
    """Takes the traces of one problem after the other and keeps their figures; the texts are not kept."""

    def __init__(self, routes: Mapping[str, Route]) -> None:
        """`routes` by the id of the problem."""
        self.routes = routes
        self.cells: tuple[Cell, ...] = ()
        self.samples = 0
        self.rows: dict[str, list[_Row]] = {}  # by split

    def add(self, traces: Sequence[Trace]) -> None:
        """Adds a problem. Raises BadInput where its answers are not those of both students in every style of
        the first problem, as often as there, or where it has no route."""
        by_cell: dict[Cell, list[Trace]] = {}
        for trace in traces:
            by_cell.setdefault(Cell(trace.by, trace.style), []).append(trace)
        if not self.cells:
            self._start(by_cell, traces[0].id)
        counts = {cell: len(rows) for cell, rows in by_cell.items()}
        if counts != dict.fromkeys(self.cells, self.samples):
            raise BadInput(
                f"problem {traces[0].id!r}: expected {self.samples} answers of each of {_names(self.cells)}; "
                f"got {', '.join(f'{count} of {_names([cell])}' for cell, count in counts.items())}"
            )
        ordered = [by_cell[cell] for cell in self.cells]
        self.rows.setdefault(traces[0].split, []).append(
            _Row(
                problem=traces[0].id,
                task=traces[0].task,
                right=[[float(trace.grades["answer"] == 1) for trace in rows] for rows in ordered],
                tokens=[[float(trace.tokens) for trace in rows] for rows in ordered],
                logprob=[[_logprob(trace) for trace in rows] for rows in ordered],
                utility=self._utility(traces[0].id),
            )
        )

    def _start(self, by_cell: Mapping[Cell, list[Trace]], problem: str) -> None:
        students, styles = ({cell[place]: None for cell in by_cell} for place in (0, 1))
        if set(students) != set(STUDENTS):
            raise BadInput(
                f"problem {problem!r}: expected answers of {' and '.join(STUDENTS)}, "
                f"got {', '.join(students)}"
            )
        self.cells = tuple(Cell(student, style) for student in STUDENTS for style in styles)
        self.samples = len(next(iter(by_cell.values())))

    def _utility(self, problem: str) -> list[float] | None:
        if problem not in self.routes:
            raise BadInput(
                f"problem {problem!r}: it has answers but no route; run the stage generate_pair anew"
            )
        utility = self.routes[problem].utility
        if utility is None:
            return None
        try:
            return [utility[cell.student][cell.style] for cell in self.cells]
        except KeyError as missing:
            raise BadInput(
                f"problem {problem!r}: its route says nothing of {missing}; run the stage generate_pair anew"
            ) from None

    def answers(self, split: str) -> Answers | None:
        """The problems of a split, in their order; None where there are none."""
        rows = self.rows.get(split)
        if not rows:
            return None
        logprob = np.array([row.logprob for row in rows], dtype=np.float64)  # None becomes NaN
        utilities = [row.utility for row in rows]
        return Answers(
            ids=np.array([row.problem for row in rows]),
            task=np.array([row.task for row in rows]),
            cells=self.cells,
            right=np.array([row.right for row in rows]),
            tokens=np.array([row.tokens for row in rows]),
            logprob=None if np.isnan(logprob).any() else logprob,
            utility=None if None in utilities else np.array(utilities, dtype=np.float64),
        )


class _Row(NamedTuple):
    """The figures of one problem; the lists are by cell, then by sample."""

    problem: str
    task: str
    right: list[list[float]]
    tokens: list[list[float]]
    logprob: list[list[float | None]]
    utility: list[float] | None


def _logprob(trace: Trace) -> float | None:
    if not trace.probs:
        return None
    return sum(token["logprob"] for token in trace.probs) / len(trace.probs)


def _names(cells: Iterable[Cell]) -> str:
    return ", ".join(f"{cell.student} in {cell.style}" for cell in cells)
