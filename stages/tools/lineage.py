"""Where the rows of a problem lie: its answers, what became of them, the chats that were made of them."""

import json
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import NamedTuple, TypeVar

import msgspec

from stages.shared import params
from stages.shared.errors import BadInput
from stages.shared.files import read
from stages.shared.rows import Chat, Trace
from stages.shared.shards import lines

Row = TypeVar("Row", bound=msgspec.Struct)
TRACES, HELD_OUT = "judged.jsonl", "graded.jsonl"


class Question(msgspec.Struct):
    """Of a row the problem's id, split and question."""

    id: str
    split: str
    question: str


class Placed(NamedTuple):
    """A chat, the student it was shown to, and where it stands: `data/S/chats/N.jsonl:12`."""

    chat: Chat
    student: str
    place: str


class Lineage(NamedTuple):
    """All rows of one problem of a system. `answer` is the trace that was asked for (None: a problem was)."""

    system: str
    traces: list[Trace]
    # by trace, `kept`, `hard` or the reason why it was dropped; a held-out answer has none
    fates: dict[str, str]
    chats: list[Placed]
    answer: Trace | None


class Dropped(msgspec.Struct):
    """What dropped.jsonl says of a trace."""

    trace: str
    reason: str


def names(id: str) -> list[str]:
    """The ids of problems that `id` may belong to: it is that of a problem, of a trace of one
    (`problem/by/style/sample`) or of a chat (`trace#format`)."""
    trace = trace_of(id)
    return [id, *([trace.rsplit("/", 3)[0]] if trace.count("/") >= 3 else [])]


def trace_of(id: str) -> str:
    """The id of a trace without the format that a chat adds to it."""
    head, _, tail = id.rpartition("#")
    return head if head.count("/") >= 3 and "/" not in tail else id


def find(id: str, systems: Iterable[str]) -> Lineage:
    """The lineage of a problem, a trace or a chat. Raises BadInput where no system has a row of it."""
    searched = []
    for system in systems:
        data = Path("data", system)
        files = [path for path in (data / TRACES, data / HELD_OUT) if path.exists()]
        searched += files
        for problem in names(id):
            traces = [trace for path in files for trace in _rows(path, Trace, "id", problem)]
            if traces:
                return _lineage(id, system, traces, data)
    looked = ", ".join(map(str, searched)) or "no system has rows yet: run `make repro`"
    raise BadInput(
        f"{id!r}: no such problem, trace or chat; looked in {looked}. Ids stand in these files and on "
        "the page data/<system>/report.html; a chat `gold:...` is the data set's own answer and has no trace"
    )


def _lineage(id: str, system: str, traces: list[Trace], data: Path) -> Lineage:
    problem, wanted = traces[0].id, trace_of(id)
    answer = next((trace for trace in traces if trace.trace_id == wanted), None)
    if answer is None and id != problem:
        known = ", ".join(trace.trace_id for trace in traces)
        raise BadInput(f"{id!r}: the problem {problem!r} has no such answer; it has: {known}")
    fates = {trace.trace_id: "kept" for trace in _rows(data / TRACES, Trace, "id", problem)}
    fates |= {
        trace.trace_id: "hard" for trace in _rows(data / "kept.jsonl", Trace, "id", problem) if trace.hard
    }
    dropped = _rows(data / "dropped.jsonl", Dropped, "trace", f"{problem}/", whole=False)
    fates |= {row.trace: row.reason for row in dropped if row.trace in fates}
    chats = [
        Placed(chat, path.stem, where)
        for path in sorted((data / "chats").glob("*.jsonl"))
        for where, chat in _placed(path, Chat, "problem", problem)
    ]
    return Lineage(system, traces, fates, chats, answer)


def _rows(path: Path, noun: type[Row], field: str, value: str, whole: bool = True) -> Iterator[Row]:
    return (row for _, row in _placed(path, noun, field, value, whole))


def _placed(
    path: Path, noun: type[Row], field: str, value: str, whole: bool = True
) -> Iterator[tuple[str, Row]]:
    """The rows whose `field` is `value`, or begins with it, with the file and line of each; of a file that is
    not there none. A line is decoded where it holds the value."""
    # non-ASCII letters stand as they are, or as escapes in a row with a lone surrogate
    texts = (json.dumps(value, ensure_ascii=escaped) for escaped in (True, False))
    wanted = {text[: None if whole else -1].encode("utf-8", "surrogatepass") for text in texts}
    for where, line in lines(path) if path.exists() else ():
        if any(text in line for text in wanted):
            row = decoded(line, noun)
            held = getattr(row, field)
            if held == value or (not whole and held.startswith(value)):
                yield where, row


def decoded(line: bytes, noun: type[Row]) -> Row:
    """A line as a `noun`; a lone surrogate, which msgspec refuses, is legal in the escapes of JSON."""
    try:
        return msgspec.json.decode(line, type=noun)
    except msgspec.DecodeError:
        return msgspec.convert(json.loads(line), noun)


def questions(system: str, training: bool) -> list[tuple[str, str]]:
    """Ids and questions of the training problems of a system, or of its other problems, each once."""
    data = Path("data", system)
    files = [path for path in (data / TRACES, data / HELD_OUT) if path.exists()]
    rows = chain.from_iterable(read(path, Question) for path in files)
    return list({row.id: row.question for row in rows if (row.split == "train") == training}.items())


def systems() -> list[str]:
    """The systems of params.yaml."""
    return list(params.entries("systems"))
