"""From traces, problem by problem, to the table of arrays; the texts are not kept."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby

import numpy as np

from stages.scores.measures.table import Arm, Table
from stages.shared.errors import BadInput
from stages.shared.marks import uses_marks
from stages.shared.rows import PROBE, Ending, Trace

Marks = Mapping[str, Sequence[str]]  # name of a set of marks -> the marks, each a text


def by_problem(traces: Iterable[Trace]) -> Iterator[list[Trace]]:
    """The traces of each problem together; those of a problem have to be adjacent."""
    for _, group in groupby(traces, key=lambda trace: trace.id):
        yield list(group)


def tabulate(
    problems: Iterable[list[Trace]],
    hard_below: float,
    marks: Marks,
    compare: Mapping[str, tuple[str, str]],
) -> Table:
    """One pass over the problems.

    A problem is hard where the base model's pass rate is below `hard_below`. Every arm gets a column for each
    set of `marks`, and one for each grader that graded all its answers, with the facts that the grader saw.
    Raises BadInput where the arms do not line up.
    """
    builder = _Builder(marks)
    for traces in problems:
        builder.add(traces)
    return builder.table(hard_below, compare)


class _Builder:
    """Collects what the table keeps of each problem."""

    def __init__(self, marks: Marks) -> None:
        self.marks = marks
        self.first: tuple[Trace, dict[str, Trace]] | None = None  # all problems have the arms of the first
        self.ids: set[str] = set()
        self.tasks: list[str] = []
        self.levels: list[int] = []
        self.pass_rates: list[float | None] = []
        self.answers: dict[str, _Answers] = {}

    def add(self, traces: list[Trace]) -> None:
        """Adds one problem."""
        problem = traces[0]
        if problem.id in self.ids:
            raise BadInput(
                f"problem {problem.id!r}: its answers stand in two places; expected them side by side"
            )
        self.ids.add(problem.id)
        arms = _arms(traces)
        self.first = self.first or (problem, arms)
        _compare(self.first, (problem, arms))
        self.tasks.append(problem.task)
        self.levels.append(problem.level or 0)
        self.pass_rates.append(problem.pass_rate)
        for name, trace in arms.items():
            self.answers.setdefault(name, _Answers()).add(trace, self.marks)

    def table(self, hard_below: float, compare: Mapping[str, tuple[str, str]]) -> Table:
        """The table of all problems so far."""
        if not self.ids:
            raise BadInput("no problems to evaluate; expected at least one")
        rates = np.array([rate for rate in self.pass_rates if rate is not None])  # all or none, see _compare
        return Table(
            arms={name: answers.arm() for name, answers in self.answers.items()},
            compare=dict(compare),
            task=np.array(self.tasks),
            level=np.array(self.levels),
            failure=1 - rates if len(rates) else None,
            hard=rates < hard_below if len(rates) else None,
        )


class _Answers:
    """The answers of one arm, column by column."""

    def __init__(self) -> None:
        self.right: list[bool] = []
        self.stopped: list[bool] = []
        self.tokens: list[int] = []
        self.columns: dict[str, list[bool]] = {}
        self.facts: dict[str, list[float | str]] = {}

    def add(self, trace: Trace, marks: Marks) -> None:
        self.right.append(trace.grades["answer"] == 1)
        self.stopped.append(trace.ending is Ending.STOP)
        self.tokens.append(trace.tokens)
        flags = {name: grade == 1 for name, grade in trace.grades.items()}
        flags |= {name: uses_marks(trace.text, characters) for name, characters in marks.items()}
        for name, flag in flags.items():
            self.columns.setdefault(name, []).append(flag)
        for name, fact in trace.facts.items():
            self.facts.setdefault(name, []).append(fact)

    def arm(self) -> Arm:
        return Arm(
            right=np.array(self.right),
            stopped=np.array(self.stopped),
            tokens=np.array(self.tokens, dtype=np.float64),
            columns={
                name: np.array(flags)
                for name, flags in self.columns.items()
                if len(flags) == len(self.right)  # a grader that graded some answers only is left out
            },
            facts={
                name: np.array(facts) for name, facts in self.facts.items() if len(facts) == len(self.right)
            },
        )


def _arms(traces: list[Trace]) -> dict[str, Trace]:
    """The answer of each arm to one problem."""
    arms: dict[str, Trace] = {}
    for trace in traces:
        if trace.by in arms:
            raise BadInput(
                f"problem {trace.id!r}: arm {trace.by!r} has more than one answer; "
                f"only {PROBE!r} may be sampled"
            )
        if trace.by != PROBE:
            arms[trace.by] = trace
    if not arms:
        raise BadInput(
            f"problem {traces[0].id!r}: no answer besides those of {PROBE!r}; expected one of each arm"
        )
    return arms


def _compare(first: tuple[Trace, dict[str, Trace]], last: tuple[Trace, dict[str, Trace]]) -> None:
    """Raises where one of two problems has an arm, or a pass rate, that the second lacks."""
    for (full, arms), (short, fewer) in ((first, last), (last, first)):
        for arm in arms:
            if arm not in fewer:
                raise BadInput(
                    f"problem {short.id!r}: no answer of arm {arm!r}, got {', '.join(fewer)}; "
                    f"problem {full.id!r} has one"
                )
        if full.pass_rate is not None and short.pass_rate is None:
            raise BadInput(f"problem {short.id!r}: no answer of {PROBE!r}; problem {full.id!r} has some")
