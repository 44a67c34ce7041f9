"""Sets of real numbers: intervals, unions, brace sets of numbers, and the solutions of linear
inequalities."""

import math
import re
from collections.abc import Callable
from fractions import Fraction
from typing import Any, NamedTuple

from stages.graders.mathematics.agreement import near, real
from stages.graders.mathematics.points import Point, Undefined, Value, symbols
from stages.graders.mathematics.terms import Node
from stages.graders.mathematics.values import evaluate

_FLIPPED = {"<": ">", ">": "<", "<=": ">=", ">=": "<=", "=": "=", "!=": "!="}
_NUMBERED = tuple(
    re.findall(
        r"\w+",
        "number constant negative sum product power root frac inverse call percent degree binom factorial",
    )
)


class Piece(NamedTuple):
    """An interval of real numbers; a single number is an interval that is closed at both ends."""

    low: Fraction | float
    high: Fraction | float
    closed_low: bool
    closed_high: bool


Reals = list[Piece]  # in order, without common or touching points
ALL: Reals = [Piece(-math.inf, math.inf, False, False)]


def reals(node: Node) -> Reals | None:
    """The set of real numbers that a tree names; None where the tree names none or has letters."""
    rule = _RULES.get(node[0])
    try:
        return rule(node) if rule else None
    except (Undefined, ArithmeticError):
        return None


def solutions(relations: list[Node]) -> Reals | None:
    """The solutions of linear inequalities in one unknown.

    The solutions that are common to all relations or, where there are none, the union of the solutions of
    each. None where a relation is not of that kind.
    """
    sets: list[Reals] = []
    for relation in relations:
        allowed = _solved(relation)
        if allowed is None:
            return None
        sets.append(allowed)
    common = ALL
    for allowed in sets:
        common = meet(common, allowed)
    return common if common else join([piece for allowed in sets for piece in allowed])


def equal(left: Reals, right: Reals, tolerance: float) -> bool:
    """Whether two sets have the same intervals, with ends equal within the relative `tolerance`."""
    if len(left) != len(right):
        return False
    return all(
        first[2:] == second[2:]
        and _near(first.low, second.low, tolerance)
        and _near(first.high, second.high, tolerance)
        for first, second in zip(left, right, strict=True)
    )


def _near(left: Fraction | float, right: Fraction | float, tolerance: float) -> bool:
    return left == right or near(_plain(left), _plain(right), tolerance)


def _plain(number: Fraction | float) -> Value:
    return number if isinstance(number, Fraction) else complex(number)


def join(pieces: list[Piece]) -> Reals:
    """The union of `pieces`: in order, intervals that touch made one."""
    joined: Reals = []
    for piece in sorted(pieces, key=lambda piece: (piece.low, not piece.closed_low)):
        if joined and _touch(joined[-1], piece):
            last = joined.pop()
            high = max((last.high, last.closed_high), (piece.high, piece.closed_high))
            joined.append(Piece(last.low, high[0], last.closed_low, high[1]))
        else:
            joined.append(piece)
    return joined


def _touch(earlier: Piece, later: Piece) -> bool:
    return later.low < earlier.high or (
        later.low == earlier.high and (earlier.closed_high or later.closed_low)
    )


def meet(left_pieces: Reals, right_pieces: Reals) -> Reals:
    """The intersection of two sets."""
    common: Reals = []
    for left in left_pieces:
        for right in right_pieces:
            low = max((left.low, not left.closed_low), (right.low, not right.closed_low))
            high = min((left.high, left.closed_high), (right.high, right.closed_high))
            if low[0] < high[0] or (low[0] == high[0] and not low[1] and high[1]):
                common.append(Piece(low[0], high[0], not low[1], high[1]))
    return join(common)


def without(kept: Reals, removed: Reals) -> Reals:
    """The numbers of `kept` that are not in `removed`."""
    for hole in removed:
        outside = [
            Piece(-math.inf, hole.low, False, not hole.closed_low),
            Piece(hole.high, math.inf, not hole.closed_high, False),
        ]
        kept = meet(kept, [piece for piece in outside if piece.low < piece.high])
    return kept


def _number(node: Node) -> Fraction | float:
    if node[0] not in _NUMBERED or symbols(node):
        raise Undefined("not a number")
    value = evaluate(node, Point())
    if not real(value):
        raise Undefined("not a real number")
    return value if isinstance(value, Fraction) else value.real


def _interval(node: Node) -> Reals | None:
    if len(node[2]) != 2:
        return None
    low, high = _number(node[2][0]), _number(node[2][1])
    piece = Piece(low, high, node[1][0] == "[", node[1][1] == "]")
    return [piece] if low < high or (low == high and node[1] == "[]") else None


def _set(node: Node) -> Reals | None:
    numbers = [_number(item) for item in node[1]]
    return join([Piece(number, number, True, True) for number in numbers])


def _several(combine: Callable[[Reals, Reals], Reals]) -> Callable[[Node], Reals | None]:
    def combined(node: Node) -> Reals | None:
        parts = [reals(part) for part in node[1]]
        if any(part is None for part in parts):
            return None
        result, *rest = [part for part in parts if part is not None]
        for part in rest:
            result = combine(result, part)
        return result

    return combined


def _solved(relation: Node) -> Reals | None:
    """The solutions of one inequality or of a chain such as 0 < x < 1; None where the relation is no such
    one."""
    if (
        relation[0] != "relation"
        or "in" in relation[1]
        or not set(relation[1]) & {"<", ">", "<=", ">=", "!="}
    ):
        return None
    names = symbols(relation)
    unknowns = {repr(side) for side in relation[2] if symbols(side)}
    allowed = ALL
    for place, sign in enumerate(relation[1]):
        part = _linear(relation[2][place], sign, relation[2][place + 1], names, len(unknowns) == 1)
        if part is None:
            return None
        allowed = meet(allowed, part)
    return allowed


def _linear(left: Node, sign: str, right: Node, names: set[str], alone: bool) -> Reals | None:
    if sign not in _FLIPPED:
        return None
    if alone and bool(symbols(left)) != bool(symbols(right)) and _named(left if symbols(left) else right):
        # a name that stands alone on one side is the unknown
        return _ray(_number(right), sign) if symbols(left) else _ray(_number(left), _FLIPPED[sign])
    if len(names) != 1:
        return None
    if left[:2] == ("call", "abs") and not symbols(right):
        return _absolute(left[2], sign, right, names)
    if right[:2] == ("call", "abs") and not symbols(left):
        return _absolute(right[2], _FLIPPED[sign], left, names)
    difference: Node = ("sum", [left, ("negative", right)])
    values = [evaluate(difference, Point({next(iter(names)): Fraction(at)})) for at in (0, 1, 2, 5)]
    if not all(isinstance(value, Fraction) for value in values):
        return None
    at_0, at_1, at_2, at_5 = values
    step: Any = at_1 - at_0
    if not step or at_2 - at_1 != step or at_5 - at_2 != 3 * step:
        return None
    return _ray(-at_0 / step, sign if step > 0 else _FLIPPED[sign])


def _absolute(inside: Node, sign: str, bound: Node, names: set[str]) -> Reals | None:
    """The solutions of an inequality such as |x - 1| < 2."""
    if sign not in ("<", "<=", ">", ">=") or _number(bound) < 0:
        return None
    below = _linear(inside, sign, bound, names, False)
    above = _linear(inside, _FLIPPED[sign], ("negative", bound), names, False)
    if below is None or above is None:
        return None
    return meet(below, above) if sign.startswith("<") else join([*below, *above])


def _named(node: Node) -> bool:
    """Whether a tree is a letter, or a product of letters such as a name of several letters."""
    return node[0] == "symbol" or (node[0] == "product" and all(part[0] == "symbol" for part in node[1]))


def _ray(start: Fraction | float, sign: str) -> Reals:
    if sign == "!=":
        return without(ALL, [Piece(start, start, True, True)])
    if sign == "=":
        return [Piece(start, start, True, True)]
    if sign.startswith("<"):
        return [Piece(-math.inf, start, False, sign == "<=")]
    return [Piece(start, math.inf, sign == ">=", False)]


_RULES: dict[str, Callable[[Node], Reals | None]] = {
    "tuple": _interval,
    "set": _set,
    "reals": lambda node: ALL,
    "union": _several(lambda left, right: join([*left, *right])),
    "intersection": _several(meet),
    "difference": _several(without),
}
