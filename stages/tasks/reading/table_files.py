"""Rows of a table that a person brings: CSV with a header, and Parquet."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stages.shared.errors import BadInput
from stages.tasks.reading.strict_json import strict

if TYPE_CHECKING:
    from pyarrow import RecordBatch

ENDINGS = (".csv", ".parquet")
LONGEST = 10_000_000  # characters of a cell of CSV
OTHER_MARKS = (";", "\t", "|")  # what parts cells in files that are called CSV as well


def table_rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """The rows by column, each with the words that say where the row stands.

    These are file:line for CSV, and the row's number, counted from 1, for Parquet. Every row has all columns;
    what is missing is an empty text in CSV and None in Parquet. A blank line of CSV is passed over. Raises
    BadInput, which begins with the file, where the file is no such table.
    """
    yield from _csv(path) if path.suffix.lower() == ".csv" else _parquet(path)


def _csv(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Quotes and line breaks in cells are read as https://www.rfc-editor.org/rfc/rfc4180 has them."""
    csv.field_size_limit(LONGEST)
    with path.open(encoding="utf-8-sig", newline="") as file:
        table = csv.reader(file, strict=True)
        try:
            header = _header(next(table, []), path)
            for cells in table:
                if not cells:
                    continue
                where = f"{path}:{table.line_num}"
                if len(cells) != len(header):
                    raise BadInput(f"{where}: {len(cells)} cells, but the header has {len(header)}")
                yield where, dict(zip(header, cells, strict=True))
        except csv.Error as error:
            raise BadInput(f"{path}:{table.line_num}: not CSV: {error}") from None
        except UnicodeDecodeError as error:
            raise BadInput(f"{path}: not UTF-8 text: {error.reason}; save the table as UTF-8") from None


def _header(names: list[str], path: Path) -> list[str]:
    if len(names) == 1 and (mark := next((mark for mark in OTHER_MARKS if mark in names[0]), None)):
        raise BadInput(f"{path}:1: the cells are parted by {mark!r}; save the table with commas")
    return _once_each(names, f"{path}:1")


def _once_each(names: list[str], where: str) -> list[str]:
    """The names of the columns, which all differ: of two alike the first would be lost."""
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise BadInput(f"{where}: the column {twice[0]!r} stands twice")
    return names


def _parquet(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    from pyarrow import ArrowException
    from pyarrow.parquet import ParquetFile

    try:
        with ParquetFile(path) as table:
            _once_each(table.schema_arrow.names, str(path))
            first = 1
            for batch in table.iter_batches(batch_size=1000):
                for number, row in enumerate(_values(batch, first, path), first):
                    yield f"{path}: row {number}", row
                first += batch.num_rows
    except (ArrowException, OSError) as error:
        raise BadInput(f"{path}: not Parquet: {' '.join(str(error).split())[:200]}") from None


def _values(batch: "RecordBatch", first: int, path: Path) -> list[dict[str, Any]]:
    """The rows of a batch whose first row has the number `first`; BadInput names a row that is not UTF-8."""
    try:
        return list(batch.to_pylist())
    except UnicodeDecodeError as error:
        if batch.num_rows == 1:
            raise BadInput(f"{path}: row {first}: a text is not UTF-8: {error.reason}") from None
        rows = (_values(batch.slice(place, 1), first + place, path) for place in range(batch.num_rows))
        return [row for values in rows for row in values]


def present(row: dict[str, Any]) -> dict[str, Any]:
    """The row without what is missing: empty texts, None, NaN, and mappings of nothing else."""
    values = {name: present(value) if isinstance(value, dict) else value for name, value in row.items()}
    return {name: value for name, value in values.items() if not (value in ("", None, {}) or value != value)}


def nested(cell: Any, where: str, column: str) -> Any:
    """What a cell of CSV holds that is written as a JSON list or mapping; any other cell as it is."""
    if not isinstance(cell, str) or cell.lstrip()[:1] not in ("[", "{"):
        return cell
    try:
        return strict(cell)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{where}: {column}: malformed JSON: {error}") from None
