"""The graded answers as arrays: one place a problem, the same place in every arm."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import numpy.typing as npt

from stages.shared.errors import BadInput
from stages.shared.marks import uses_glyphs
from stages.shared.rows import PROBE, Ending, Trace

Flags = npt.NDArray[np.bool_]
Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Arm:
    """One answer to each problem; every array has the shape (problems,)."""

    right: Flags
    glyphs: Flags
    sound: Flags | None  # glyph structure without fault; None where no grader looked at it
    stopped: Flags  # ended by the model itself, not cut off at its limit
    tokens: Numbers


@dataclass(frozen=True)
class Table:
    """`task` names the task of each problem; `level` is 0 where a problem has none; `failure` is the base
    model's measured failure rate, None where it was not probed."""

    arms: dict[str, Arm]
    task: npt.NDArray[np.str_]
    level: npt.NDArray[np.int64]
    failure: Numbers | None
    hard: Flags | None  # where the base model fails: its pass rate is below `hard_below`

    def __len__(self) -> int:
        return len(self.level)


BINS = ("0", "0-25", "25-50", "50-75", "75-100", "100")  # the base model's failure rate in percent
EDGES = (0.0, 0.25, 0.5, 0.75)


def bin_of(failure: float) -> str:
    """`0` is exactly 0 (always right), `0-25` is (0, 0.25], ..., `75-100` is (0.75, 1), `100` is exactly 1
    (never right)."""
    return BINS[int(np.searchsorted(EDGES, failure)) + (failure >= 1)]


def bins(table: Table) -> dict[str, Flags]:
    """Which problems lie in each bin, empty bins left out; nothing where the base model was not probed."""
    if table.failure is None:
        return {}
    names = np.array([bin_of(rate) for rate in table.failure])
    return {name: names == name for name in BINS if (names == name).any()}


def by_problem(traces: Iterable[Trace]) -> Iterator[list[Trace]]:
    """The traces of each problem together; those of a problem have to be adjacent."""
    for _, group in groupby(traces, key=lambda trace: trace.id):
        yield list(group)


def tabulate(problems: Iterable[list[Trace]], hard_below: float) -> Table:
    """One pass over the problems; raises BadInput where the arms do not line up."""
    rows: list[tuple[Trace, dict[str, Trace]]] = []
    seen: dict[str, None] = {}
    for traces in problems:
        first = traces[0]
        if first.id in seen:
            raise BadInput(
                f"problem {first.id!r}: its answers stand in two places; expected them side by side"
            )
        seen[first.id] = None
        rows.append((first, _arms(traces)))
        _compare(rows[0], rows[-1])
    if not rows:
        raise BadInput("no problems to evaluate; expected at least one")
    firsts = [first for first, _ in rows]
    failure = (
        None if firsts[0].pass_rate is None else np.array([1 - (first.pass_rate or 0.0) for first in firsts])
    )
    return Table(
        arms={name: _columns([arms[name] for _, arms in rows]) for name in rows[0][1]},
        task=np.array([first.task for first in firsts]),
        level=np.array([first.level or 0 for first in firsts]),
        failure=failure,
        hard=None
        if failure is None
        else np.array([(first.pass_rate or 0.0) < hard_below for first in firsts]),
    )


def _arms(traces: list[Trace]) -> dict[str, Trace]:
    arms: dict[str, Trace] = {}
    for trace in traces:
        if trace.by in arms:
            raise BadInput(
                f"problem {trace.id!r}: arm {trace.by!r} has more than one answer; only {PROBE!r} may be sampled"
            )
        if trace.by != PROBE:
            arms[trace.by] = trace
    if not arms:
        raise BadInput(
            f"problem {traces[0].id!r}: no answer besides those of {PROBE!r}; expected one of each arm"
        )
    return arms


def _compare(one: tuple[Trace, dict[str, Trace]], other: tuple[Trace, dict[str, Trace]]) -> None:
    """Raises where one of two problems has an arm, or a pass rate, that the other lacks."""
    for (full, arms), (short, fewer) in ((one, other), (other, one)):
        for arm in arms:
            if arm not in fewer:
                raise BadInput(
                    f"problem {short.id!r}: no answer of arm {arm!r}, got {', '.join(fewer)}; problem {full.id!r} has one"
                )
        if full.pass_rate is not None and short.pass_rate is None:
            raise BadInput(f"problem {short.id!r}: no answer of {PROBE!r}; problem {full.id!r} has some")


def _columns(traces: list[Trace]) -> Arm:
    graded = all("glyph_structure" in trace.grades for trace in traces)
    return Arm(
        right=np.array([trace.grades["answer"] == 1 for trace in traces]),
        glyphs=np.array([uses_glyphs(trace.text) for trace in traces]),
        sound=np.array([trace.grades["glyph_structure"] == 1 for trace in traces]) if graded else None,
        stopped=np.array([trace.ending is Ending.STOP for trace in traces]),
        tokens=np.array([trace.tokens for trace in traces], dtype=np.float64),
    )
