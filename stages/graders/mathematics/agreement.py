"""Whether two trees have the same value, at several points where the trees have letters."""

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

FLOAT = 1e-10  # relative difference that two computations of the same float may have
MAX_POSITIVE = 4  # points of points.points with positive letters only
_ORDERLESS = frozenset(["sum", "product", "set", "union", "intersection"])


def near(left: Value, right: Value, tolerance: float) -> bool:
    """Whether two values are equal within a relative `tolerance`; two fractions exactly where `tolerance` is
    0."""
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
    """Whether a value is a real number, up to the rounding of floats."""
    return isinstance(value, Fraction) or abs(value.imag) < 1e-9


def agree(
    left: Node, right: Node, tolerance: float, ratio: str = "", turn: float = math.pi / 180
) -> bool | None:
    """Whether two trees have the same value at several points; None where too few points have values.

    With a `ratio`, whether one tree is the other times a constant: `any`, or only a `positive` one. `turn`
    is the value of a degree sign. Raises TooMuch beyond a limit.
    """
    names = symbols(left) | symbols(right)
    compared = 0
    factor: Value | None = None
    has_sums = holds([left, right], "big") and bool(names)
    for number, point in enumerate(whole_points(names) if has_sums else points(names)):
        point.turn = turn
        try:
            first, second = evaluate(left, point), evaluate(right, point)
        except Undefined:
            continue
        if number >= MAX_POSITIVE and not (real(first) and real(second)):
            continue
        if ratio:
            factor = _quotient(first, second) if factor is None and first and second else factor
            if not first or not second or factor is None or not _is_allowed(factor, ratio):
                return False
            first, second = _quotient(first, second) or Fraction(0), factor
        if not near(first, second, tolerance):
            return False
        compared += 1
        if not names:
            break
    return True if compared >= (3 if names else 1) else None


def _is_allowed(factor: Value, ratio: str) -> bool:
    return ratio != "positive" or (real(factor) and not _complex(factor).real < 0)


def _quotient(above: Value, below: Value) -> Value | None:
    try:
        return above * (1 / below)
    except ArithmeticError:
        return None


def tolerance_for(left: Node, right: Node, relative: float) -> float:
    """The relative tolerance between two trees: `relative` where decimals are written, else 0.

    For a plain number the tolerance is at most half a unit of its last decimal (the larger half unit of two
    plain numbers), and at most 1e-10 where a plain number is whole.
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
    """The value of a tree without letters; None where the tree has letters or no value."""
    if symbols(node):
        return None
    try:
        return evaluate(node, Point())
    except Undefined:
        return None


def canonical(node: Any) -> Any:
    """One form for all trees that differ only in the order of sums, products and sets, in brackets, or in
    how a quotient is written."""
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
    """Whether the items of two lists can be paired, each with an equal one.

    With `distinct`, whether each item has an equal in the other list, so that repeated items count once.
    """
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
