"""Tables as text: a row a line, its cells parted by ` | `."""

from collections.abc import Sequence

from stages.shared.errors import BadInput

Cell = str | int | float
BAR = "|"


def parsed(text: str, where: str, least: int = 2) -> list[list[str]]:
    """The cells of a table written as text, by row; BadInput where it has no two rows, rows of unequal length
    or fewer than `least` columns."""
    rows = [[cell.strip() for cell in line.split(BAR)] for line in text.strip("\n").split("\n")]
    return _even(rows, where, least)


def written(given: str | Sequence[Sequence[Cell]], where: str) -> str:
    """A table, given as text or as rows of cells, as text. Raises BadInput where it is none."""
    if isinstance(given, str):
        rows = parsed(given, where)
    else:
        rows = _even([[str(cell).strip() for cell in row] for row in given], where, 2)
        if any(mark in cell for row in rows for cell in row for mark in (BAR, "\n")):
            raise BadInput(
                f"{where}: the table does not parse: a cell holds a line break or {BAR!r}, which part cells"
            )
    return "\n".join(f" {BAR} ".join(row).rstrip() for row in rows)


def _even(rows: list[list[str]], where: str, least: int) -> list[list[str]]:
    if len(rows) < 2:
        raise BadInput(
            f"{where}: the table does not parse: expected a head and at least one row, "
            f"got {len(rows)} line(s)"
        )
    for number, row in enumerate(rows, 1):
        if len(row) != len(rows[0]):
            raise BadInput(
                f"{where}: the table does not parse: row {number} has {len(row)} cells, "
                f"row 1 has {len(rows[0])}"
            )
    if len(rows[0]) < least:
        raise BadInput(
            f"{where}: the table does not parse: expected cells parted by ' {BAR} ', "
            f"got {' '.join(rows[0])[:60]!r}"
        )
    return rows
