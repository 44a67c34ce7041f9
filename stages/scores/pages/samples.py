"""A few answers for a person to read, spread over difficulty and tasks.

Nothing that a model wrote can break the page.
"""

import heapq
import html
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import zip_longest

from stages.scores.measures.table import BINS, bin_of
from stages.scores.measures.tabulation import Marks
from stages.shared.marks import uses_marks
from stages.shared.rows import Trace

LONGEST = 2000  # characters shown of one text
Problem = list[Trace]


class Samples:
    """Remembers at most `count` problems of each task and bin of difficulty while all of them pass by.

    Which ones is drawn by a hash of seed and id: the order of the file does not matter, and a problem stays
    when more are added. Of each problem the answers of `arms` are kept.
    """

    def __init__(self, count: int, arms: Sequence[str], seed: int) -> None:
        self.count, self.arms, self.seed = count, arms, seed
        self.kept: dict[tuple[str, str], list[tuple[int, int, Problem]]] = {}

    def passing(self, problems: Iterable[Problem]) -> Iterator[Problem]:
        """The same problems, unchanged."""
        for number, traces in enumerate(problems):
            rank = int.from_bytes(
                sha256(f"{self.seed}/{traces[0].id}".encode("utf-8", "surrogatepass")).digest()[:8]
            )
            heap = self.kept.setdefault((_bin(traces), traces[0].task), [])
            heapq.heappush(heap, (-rank, number, [trace for trace in traces if trace.by in self.arms]))
            if len(heap) > self.count:
                heapq.heappop(heap)
            yield traces

    def chosen(self) -> list[Problem]:
        """`count` problems, taken from the bins and tasks in turn, easy ones first."""
        names = sorted(self.kept, key=lambda name: (("", *BINS).index(name[0]), name[1]))
        bins = [[traces for *_, traces in sorted(self.kept[name], reverse=True)] for name in names]
        turns = [traces for turn in zip_longest(*bins) for traces in turn if traces is not None]
        return sorted(
            turns[: self.count],
            key=lambda traces: (1 - (traces[0].pass_rate or 0), traces[0].level or 0, traces[0].task),
        )


def _bin(traces: Problem) -> str:
    return "" if traces[0].pass_rate is None else bin_of(1 - traces[0].pass_rate)


@dataclass(frozen=True)
class Columns:
    """What the table of all samples says of each besides its difficulty."""

    arms: Sequence[str]  # whether the answer of each of these arms is right
    marked: str | None = None  # the arm of which it says whether its answer uses marks; None: of none
    marks: Marks = field(default_factory=dict)  # a column for each set of marks


def page(system: str, problems: list[Problem], columns: Columns) -> str:
    """Markdown: a table of all, then each with its question, its gold answer and the answers."""
    lines = [f"# {_inline(system)}: {len(problems)} sample traces", ""]
    lines += ["Difficulty is the share of the base model's plain answers that are wrong.", ""]
    marks = _used(problems, columns.marks) if columns.marked else {}
    names = ["", "problem", "level", "difficulty", *map(_inline, (*columns.arms, *marks))]
    lines += [f"|{'|'.join(f' {name} ' if name else ' ' for name in names)}|", "|---" * len(names) + "|"]
    lines += [_row(number, traces, columns, marks) for number, traces in enumerate(problems, 1)]
    for number, traces in enumerate(problems, 1):
        lines += ["", *_section(number, traces)]
    return "\n".join(lines) + "\n"


def _used(problems: list[Problem], marks: Marks) -> Marks:
    """Those sets of marks that any of these answers uses: a column that says "no" throughout says nothing."""
    return {
        name: characters
        for name, characters in marks.items()
        if any(uses_marks(trace.text, characters) for traces in problems for trace in traces)
    }


def _row(number: int, traces: Problem, columns: Columns, marks: Mapping[str, Sequence[str]]) -> str:
    answers = {trace.by: trace for trace in traces}
    cells = [
        f"[{number}](#{number})",
        _inline(traces[0].id),
        str(traces[0].level or ""),
        _difficulty(traces[0]),
        *(_verdict(answers[name]) if name in answers else "" for name in columns.arms),
    ]
    if columns.marked:
        text = answers[columns.marked].text
        cells += ["yes" if uses_marks(text, characters) else "no" for characters in marks.values()]
    return f"| {' | '.join(cells)} |"


def _section(number: int, traces: Problem) -> list[str]:
    first = traces[0]
    facts = f"Gold answer: {_inline(first.answer)}" + (
        f" (difficulty {_difficulty(first)})" if _difficulty(first) else ""
    )
    lines = [f"## {number}", "", *_block(first.question), "", facts]
    for trace in traces:
        ended = f"{trace.tokens} tokens, ended by {trace.ending.value}"
        title = f"**{_inline(trace.by)}**: {_verdict(trace)}, {ended}"
        thought = ["", "its reasoning:", "", *_block(trace.reasoning)] if trace.reasoning else []
        lines += ["", title, *thought, "", *_block(trace.text)]
    return lines


def _verdict(trace: Trace) -> str:
    return "right" if trace.grades["answer"] == 1 else _inline(trace.reasons.get("answer", "wrong"))


def _difficulty(trace: Trace) -> str:
    return "" if trace.pass_rate is None else f"{1 - trace.pass_rate:.2f}"


def _block(text: str) -> list[str]:
    """`text` in a fence longer than any run of backticks in it, so that no line of it can close the fence."""
    shown = _printable(text)
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", shown)), default=0))
    return [f"{fence}text", *shown.split("\n"), fence]


def _inline(text: str) -> str:
    """`text` on one line, with every character escaped that would start markup, HTML or a new table cell."""
    safe = html.escape(" ".join(_printable(text).split()), quote=False)
    return re.sub(r"[\\`*\[\]|~$]|(?<!\w)_|_(?!\w)", r"\\\g<0>", safe)


def _printable(text: str) -> str:
    """At most `LONGEST` characters of `text`.

    Control and direction characters and lone surrogates are shown as escapes, so a terminal is safe too.
    """
    cut = text if len(text) <= LONGEST else f"{text[:LONGEST]} ... ({len(text) - LONGEST} more characters)"
    return "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in cut)
