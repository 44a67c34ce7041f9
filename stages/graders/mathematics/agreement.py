"""Whether two trees have the same value, at several points where they have letters; and one form for trees
that only differ in order."""

import cmath
import math
from collections.abc import Iterable
from fractions import Fraction
from typing import Any

from stages.graders.mathematics.points import (
    Point,
    Undefined,
    Value,
    holds,
    points,
    rounded,
    symbols,
    whole_points,
)
from stages.graders.mathematics.terms import Node
from stages.graders.mathematics.values import evaluate

FLOAT = 1e-10  # what two ways to compute the same float may differ by, relatively
_ORDERLESS = frozenset(["sum", "product", "set", "union", "intersection"])


def near(left: Value, right: Value, tolerance: float) -> bool:
    """Equal within a relative `tolerance`; two fractions with a tolerance of 0 exactly."""
    if left == right:
        return True
    if isinstance(left, Fraction) and isinstance(right, Fraction):
        return abs(left - right) <= Fraction(tolerance) * max(abs(left), abs(right))
    first, second = _complex(left), _complex(right)
    if not (cmath.isfinite(first) and cmath.isfinite(second)):
        return False
    floor = 1e-13 if 0 in (left, right) else 0.0  # sin(pi) comes out as 1e-16
    return abs(first - second) <= max(max(tolerance, FLOAT) * max(abs(first), abs(second)), floor)


def _complex(value: Value) -> complex:
    try:
        return complex(value)
    except OverflowError:
        return complex(math.inf)


def real(value: Value) -> bool:
    """Whether a value is a real number, but for the noise of floats."""
    return isinstance(value, Fraction) or abs(value.imag) < 1e-9


def agree(
    left: Node, right: Node, tolerance: float, ratio: str = "", turn: float = math.pi / 180
) -> bool | None:
    """Whether two trees have the same value at several points; with a `ratio`, whether one is the other times
    a constant, `any` or `positive`. `turn` is what a degree sign is worth. None where they have no values to
    compare. Raises limits.TooMuch beyond a limit."""
    names = symbols(left) | symbols(right)
    compared = 0
    factor: Value | None = None
    written_out = holds([left, right], "big") and bool(names)
    for number, point in enumerate(whole_points(names) if written_out else points(names)):
        point.turn = turn
        try:
            first, second = evaluate(left, point), evaluate(right, point)
        except Undefined:
            continue
        if number >= 4 and not (real(first) and real(second)):
            continue
        if ratio:
            if not first or not second:
                return False
            factor = factor if factor is not None else _quotient(first, second)
            if factor is None or (ratio == "positive" and (not real(factor) or _complex(factor).real < 0)):
                return False
            first, second = _quotient(first, second) or Fraction(0), factor
        if not near(first, second, tolerance):
            return False
        compared += 1
        if not names:
            break
    return True if compared >= (3 if names else 1) else None


def _quotient(above: Value, below: Value) -> Value | None:
    try:
        return above * (1 / below)
    except ArithmeticError:
        return None


def tolerance_for(left: Node, right: Node, relative: float) -> float:
    """The tolerance that holds between two trees: `relative` where decimals are written, else none.

    Between two plain numbers it is at most half a unit of the last place of the shorter, and next to none for
    a whole number.
    """
    if not (rounded(left) or rounded(right)):
        return 0.0
    ends = []
    for node in (left, right):
        number = node[1] if node[0] == "negative" else node
        if number[0] == "number" and number[2] is not None and number[1]:
            ends.append(0.5000001 * 10.0 ** -number[2] / abs(float(number[1])))
        elif number[0] == "number" and number[1].denominator == 1:
            return min(relative, 1e-10)
    return min(relative, max(ends)) if ends else relative


def constant(node: Node) -> Value | None:
    """The value of a tree without letters, None where it has none."""
    if symbols(node):
        return None
    try:
        return evaluate(node, Point())
    except Undefined:
        return None


def canonical(node: Any) -> Any:
    """One form for trees that differ in the order of sums, products and sets, in brackets, or in how a
    quotient is written."""
    if isinstance(node, list):
        return [canonical(item) for item in node]
    if not isinstance(node, tuple):
        return node
    if node[0] == "frac":
        return canonical(("product", [node[1], ("inverse", node[2])]))
    if node[0] == "number":
        return ("number", node[1])
    if node[0] in _ORDERLESS:
        items = [canonical(item) for item in node[1]]
        flat = [part for item in items for part in (item[1] if item[0] == node[0] else [item])]
        return (node[0], sorted(flat, key=repr))
    return tuple(canonical(part) for part in node)


def unordered(golds: list[Node], preds: list[Node], same: Any, distinct: bool = False) -> bool:
    """Whether the items of two lists can be paired; where they are `distinct`, whether each has an equal in
    the other."""
    if distinct:
        return _each_in(golds, preds, same) and _each_in(preds, golds, lambda pred, gold: same(gold, pred))
    if len(golds) != len(preds):
        return False
    remaining = list(preds)
    for gold in golds:
        partner = next((place for place, pred in enumerate(remaining) if same(gold, pred)), None)
        if partner is None:
            return False
        del remaining[partner]
    return True


def _each_in(items: Iterable[Node], candidates: list[Node], same: Any) -> bool:
    return all(any(same(item, candidate) for candidate in candidates) for item in items)
