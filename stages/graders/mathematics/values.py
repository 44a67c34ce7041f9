"""The value of a tree of terms.py at a point: an exact fraction where only fractions take part, else
complex."""

import cmath
import math
from collections.abc import Callable
from fractions import Fraction

from stages.graders.mathematics.calculus import big
from stages.graders.mathematics.functions import (
    OF_ONE,
    OF_SEVERAL,
    binomial,
    defined,
    determinant,
    factorial,
    inverse,
    step,
)
from stages.graders.mathematics.points import Point, Undefined, Value, bits
from stages.graders.mathematics.terms import Node
from stages.graders.reading.limits import TooMuch

MAX_BITS = 20_000  # bits of a numerator or denominator

_CONSTANTS: dict[str, complex] = {"pi": math.pi, "e": math.e, "i": 1j, "inf": complex(math.inf)}


def evaluate(node: Node, point: Point) -> Value:
    """The value of the tree `node` at `point`.

    Raises Undefined where the tree is a list, an interval or the like and where the tree has no value at
    `point`. Raises TooMuch beyond a limit.
    """
    try:
        return value_of(node, point)
    except (ArithmeticError, RecursionError) as error:
        raise Undefined(str(error)) from None


def value_of(node: Node, point: Point) -> Value:
    """The value as `evaluate` gives it; raises also ArithmeticError and RecursionError."""
    rule = _RULES.get(node[0])
    if rule is None:
        raise Undefined(f"a {node[0]} is not a number")
    point.steps -= 1
    if point.steps < 0:
        raise TooMuch("too many steps")
    value = rule(node, point)
    if isinstance(value, Fraction):
        if bits(value) > MAX_BITS:
            raise TooMuch("a number too large")
    elif cmath.isnan(value):
        raise Undefined("not a number")
    return value


def _sum(node: Node, point: Point) -> Value:
    total: Value = Fraction(0)
    for term in node[1]:
        total = total + value_of(term, point)
    return total


def _product(node: Node, point: Point) -> Value:
    total: Value = Fraction(1)
    for factor in node[1]:
        total = total * value_of(factor, point)
        if isinstance(total, Fraction) and total.numerator.bit_length() > MAX_BITS:
            raise TooMuch("a number too large")
    return total


def _power(node: Node, point: Point) -> Value:
    base, exponent = value_of(node[1], point), value_of(node[2], point)
    if not isinstance(exponent, Fraction):
        return complex(base) ** complex(exponent)
    if isinstance(base, Fraction) and exponent.denominator == 1:
        if bits(base) * abs(exponent.numerator) > MAX_BITS:
            raise TooMuch("a power too large")
        return base**exponent.numerator
    if isinstance(base, Fraction) and exponent.denominator == 2 and base >= 0:
        root = ("root", node[1], ("number", Fraction(2), None))
        return value_of(("power", root, ("number", Fraction(exponent.numerator), None)), point)
    if exponent.denominator % 2 and _is_negative_real(base):
        return complex(-1 if exponent.numerator % 2 else 1) * complex(-base) ** complex(exponent)
    return complex(base) ** complex(exponent)


def _root(node: Node, point: Point) -> Value:
    inside, index = value_of(node[1], point), value_of(node[2], point)
    if index == 2 and isinstance(inside, Fraction):
        above, below = math.isqrt(abs(inside.numerator)), math.isqrt(inside.denominator)
        if above * above == abs(inside.numerator) and below * below == inside.denominator:
            return Fraction(above, below) if inside >= 0 else complex(0, above / below)
    if (
        isinstance(index, Fraction)
        and index.denominator == 1
        and index.numerator % 2
        and _is_negative_real(inside)
    ):
        return -(complex(-inside) ** complex(1 / index))
    return complex(inside) ** (1 / complex(index))


def _is_negative_real(value: Value) -> bool:
    """Whether `value` is a negative real number, whose odd root is then the real one, as schools teach."""
    return value < 0 if isinstance(value, Fraction) else value.imag == 0 and value.real < 0


def _call(node: Node, point: Point) -> Value:
    name, inside = node[1], node[2]
    if name in OF_SEVERAL:
        items = [_exact(item, point) for item in (inside[2] if inside[0] == "tuple" else [inside])]
        whole = name in ("gcd", "lcm")
        if len(items) < 2 or (name == "mod" and len(items) != 2):
            raise Undefined("expected several numbers")
        if whole and any(item.denominator != 1 for item in items):
            raise Undefined("expected whole numbers")
        return Fraction(OF_SEVERAL[name](*([item.numerator for item in items] if whole else items)))
    if name == "det":
        return _determinant(inside, point)
    value = value_of(inside, point)
    if name in ("floor", "ceil", "sgn"):
        return step(name, value)
    if name == "abs":
        return abs(value) if isinstance(value, Fraction) else complex(abs(value))
    if name == "log":
        base = complex(value_of(node[3], point)) if len(node) > 3 else 10 + 0j
        return defined(cmath.log, complex(value)) / defined(cmath.log, base)
    if name not in OF_ONE or len(node) > 3:
        raise Undefined(f"unknown function {name!r}")
    return defined(OF_ONE[name], complex(value))


def _determinant(node: Node, point: Point) -> Value:
    rows = node[1] if node[0] == "matrix" else []
    if not rows or len(rows) > 5 or any(len(row) != len(rows) for row in rows):
        raise Undefined("not a square matrix")
    cells = [[value_of(cell, point) for cell in row] for row in rows]
    return determinant(cells)


def _exact(node: Node, point: Point, limit: int = 10**9) -> Fraction:
    value = value_of(node, point)
    if not isinstance(value, Fraction) or abs(value) > limit:
        raise Undefined("expected a fraction")
    return value


def _based(node: Node, point: Point) -> Value:
    base = _exact(node[2], point)
    number, places = (node[1][1], node[1][2] or 0) if node[1][0] == "number" else (Fraction(0), -1)
    if places < 0 or base.denominator != 1 or not 2 <= base <= 36:
        raise Undefined("not a number in a base")
    digits = str(int(number * 10**places))
    if len(digits) > 400 or max(map(int, digits)) >= base:
        raise Undefined("not a digit of that base")
    return Fraction(int(digits, int(base)), int(base) ** places)


_RULES: dict[str, Callable[[Node, Point], Value]] = {
    "number": lambda node, point: node[1],
    "symbol": lambda node, point: point[node[1]],
    "constant": lambda node, point: point[node[1]] if node[1] in point else _CONSTANTS[node[1]],
    "negative": lambda node, point: -value_of(node[1], point),
    "inverse": lambda node, point: inverse(value_of(node[1], point)),
    "frac": lambda node, point: value_of(node[1], point) * inverse(value_of(node[2], point)),
    "sum": _sum,
    "product": _product,
    "power": _power,
    "root": _root,
    "call": _call,
    "factorial": lambda node, point: factorial(value_of(node[1], point)),
    "binom": lambda node, point: binomial(value_of(node[1], point), value_of(node[2], point)),
    "percent": lambda node, point: value_of(node[1], point) / 100,
    "degree": lambda node, point: value_of(node[1], point) * point.turn,
    "big": lambda node, point: big(node, point, value_of),
    "base": _based,
    "ratio": lambda node, point: (
        value_of(node[1][0], point) * inverse(value_of(node[1][1], point))
        if len(node[1]) == 2
        else _no_ratio()
    ),
}


def _no_ratio() -> Value:
    raise Undefined("a ratio of more than two")
