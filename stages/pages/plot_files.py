"""Charts of CSV files whose columns say what they are, whatever the system."""

from collections.abc import Mapping, Sequence
from typing import Any

from stages.pages.charts import Rows, folded, intervals, lines, points_of
from stages.pages.sections import Cell, Chart, Table, number

# a column that is an x axis, and what it is called
AXES = {
    "failure": "difficulty (share of the base model's answers that are wrong)",
    "count": "symbols asked for",
    "step": "step",
    "epoch": "epoch",
    "threshold": "threshold",
    "coverage": "share of problems labelled",
    "recall": "recall",
    "false_positive_rate": "false positive rate",
    "probability": "probability",
}
AROUND = {"low", "high", "n"}  # the interval of a row, and its number of problems
VALUES = (
    "accuracy",
    "rate",
    "share",
    "value",
    "utility",
)  # columns that a point with its interval stands for


def drawn(name: str, text: str) -> list[Chart | Table]:
    """What a CSV file shows: points with intervals where its rows have them and a value, lines over a column
    that is an x axis, else its rows as a table. None where it has no row."""
    rows = points_of(text)
    if not rows:
        return []
    columns = list(rows[0])
    axis = next((column for column in AXES if column in columns), None)
    value = next((column for column in VALUES if column in columns), None)
    words = [column for column in columns if all(isinstance(row[column], str) for row in rows)]
    title = name.replace("_", " ")
    if axis is None and value and set(columns) >= AROUND and words:
        return [intervals(_points(rows, words, value), value, title)]
    if axis is None:
        return [_table(title, rows)]
    numeric = [name for name in columns if name != axis and name not in AROUND and _is_numeric(rows, name)]
    if not numeric:
        return [_table(title, rows)]
    return [lines(folded(rows, axis, numeric), numeric, AXES[axis], "", title)]


def _is_numeric(rows: Rows, column: str) -> bool:
    """Whether a column holds numbers alone, but for empty cells."""
    cells = [row[column] for row in rows if row[column] is not None]
    return bool(cells) and all(isinstance(cell, float) for cell in cells)


def _points(rows: Rows, words: Sequence[str], value: str) -> list[dict[str, Any]]:
    """A point for each row: the first column of words groups them, the others name them."""
    return [
        {
            "group": row[words[0]],
            "name": " ".join(str(row[word]) for word in words[1:]) or row[words[0]],
            "value": row[value],
            "low": row["low"],
            "high": row["high"],
        }
        for row in rows
    ]


def _table(title: str, rows: Rows) -> Table:
    cells = [
        [
            Cell(number(cell), look="number")
            if isinstance(cell, float)
            else Cell("" if cell is None else str(cell))
            for cell in row.values()
        ]
        for row in rows
    ]
    return Table(list(rows[0]), cells, f"{title}: {len(rows)} rows")


def by_prefix(files: Mapping[str, str], prefix: str) -> dict[str, str]:
    """The files whose name starts with `prefix` and an underscore, by the rest of their names."""
    start = f"{prefix}_"
    return {name.removeprefix(start): text for name, text in files.items() if name.startswith(start)}


def overlaid(
    files: Mapping[str, str], x: str, y: str, words: str, keep: str = "", diagonal: bool = False
) -> Chart | None:
    """A line for each file of column `y` over column `x`; of files with a column `kind` the rows of kind
    `keep`."""
    rows = [
        {"x": row[x], "name": name, "value": row[y]}
        for name, text in files.items()
        for row in points_of(text)
        if row.get("kind", keep) == keep
    ]
    labels = [label.replace("_", " ") for label in (x, y)]
    return lines(rows, list(files), labels[0], labels[1], words, diagonal=diagonal) if rows else None
