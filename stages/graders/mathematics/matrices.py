"""Sums, products and powers of matrices cell by cell; vectors as tuples; unions of brace sets."""

from collections.abc import Callable

from stages.graders.mathematics.points import holds
from stages.graders.mathematics.terms import Node
from stages.graders.reading.limits import TooMuch

MAX_CELLS = 64  # cells of a product of matrices


def worked_out(node: Node) -> Node:
    """One matrix for a sum, difference, product or power of matrices; one set for a union of brace sets.

    Any other tree is returned as it is. Raises TooMuch beyond MAX_CELLS cells.
    """
    if node[0] == "union" and all(part[0] == "set" for part in node[1]):
        return ("set", [item for part in node[1] for item in part[1]])
    if node[0] == "power" and node[1][0] == "matrix":
        return _raised(node)
    if node[0] not in ("sum", "product", "negative") or not holds(node, "matrix"):
        return _nested(node)
    if node[0] == "negative":
        return _each(worked_out(node[1]), lambda cell: ("negative", cell)) or node
    parts = [worked_out(part) for part in node[1]]
    result = parts[0]
    for part in parts[1:]:
        both = _plus(result, part) if node[0] == "sum" else _times(result, part)
        if both is None:
            return node
        result = both
    return result


def _raised(node: Node) -> Node:
    """A matrix to the power T (transposed) or to a whole number from 2 to 5."""
    rows, exponent = node[1][1], node[2]
    if exponent == ("symbol", "T") and len({len(row) for row in rows}) == 1:
        return ("matrix", [list(column) for column in zip(*rows, strict=True)])
    if exponent[0] != "number" or exponent[1] not in range(2, 6):
        return node
    power: Node | None = node[1]
    for _ in range(int(exponent[1]) - 1):
        power = _times(power, node[1]) if power else None
    return power or node


def _nested(node: Node) -> Node:
    """The matrix for a list of lists: [[1, 2], [3, 4]]; any other tree as it is."""
    if (
        node[0] == "tuple"
        and node[1] == "[]"
        and all(item[0] == "tuple" and item[1] == "[]" for item in node[2])
    ):
        return ("matrix", [item[2] for item in node[2]])
    return node


def vector(node: Node) -> Node:
    """The tuple for a matrix of one row or column; any other tree as it is."""
    if node[0] != "matrix":
        return ("tuple", "()", node[2]) if node[0] == "tuple" and node[1] == "[]" else node
    if len(node[1]) == 1:
        return ("tuple", "()", node[1][0])
    return ("tuple", "()", [row[0] for row in node[1]]) if all(len(row) == 1 for row in node[1]) else node


def _each(node: Node, change: Callable[[Node], Node]) -> Node | None:
    return ("matrix", [[change(cell) for cell in row] for row in node[1]]) if node[0] == "matrix" else None


def _plus(left: Node, right: Node) -> Node | None:
    if (
        left[0] != "matrix"
        or right[0] != "matrix"
        or [len(row) for row in left[1]] != [len(row) for row in right[1]]
    ):
        return None
    rows = zip(left[1], right[1], strict=True)
    return (
        "matrix",
        [[("sum", [first, second]) for first, second in zip(*pair, strict=True)] for pair in rows],
    )


def _times(left: Node, right: Node) -> Node | None:
    if left[0] != "matrix" and right[0] != "matrix":
        return ("product", [left, right])
    if left[0] != "matrix":
        return _each(right, lambda cell: ("product", [left, cell]))
    if right[0] != "matrix":
        return _each(left, lambda cell: ("product", [cell, right]))
    if any(len(row) != len(right[1]) for row in left[1]) or len({len(row) for row in right[1]}) != 1:
        return None
    columns = list(zip(*right[1], strict=True))
    if len(left[1]) * len(columns) > MAX_CELLS:
        raise TooMuch(f"a matrix of more than {MAX_CELLS} cells")
    cells = [
        [("sum", [("product", [a, b]) for a, b in zip(row, column, strict=True)]) for column in columns]
        for row in left[1]
    ]
    return ("matrix", cells)
