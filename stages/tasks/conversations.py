"""Your own conversations: one JSON object a line, or a row of Parquet, or of CSV with JSON in its cells.

    {"messages": [{"role": "user", "content": "Is it late?"}, {"role": "assistant", "content": "It is ten."},
    {"role": "user", "content": "And now?"}, {"role": "assistant", "content": "Eleven."}],
    "metadata": {"id": "late-1"}}

`messages` are turns of user and assistant, the user's first, the assistant's last; a system turn may come
before them. `metadata` is yours; of its keys these are read: `id` (else a hash of the messages), `split`,
`task`, `kind` (else open), `answers` (the gold answer to each of the user's turns; else the assistant's
words). Content that is no text is written as JSON; null is an empty text. The tags `<think>` and `</think>`
are taken off the assistant's words. The assistant's last words are the problem's solution: the sampler
`scripted` gives them word for word where it is told to `recite`.
"""

import hashlib
import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from stages.shared.errors import BadInput, unknown
from stages.shared.files import read
from stages.shared.rows import Kind, Message, Problem
from stages.shared.seen import Seen
from stages.shared.signals import untagged
from stages.tasks.making.turns import problems_of
from stages.tasks.reading import gold
from stages.tasks.reading.row_files import row_files
from stages.tasks.reading.table_files import ENDINGS as TABLES
from stages.tasks.reading.table_files import nested, present, table_rows
from stages.tasks.splitting.splits import SPLITS, TRAIN, Sizes, split_of


class Params(Sizes):
    """Which files are read, and how their conversations are divided; the sizes count conversations.

    A conversation without a `split` of its own has that of the folder `train`, `validation` or `test` in
    which its file lies below `file`. `held_out` divides those that have neither.
    """

    # Relative to collect's root (empty: the root itself): a file, or a folder whose *.jsonl, *.csv and
    # *.parquet files, at any depth, are read in the order of their paths.
    file: str = ""


class Turn(msgspec.Struct, forbid_unknown_fields=True):
    """A turn as the file has it."""

    role: str
    content: Any


class Metadata(msgspec.Struct):
    """What is read of the metadata; more keys may be there."""

    id: str | None = None
    split: str | None = None
    task: str = "conversations"
    kind: str = Kind.OPEN.value
    answers: list[str] | None = None


class Line(msgspec.Struct, forbid_unknown_fields=True):
    """A line of the file."""

    messages: list[Turn]
    metadata: Metadata = msgspec.field(default_factory=Metadata)


def load(split: str, params: Params, root: Path, seed: int) -> Iterator[Problem]:
    """The conversations of `split`, in file order; BadInput names file, line and field. `seed` plays no
    part."""
    kept = _of_split(split, params, root)
    for line, id in islice(kept, params.limit(split)):
        yield from problems_of(_problem(line, id, split), _golds(line)[:-1])


def _of_split(split: str, params: Params, root: Path) -> Iterator[tuple[Line, str]]:
    """The lines of `split`, each with its id."""
    ids = Seen()
    for path, own in row_files(root / params.file, "conversations"):
        for line, where in _lines(path):
            id = _id(line, ids)
            if _split(line, id, own, where, params) == split:
                yield line, id


def _lines(path: Path) -> Iterator[tuple[Line, str]]:
    if path.suffix.lower() in TABLES:
        rows = ((present(row), where) for where, row in table_rows(path))
        lines = ((_line(row, where), where) for row, where in rows if row)  # a row of empty cells is none
    else:
        lines = ((line, f"{path}:{number}") for number, line in enumerate(read(path, Line), 1))
    for line, where in lines:
        _check(line, where)
        yield line, where


def _line(row: dict[str, Any], where: str) -> Line:
    """A table's row without what is missing; BadInput, which begins with `where`, on no conversation."""
    values = {column: nested(cell, where, column) for column, cell in row.items()}
    try:
        return msgspec.convert(values, Line)
    except msgspec.ValidationError as error:
        raise BadInput(f"{where}: not a conversation: {error}") from None


def _check(line: Line, where: str) -> None:
    """Raises BadInput, which names the field, where the turns do not alternate."""
    first = 1 if line.messages and line.messages[0].role == "system" else 0
    for place, turn in enumerate(line.messages[first:], first):
        expected = ("user", "assistant")[(place - first) % 2]
        if turn.role != expected:
            raise BadInput(f"{where}: messages[{place}].role: expected {expected!r}, got {turn.role!r}")
        if turn.role == "user" and not _text(turn.content).strip():
            raise BadInput(f"{where}: messages[{place}].content: the user's turn is blank")
    if len(line.messages) - first < 2 or line.messages[-1].role != "assistant":
        raise BadInput(f"{where}: messages: expected turns of user and assistant, the assistant's last")
    _check_metadata(line, where)


def _check_metadata(line: Line, where: str) -> None:
    """Raises BadInput, which names the field, where the answers do not fit the kind or the turns."""
    kind, answers = line.metadata.kind, line.metadata.answers
    kinds = [name.value for name in Kind if name is not Kind.CHOICE]
    if kind not in kinds:
        raise BadInput(f"{where}: metadata.kind: {unknown('kind', kind, kinds)}")
    if answers is None and kind != Kind.OPEN:
        raise BadInput(f"{where}: metadata.answers: missing; a kind other than open needs them")
    turns = sum(turn.role == "assistant" for turn in line.messages)
    if answers is not None and len(answers) != turns:
        raise BadInput(
            f"{where}: metadata.answers: expected {turns}, one for each answer, got {len(answers)}"
        )
    for number, answer in enumerate(answers or []):
        if gold.answer(answer, Kind(kind), None) is None:
            raise BadInput(f"{where}: metadata.answers[{number}]: does not parse as {kind}, got {answer!r}")


def _id(line: Line, ids: Seen) -> str:
    """The id of a conversation; a conversation that stands twice, without ids, has two."""
    if line.metadata.id is not None:
        return line.metadata.id
    text = json.dumps([[turn.role, turn.content] for turn in line.messages])
    id = f"conversations-{hashlib.sha256(text.encode()).hexdigest()[:16]}"
    copy = 1
    while not ids.add(id if copy == 1 else f"{id}-{copy}"):
        copy += 1
    return id if copy == 1 else f"{id}-{copy}"


def _split(line: Line, id: str, own: str | None, where: str, params: Params) -> str:
    split = line.metadata.split or own
    if split is None:
        if params.held_out is None:
            raise BadInput(
                f"{where}: metadata.split: missing; give every row one or set tasks.conversations.held_out"
            )
        return split_of(id, params.held_out, params.validation_share)
    if split not in SPLITS:
        raise BadInput(f"{where}: metadata.split: {unknown('split', split, SPLITS)}")
    return split_of(id, 0.0, params.validation_share) if split == TRAIN else split


def _problem(line: Line, id: str, split: str) -> Problem:
    """The whole conversation, whose question is the user's last turn."""
    messages = [_message(turn) for turn in line.messages]
    *history, question, answer = messages
    return Problem(
        id=id,
        task=line.metadata.task,
        kind=Kind(line.metadata.kind),
        split=split,
        question=question["content"],
        answer=_golds(line)[-1],
        solution=answer["content"],
        level=sum(message["role"] == "user" for message in messages),
        history=history or None,
    )


def _golds(line: Line) -> list[str]:
    kind = Kind(line.metadata.kind)
    if line.metadata.answers is not None:
        return [gold.answer(answer, kind, None) or answer for answer in line.metadata.answers]
    return [_message(turn)["content"] for turn in line.messages if turn.role == "assistant"]


def _message(turn: Turn) -> Message:
    text = _text(turn.content)
    return Message(role=turn.role, content=untagged(text) if turn.role == "assistant" else text)


def _text(content: Any) -> str:
    """Content as text; what is none as JSON."""
    if content is None:
        return ""
    return content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)
