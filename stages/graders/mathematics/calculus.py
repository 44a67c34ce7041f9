"""The values of sums, products and integrals between limits."""

import cmath
import math
from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise

from stages.graders.mathematics.points import Point, Undefined, Value, bits
from stages.graders.mathematics.terms import Node
from stages.graders.reading.limits import TooMuch

MAX_TERMS = 2000  # terms of a finite sum
MAX_BITS = 20_000  # bits of the numerator or denominator of a finite sum
MAX_SERIES = 1024  # terms of an infinite sum
Height = Callable[[complex], complex]  # the integrand as a function of its variable
Valuing = Callable[[Node, Point], Value]  # values.value_of

_GAUSS = (
    (0.1834346424956498, 0.3626837833783620), (0.5255324099163290, 0.3137066458778873),
    (0.7966664774136267, 0.2223810344533745), (0.9602898564975363, 0.1012285362903763),
)  # fmt: skip


def big(node: Node, point: Point, value_of: Valuing) -> Value:
    """The value of a sum, a product or an integral between limits.

    A finite sum or product is written out, an infinite sum is extrapolated, and an integral follows Gauss's
    rule at eight points in each of many pieces. Raises Undefined where there is no value, TooMuch beyond a
    limit.
    """
    name, letter, body = node[1], node[2][1], node[5]
    low, high = value_of(node[3], point), value_of(node[4], point)
    inner = Point(point)
    inner.steps, inner.turn = point.steps, point.turn
    value: Value
    if name == "int":
        value = _integral(body, letter, low, high, inner, value_of)
    elif name == "sum" and isinstance(low, Fraction) and low.denominator == 1 and high == complex(math.inf):
        value = _series(body, letter, int(low), inner, value_of)
    else:
        value = _written_out(name, body, letter, low, high, inner, value_of)
    point.steps = inner.steps
    return value


def _written_out(
    name: str, body: Node, letter: str, low: Value, high: Value, inner: Point, value_of: Valuing
) -> Value:
    """A finite sum or product, term by term."""
    if not isinstance(low, Fraction) or not isinstance(high, Fraction):
        raise Undefined("not a finite sum")
    if low.denominator != 1 or high.denominator != 1 or high - low > MAX_TERMS:
        raise Undefined("not a finite sum")
    total: Value = Fraction(0 if name == "sum" else 1)
    for index in range(int(low), int(high) + 1):
        inner[letter] = Fraction(index)
        term = value_of(body, inner)
        total = total + term if name == "sum" else total * term
        if isinstance(total, Fraction) and bits(total) > MAX_BITS:
            raise TooMuch("a number too large")
    return total


def _series(body: Node, letter: str, start: int, inner: Point, value_of: Valuing) -> complex:
    """The limit of an infinite sum; raises Undefined where the partial sums do not settle.

    The sum ends where the terms fall as fast as those of a geometric series. Terms that fall as a power of
    the index are extrapolated by Richardson's rule from the partial sums of 8, 16, 32, ... terms.
    """
    total, before, small = 0j, 0.0, 0
    partial: list[complex] = []
    for term in range(MAX_SERIES):
        inner[letter] = Fraction(start + term)
        value = complex(value_of(body, inner))
        total += value
        is_small = value == 0 or (abs(value) <= 1e-17 * abs(total) and abs(value) <= 0.9 * before)
        small = small + 1 if is_small else 0
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
    """The integrand and limits of an equal integral from 0 to 1 where a limit is infinite; else the same
    integral."""
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
