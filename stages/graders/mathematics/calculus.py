"""Sums, products and integrals between limits: written out, or by Gauss's rule."""

import cmath
import math
from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise

from stages.graders.mathematics.points import Point, Undefined, Value
from stages.graders.mathematics.terms import Node
from stages.graders.reading.limits import TooMuch

MAX_TERMS = 2000  # of a sum written out
MAX_BITS = 20_000  # of its numerator or denominator so far
MAX_SERIES = 1024  # terms of an infinite one
Height = Callable[[complex], complex]
Valuing = Callable[[Node, Point], Value]

_GAUSS = (
    (0.1834346424956498, 0.3626837833783620), (0.5255324099163290, 0.3137066458778873),
    (0.7966664774136267, 0.2223810344533745), (0.9602898564975363, 0.1012285362903763),
)  # fmt: skip


def big(node: Node, point: Point, value_of: Valuing) -> Value:
    """A finite sum or product written out, or an integral by Gauss's rule at eight points in each of many
    pieces."""
    name, letter, low, high, body = (
        node[1],
        node[2][1],
        value_of(node[3], point),
        value_of(node[4], point),
        node[5],
    )
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
            if (
                isinstance(value, Fraction)
                and max(value.numerator.bit_length(), value.denominator.bit_length()) > MAX_BITS
            ):
                raise TooMuch("a number too large")
    point.steps = inner.steps
    return value


def _series(body: Node, letter: str, start: int, inner: Point, value_of: Valuing) -> complex:
    """An infinite sum: its terms fall as fast as those of a geometric one, or as those of a power of the
    index (Richardson's rule)."""
    total, before, small = 0j, 0.0, 0
    partial: list[complex] = []
    for term in range(MAX_SERIES):
        inner[letter] = Fraction(start + term)
        value = complex(value_of(body, inner))
        total += value
        small = (
            small + 1
            if value == 0 or (abs(value) <= 1e-17 * abs(total) and abs(value) <= 0.9 * before)
            else 0
        )
        if small == 4 and total:
            return total
        before = abs(value)
        if term + 1 >= 8 and (term + 1).bit_count() == 1:
            partial.append(total)
    rows = [partial]
    while len(rows[-1]) > 1:
        power = 2.0 ** len(rows)
        rows.append([(power * after - first) / (power - 1) for first, after in pairwise(rows[-1])])
    best, last = rows[-1][-1], rows[-2][-1]
    if abs(best - last) > 1e-11 * abs(best) or before * MAX_SERIES > 0.1 * abs(best):
        raise Undefined("a series that does not settle")
    return best


def _integral(body: Node, letter: str, low: Value, high: Value, inner: Point, value_of: Valuing) -> Value:
    start, end = complex(low), complex(high)
    if cmath.isinf(start) and cmath.isinf(end):
        below = _integral(body, letter, low, Fraction(0), inner, value_of)
        return below + _integral(body, letter, Fraction(0), high, inner, value_of)

    def height(at: complex) -> complex:
        inner[letter] = at
        return complex(value_of(body, inner))

    coarse, fine = (_gauss(*_finite(height, start, end), pieces) for pieces in (24, 60))
    if abs(coarse - fine) > 1e-11 * max(abs(fine), 1e-3):
        raise Undefined("an integral that does not settle")
    return fine


def _finite(height: Height, start: complex, end: complex) -> tuple[Height, complex, complex]:
    """An integral to infinity as one from 0 to 1."""
    if cmath.isinf(end):
        return (lambda at: height(start + at / (1 - at)) / (1 - at) ** 2), 0j, 1 + 0j
    if cmath.isinf(start):
        return (lambda at: height(end - at / (1 - at)) / (1 - at) ** 2), 0j, 1 + 0j
    return height, start, end


def _gauss(height: Height, start: complex, end: complex, pieces: int) -> complex:
    half, total = (end - start) / (2 * pieces), 0j
    for piece in range(pieces):
        middle = start + half * (2 * piece + 1)
        for place, weight in _GAUSS:
            total += weight * (height(middle + place * half) + height(middle - place * half))
    return total * half
