"""A file of rows that a person brings: JSON lines, CSV or Parquet, read forgivingly where nothing is lost.

A byte order mark, Windows' line ends and blank lines are passed over. An id may be a whole number, or absent:
it is then made of the row's content, so that it stays the same wherever the row stands. `choices` may be a
mapping from labels to texts. A field that no row has is left out and told once; one that is nearly the name
of a field is refused. What is missing from a row of a table is absent. In CSV, `choices` and `table` may be
written as JSON, and a whole number in `label` or `level` is a number.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec

from stages.shared.errors import BadInput
from stages.shared.seen import Seen
from stages.tasks.reading.lines import Line
from stages.tasks.reading.strict_json import strict
from stages.tasks.reading.table_files import ENDINGS, nested, present, table_rows

MARK = b"\xef\xbb\xbf"  # of UTF-8, which some editors write
PLACES = ("label", "text")  # the keys of choices in the form of the Hub
NESTED, WHOLE = ("choices", "table"), ("label", "level")  # columns of CSV that hold more than text


def own_lines(path: Path) -> Iterator[tuple[str, Line]]:
    """The rows, each with the words that say where the row stands (file:line).

    Raises BadInput, which begins with these words, on a line that is no row, on an id that stood before, and
    on a file without a row.
    """
    seen, count, table = Seen(), 0, path.suffix.lower() in ENDINGS
    for where, values in _of_table(path) if table else _of_lines(path):
        line, place = _line(values, path, where), where.removeprefix(str(path)).lstrip(": ")
        count += 1
        if not seen.add(line.id, place if table and not place.isdigit() else f"line {place}"):
            before = seen.value(line.id)
            raise BadInput(f"{where}: duplicate id {line.id!r}, as in {before}; every row needs its own")
        yield where, line
    if not count:
        raise BadInput(
            f"{path}: the file is empty; expected one problem a {'row' if table else 'line, as JSON'}"
        )


def _of_lines(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    with path.open("rb") as lines:
        for number, text in enumerate(lines, 1):
            content = text.removeprefix(MARK).strip() if number == 1 else text.strip()
            if content:
                yield (where := f"{path}:{number}"), _mapping(content, where)


def _of_table(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    for where, row in table_rows(path):
        values = present(row)
        if path.suffix.lower() == ".csv":
            for name in values.keys() & set(NESTED):
                values[name] = nested(values[name], where, name)
            for name in values.keys() & set(WHOLE):
                values[name] = int(text) if (text := values[name]).isdecimal() else text
        if values:
            yield where, values


def _mapping(content: bytes, where: str) -> dict[str, Any]:
    try:
        values = strict(content)
    except (ValueError, RecursionError) as error:
        hint = "; the file is one list: write each of its rows on a line" if content[:1] == b"[" else ""
        raise BadInput(f"{where}: malformed JSON: {error}{hint}") from None
    if not isinstance(values, dict):
        raise BadInput(f'{where}: expected a mapping such as {{"question": ...}}, got {str(values)[:40]}')
    return values


def _line(values: dict[str, Any], path: Path, where: str) -> Line:
    digest = sha256(json.dumps(values, sort_keys=True, default=str).encode()).hexdigest()
    known = Line.__struct_fields__
    extra = sorted(str(name) for name in values if name not in known)
    for name in extra:
        if near := get_close_matches(name, known, n=1, cutoff=0.8):
            raise BadInput(f"{where}: unknown field `{name}` (did you mean `{near[0]}`?)")
    if extra:
        _tell(path, tuple(extra))
    kept = {name: value for name, value in values.items() if name in known}
    if kept.get("id") is None:
        kept["id"] = f"row-{digest[:16]}"
    elif isinstance(kept["id"], int) and not isinstance(kept["id"], bool):
        kept["id"] = str(kept["id"])
    if isinstance(kept.get("choices"), dict) and set(kept["choices"]) != set(PLACES):
        kept["choices"] = _labelled(kept["choices"])
    try:
        return msgspec.convert(kept, Line)
    except msgspec.ValidationError as error:
        raise BadInput(f"{where}: {error}") from None


def _labelled(choices: Mapping[str, Any]) -> dict[str, list[Any]]:
    return {"label": list(choices), "text": list(choices.values())}


@cache
def _tell(path: Path, names: tuple[str, ...]) -> None:
    """Once for a file and its fields: each split reads the file."""
    print(f"{path}: fields that no problem has are left out: {', '.join(names)}", file=sys.stderr)
