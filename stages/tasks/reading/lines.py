"""A line of a file of problems, and its problem; jsonl.py describes the shapes that a line may have."""

from typing import Any

import msgspec

from stages.shared.errors import BadInput, unknown
from stages.shared.rows import Kind, Problem
from stages.tasks.reading import gold
from stages.tasks.reading.options import LETTERS, check, labelled, letter, named
from stages.tasks.reading.tables import Cell, written

Given = str | bool | int | float
GOLDS = ("answer", "gold_answer", "answerKey", "label")


class Choices(msgspec.Struct, forbid_unknown_fields=True):
    """Options with labels of their own."""

    label: list[str]
    text: list[str]


class Line(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A line of the file."""

    id: str
    question: str | None = None
    answer: Given | None = None
    gold_answer: Given | None = None
    answerKey: str | int | None = None  # as the data sets call it
    label: str | int | None = None
    kind: str | None = None
    task: str = "jsonl"
    split: str | None = None
    solution: str | None = None
    choices: list[str] | Choices | None = None
    context: str | None = None
    premise: str | None = None
    hypothesis: str | None = None
    table: str | list[list[Cell]] | None = None
    level: int | None = None


def problem(line: Line, where: str) -> Problem:
    """`line`, whose split is known, as a problem; BadInput, which begins with `where`, where it is none."""
    context, question = _asked(line, where)
    texts, labels = _options(line, where)
    kind = _kind(line, where)
    if kind is Kind.CHOICE and texts is None:
        raise BadInput(f"{where}: a choice without `choices`")
    return Problem(
        id=line.id,
        task=line.task,
        kind=kind,
        split=line.split or "",
        question=question,
        answer=_gold(line, kind, texts, labels, where),
        solution=line.solution,
        choices=texts,
        context=context,
        level=line.level,
    )


def _asked(line: Line, where: str) -> tuple[str | None, str]:
    """Context and question."""
    for given, missing in (("premise", "hypothesis"), ("hypothesis", "premise")):
        if getattr(line, given) is not None and getattr(line, missing) is None:
            raise BadInput(f"{where}: `{given}` without `{missing}`")
    if line.premise is not None and (line.question is not None or line.context is not None):
        raise BadInput(
            f"{where}: `premise` and `hypothesis` stand for `context` and `question`; give one pair only"
        )
    question = line.question if line.premise is None else line.hypothesis
    if question is None:
        raise BadInput(f"{where}: missing required field `question` (or `premise` and `hypothesis`)")
    for field in ("id", "question", "premise", "hypothesis"):
        if getattr(line, field) is not None and not getattr(line, field).strip():
            raise BadInput(f"{where}: `{field}` is blank")
    table = None if line.table is None else written(line.table, where)
    parts = [part for part in (line.premise if line.premise is not None else line.context, table) if part]
    return "\n\n".join(parts) or None, question


def _options(line: Line, where: str) -> tuple[list[str] | None, list[str]]:
    """The texts of the options, if there are any, and their labels."""
    if line.choices is None:
        return None, []
    if isinstance(line.choices, Choices):
        return labelled(msgspec.structs.asdict(line.choices), where)
    check(line.choices, (), where)
    return line.choices, list(LETTERS[: len(line.choices)])


def _kind(line: Line, where: str) -> Kind:
    if line.kind is not None:
        if line.kind not in [kind.value for kind in Kind]:
            raise BadInput(f"{where}: {unknown('kind', line.kind, [kind.value for kind in Kind])}")
        return Kind(line.kind)
    if line.choices is not None:
        return Kind.CHOICE
    if line.premise is not None:
        return Kind.NLI
    truths = [given for given in (line.answer, line.gold_answer) if given is not None]
    return (
        Kind.YES_NO
        if truths and str(truths[0]).strip().lower() in ("yes", "no", "true", "false")
        else Kind.NUMBER
    )


def _gold(line: Line, kind: Kind, texts: list[str] | None, labels: list[str], where: str) -> str:
    given = {field: value for field in GOLDS if (value := getattr(line, field)) is not None}
    if not given:
        raise BadInput(f"{where}: missing field `answer` (or `gold_answer`, `answerKey`, `label`)")
    read = {field: _gold_of(field, value, kind, texts, labels, where) for field, value in given.items()}
    first, *more = read
    for field in more:
        if read[field] != read[first]:
            raise BadInput(f"{where}: `{first}` and `{field}` differ: {given[first]!r} and {given[field]!r}")
    return read[first]


def _gold_of(
    field: str, given: Any, kind: Kind, texts: list[str] | None, labels: list[str], where: str
) -> str:
    """The gold answer of one field in its one form. A whole number in `label` counts from 0, through the
    options or the inference labels."""
    if kind is Kind.CHOICE and texts is not None and not isinstance(given, bool):
        if field == "label" and isinstance(given, int):
            return letter(labels[given] if given in range(len(labels)) else str(given), labels, where)
        return (
            letter(str(given), labels, where)
            if field == "answerKey"
            else named(str(given), texts, labels, where)
        )
    if field == "label" and isinstance(given, int):
        names = gold.NLI if kind is Kind.NLI else texts or []
        given = names[given] if given in range(len(names)) else str(given)
    answer = gold.answer(str(given), kind, texts)
    if answer is None:
        raise BadInput(f"{where}: the gold answer does not parse as {kind.value}, got {given!r}")
    return answer
