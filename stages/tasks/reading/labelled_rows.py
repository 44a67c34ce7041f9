"""Rows of a text and a label, from tables, JSON lines and data sets of the Hub."""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from stages.shared.errors import BadInput
from stages.tasks.reading.hub import Source, locate, read
from stages.tasks.reading.table_files import ENDINGS as TABLES
from stages.tasks.reading.table_files import table_rows
from stages.tasks.splitting.splits import TEST, TRAIN, VALIDATION

OWN_NAMES = {TRAIN: ("train",), VALIDATION: ("val", "valid", "validation", "dev"), TEST: ("test",)}
ENDINGS = (*TABLES, ".jsonl", ".json")
TEXTS = ("text", "sms", "message", "sentence", "comment", "content", "body")
LABELS = ("label", "labels", "class", "category", "target", "gold")


class Labelled(NamedTuple):
    """A text with its label, as it is written in answers."""

    id: str
    text: str
    label: str


class Columns(NamedTuple):
    """Which columns are read (None: one of the usual names), and what stands for which label."""

    text: str | None
    label: str | None
    labels: Mapping[str, str]


class Cells(NamedTuple):
    """A row as it lies there: its columns, the id it gets where it has none, and where it is."""

    values: Mapping[str, Any]
    id: str
    where: str


def own_tables(root: Path, data: str, config: str | None, revision: str) -> dict[str, Iterable[Cells]]:
    """The splits that `data` has of its own, by our names; what has none is `train`. Nothing is read yet but
    a data set of the Hub."""
    if config is not None:
        return _of_hub(root, data, config, revision)
    path = root / data
    if path.is_file():
        return {TRAIN: _of_file(path)}
    files = {
        split: file
        for split, names in OWN_NAMES.items()
        for file in _there(
            path / name if path.is_dir() else path.with_name(f"{path.name}_{name}") for name in names
        )
    }
    if not files:
        kinds = ", ".join(f"{path}/train{ending}, {path}_train{ending}" for ending in ENDINGS[:1])
        raise BadInput(
            f"{path}: no such file, and none of {kinds} (or .parquet, .jsonl); `data` is taken from root"
        )
    return {split: _of_file(file) for split, file in files.items()}


def _there(stems: Iterable[Path]) -> Iterator[Path]:
    """The only file of these names; raises BadInput where there are two."""
    paths = [
        path for stem in stems for ending in ENDINGS if (path := stem.with_name(stem.name + ending)).is_file()
    ]
    if len(paths) > 1:
        raise BadInput(f"{paths[0]}: {paths[1].name} is there as well; keep one of them")
    yield from paths


def _of_file(path: Path) -> Iterator[Cells]:
    if path.suffix.lower() not in TABLES:
        return _of_lines(path)
    rows = enumerate(table_rows(path), 1)
    return (Cells(values, f"{path.stem}-{number}", where) for number, (where, values) in rows)


def _of_lines(path: Path) -> Iterator[Cells]:
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            try:
                values = json.loads(line.removeprefix(b"\xef\xbb\xbf"))
            except (ValueError, RecursionError):
                raise BadInput(f"{path}:{number}: malformed JSON") from None
            if not isinstance(values, dict):
                raise BadInput(f"{path}:{number}: expected an object, got {type(values).__name__}")
            yield Cells(values, f"{path.stem}-{number}", f"{path}:{number}")


def _of_hub(root: Path, data: str, config: str, revision: str) -> dict[str, Iterable[Cells]]:
    folder = locate(Source("labelled_text", data, (config,)), revision, root)
    named = {own: split for split, names in OWN_NAMES.items() for own in names}
    return {
        named[own]: (
            Cells(values, f"{config}-{own}-{number}", f"{folder}: split {own!r}, row {number}")
            for number, values in enumerate(table)
        )
        for own, table in read(folder, config).items()
        if own in named
    }


def rows_of(table: Iterable[Cells], columns: Columns) -> Iterator[Labelled]:
    """The rows of a table. Raises BadInput, naming the row, on a missing column, a blank text and a label
    that `columns.labels` does not have."""
    for cells in table:
        text = cells.values[_column(cells, columns.text, TEXTS, "text")]
        if not isinstance(text, str) or not text.strip():
            raise BadInput(f"{cells.where}: expected a text, got {text!r}")
        value = cells.values[_column(cells, columns.label, LABELS, "label")]
        written = str(value).strip()
        if written not in columns.labels:
            known = ", ".join(map(repr, columns.labels))
            raise BadInput(f"{cells.where}: unknown label {written[:60]!r}; `labels` has: {known}")
        id = cells.values.get("id")
        name = cells.id if id is None or id == "" else str(id)
        yield Labelled(name, text.strip(), columns.labels[written])


def _column(cells: Cells, given: str | None, usual: Iterable[str], noun: str) -> str:
    present = list(cells.values)
    names = [given] if given else [name for name in present if name.casefold() in usual]
    if len(names) == 1 and names[0] in cells.values:
        return names[0]
    wanted = repr(given) if given else f"one column named {', '.join(usual)}"
    raise BadInput(
        f"{cells.where}: no {noun} column: expected {wanted}, found {', '.join(map(repr, present))}; "
        f"tasks.labelled_text.{noun} names it"
    )
