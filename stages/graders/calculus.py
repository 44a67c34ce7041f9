"""Sums, products and integrals between limits: written out, or by Gauss's rule."""

import cmath
import math
from collections.abc import Callable
from fractions import Fraction

from stages.graders.points import Point, Undefined, Value
from stages.graders.terms import Node

MAX_TERMS = 2000  # of a sum written out
MAX_SERIES = 600  # terms of an infinite one
Valuing = Callable[[Node, Point], Value]

_GAUSS = ((0.1834346424956498, 0.3626837833783620), (0.5255324099163290, 0.3137066458778873), (0.7966664774136267, 0.2223810344533745),
          (0.9602898564975363, 0.1012285362903763))  # fmt: skip


def big(node: Node, point: Point, value_of: Valuing) -> Value:
    """A finite sum or product written out, or an integral by Gauss's rule at eight points in each of many pieces."""
    name, letter, low, high, body = node[1], node[2][1], value_of(node[3], point), value_of(node[4], point), node[5]
    inner = Point(point)
    inner.steps, inner.turn = point.steps, point.turn
    if name == "int":
        value = _integral(body, letter, low, high, inner, value_of)
    elif name == "sum" and isinstance(low, Fraction) and low.denominator == 1 and high == complex(math.inf):
        value = _series(body, letter, int(low), inner, value_of)
    else:
        if (
            not isinstance(low, Fraction)
            or not isinstance(high, Fraction)
            or low.denominator != 1
            or high.denominator != 1
            or high - low > MAX_TERMS
        ):
            raise Undefined("not a finite sum")
        value = Fraction(0 if name == "sum" else 1)
        for term in range(int(low), int(high) + 1):
            inner[letter] = Fraction(term)
            one = value_of(body, inner)
            value = value + one if name == "sum" else value * one
    point.steps = inner.steps
    return value


def _series(body: Node, letter: str, start: int, inner: Point, value_of: Valuing) -> complex:
    """An infinite sum whose terms soon fall as fast as those of a geometric one."""
    total, before, small = 0j, 0.0, 0
    for term in range(start, start + MAX_SERIES):
        inner[letter] = Fraction(term)
        one = complex(value_of(body, inner))
        total += one
        small = small + 1 if (abs(one) <= 1e-17 * abs(total) and abs(one) <= 0.9 * before) or one == 0 else 0
        if small == 4 and total:
            return total
        before = abs(one)
    raise Undefined("a series that does not settle")


def _integral(body: Node, letter: str, low: Value, high: Value, inner: Point, value_of: Valuing) -> Value:
    start, end = complex(low), complex(high)
    if not (cmath.isfinite(start) and cmath.isfinite(end)):
        raise Undefined("not a finite integral")
    one, other = (_gauss(body, letter, start, end, pieces, inner, value_of) for pieces in (24, 60))
    if abs(one - other) > 1e-11 * max(abs(other), 1e-3):
        raise Undefined("an integral that does not settle")
    return other


def _gauss(body: Node, letter: str, start: complex, end: complex, pieces: int, inner: Point, value_of: Valuing) -> complex:
    half, total = (end - start) / (2 * pieces), 0j
    for piece in range(pieces):
        middle = start + half * (2 * piece + 1)
        for place, weight in _GAUSS:
            for side in (-1, 1):
                inner[letter] = middle + side * place * half
                total += weight * complex(value_of(body, inner))
    return total * half
