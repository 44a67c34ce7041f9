"""How plots are written: CSV that `dvc plots` can draw, and what all curves over difficulty share.

DVC's line templates need a number on the x axis and one column a line: hence the mean failure rate of each
bin, and a column for each arm.
"""

import csv
import io
from collections.abc import Iterator, Sequence

from stages.scores.measures.table import Flags, Table, bins


def over_difficulty(table: Table) -> Iterator[tuple[str, float, Flags]]:
    """Name, mean failure rate and problems of each bin that has any, from easy to hard.

    There are none where the base model was not probed.
    """
    if table.failure is not None:
        for name, among in bins(table).items():
            yield name, float(table.failure[among].mean()), among


def as_csv(columns: Sequence[str], rows: Sequence[Sequence[str | float]]) -> str:
    """The rows below their column names; numbers with four digits."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([cell if isinstance(cell, str) else round(cell, 4) for cell in row] for row in rows)
    return text.getvalue()
