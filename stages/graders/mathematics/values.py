"""What a tree of terms.py is worth: exact fractions where only fractions take part, complex numbers
elsewhere, points for its letters."""

import cmath
import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from stages.graders.mathematics.calculus import big
from stages.graders.mathematics.points import Point, Undefined, Value
from stages.graders.mathematics.terms import Node
from stages.graders.reading.limits import TooMuch

MAX_BITS = 20_000  # of a numerator or denominator

_CONSTANTS: dict[str, complex] = {"pi": math.pi, "e": math.e, "i": 1j, "inf": complex(math.inf)}
_CALLS: dict[str, Callable[[complex], complex]] = {
    "sin": cmath.sin, "cos": cmath.cos, "tan": cmath.tan, "sinh": cmath.sinh, "cosh": cmath.cosh,
    "tanh": cmath.tanh, "cot": lambda x: 1 / cmath.tan(x), "sec": lambda x: 1 / cmath.cos(x),
    "csc": lambda x: 1 / cmath.sin(x), "coth": lambda x: 1 / cmath.tanh(x),
    "sech": lambda x: 1 / cmath.cosh(x), "csch": lambda x: 1 / cmath.sinh(x), "arcsin": cmath.asin,
    "arccos": cmath.acos, "arctan": cmath.atan, "arcsinh": cmath.asinh, "arccosh": cmath.acosh,
    "arctanh": cmath.atanh, "arccot": lambda x: math.pi / 2 - cmath.atan(x),
    "arcsec": lambda x: cmath.acos(1 / x), "arccsc": lambda x: cmath.asin(1 / x), "ln": cmath.log,
    "exp": cmath.exp, "cis": lambda x: cmath.exp(1j * x), "Re": lambda x: complex(x.real),
    "Im": lambda x: complex(x.imag), "conj": lambda x: x.conjugate(), "Gamma": lambda x: _gamma(x),
}  # fmt: skip
_SEVERAL: dict[str, Callable[..., Any]] = {
    "max": max,
    "min": min,
    "gcd": math.gcd,
    "lcm": math.lcm,
    "mod": lambda left, right: left % right,
}


def evaluate(node: Node, point: Point) -> Value:
    """Raises Undefined where the tree is a list, an interval or the like, or has no value there, TooMuch
    beyond a limit."""
    try:
        return value_of(node, point)
    except (ArithmeticError, RecursionError) as error:
        raise Undefined(str(error)) from None


def value_of(node: Node, point: Point) -> Value:
    """The same, with the exceptions of arithmetic as they come."""
    rule = _RULES.get(node[0])
    if rule is None:
        raise Undefined(f"a {node[0]} is not a number")
    point.steps -= 1
    if point.steps < 0:
        raise TooMuch("too many steps")
    value = rule(node, point)
    if isinstance(value, Fraction):
        if max(value.numerator.bit_length(), value.denominator.bit_length()) > MAX_BITS:
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
    if isinstance(base, Fraction) and isinstance(exponent, Fraction) and exponent.denominator == 1:
        if (
            max(base.numerator.bit_length(), base.denominator.bit_length()) * abs(exponent.numerator)
            > MAX_BITS
        ):
            raise TooMuch("a power too large")
        return base**exponent.numerator
    if (
        isinstance(exponent, Fraction)
        and exponent.denominator == 2
        and isinstance(base, Fraction)
        and base >= 0
    ):
        return value_of(
            (
                "power",
                ("root", node[1], ("number", Fraction(2), None)),
                ("number", Fraction(exponent.numerator), None),
            ),
            point,
        )
    if isinstance(exponent, Fraction) and exponent.denominator % 2 and _negative(base):
        return complex(-1 if exponent.numerator % 2 else 1) * complex(-base) ** complex(exponent)
    return complex(base) ** complex(exponent)


def _root(node: Node, point: Point) -> Value:
    inside, index = value_of(node[1], point), value_of(node[2], point)
    if index == 2 and isinstance(inside, Fraction):
        above, below = math.isqrt(abs(inside.numerator)), math.isqrt(inside.denominator)
        if above * above == abs(inside.numerator) and below * below == inside.denominator:
            return Fraction(above, below) if inside >= 0 else complex(0, above / below)
    if isinstance(index, Fraction) and index.denominator == 1 and index.numerator % 2 and _negative(inside):
        return -(complex(-inside) ** complex(1 / index))
    return complex(inside) ** (1 / complex(index))


def _negative(value: Value) -> bool:
    """Whether an odd root of it is taken real, as schools do."""
    return value < 0 if isinstance(value, Fraction) else value.imag == 0 and value.real < 0


def _call(node: Node, point: Point) -> Value:
    name, inside = node[1], node[2]
    if name in _SEVERAL:
        items = [_exact(item, point) for item in (inside[2] if inside[0] == "tuple" else [inside])]
        whole = name in ("gcd", "lcm")
        if len(items) < 2 or (name == "mod" and len(items) != 2):
            raise Undefined("expected several numbers")
        if whole and any(item.denominator != 1 for item in items):
            raise Undefined("expected whole numbers")
        return Fraction(_SEVERAL[name](*([item.numerator for item in items] if whole else items)))
    if name == "det":
        return _determinant(inside, point)
    value = value_of(inside, point)
    if name in ("floor", "ceil", "sgn"):
        return _step(name, value)
    if name == "abs":
        return abs(value) if isinstance(value, Fraction) else complex(abs(value))
    if name == "log":
        base = complex(value_of(node[3], point)) if len(node) > 3 else 10 + 0j
        return _defined(cmath.log, complex(value)) / _defined(cmath.log, base)
    if name not in _CALLS or len(node) > 3:
        raise Undefined(f"unknown function {name!r}")
    return _defined(_CALLS[name], complex(value))


def _step(name: str, value: Value) -> Fraction:
    if not isinstance(value, Fraction) and abs(value.imag) > 1e-9:
        raise Undefined("not a real number")
    real = value if isinstance(value, Fraction) else Fraction(value.real)
    if not isinstance(value, Fraction) and abs(real - round(real)) < Fraction(1, 10**9):
        real = Fraction(round(real))
    return (
        Fraction((real > 0) - (real < 0))
        if name == "sgn"
        else Fraction(math.floor(real) if name == "floor" else math.ceil(real))
    )


def _determinant(node: Node, point: Point) -> Value:
    rows = node[1] if node[0] == "matrix" else []
    if not rows or len(rows) > 5 or any(len(row) != len(rows) for row in rows):
        raise Undefined("not a square matrix")
    cells = [[value_of(cell, point) for cell in row] for row in rows]
    return _minor(cells)


def _minor(cells: list[list[Value]]) -> Value:
    if len(cells) == 1:
        return cells[0][0]
    total: Value = Fraction(0)
    for place, head in enumerate(cells[0]):
        rest = [row[:place] + row[place + 1 :] for row in cells[1:]]
        total = total + (-1) ** place * head * _minor(rest)
    return total


def _defined(function: Callable[[complex], complex], value: complex) -> complex:
    try:
        return function(value)
    except ValueError:
        raise Undefined("outside the function's domain") from None


def _exact(node: Node, point: Point, limit: int = 10**9) -> Fraction:
    value = value_of(node, point)
    if not isinstance(value, Fraction) or abs(value) > limit:
        raise Undefined("expected a fraction")
    return value


def _gamma(value: complex) -> complex:
    if abs(value.imag) > 1e-12 or value.real > 170:
        raise Undefined("a gamma function beyond the real numbers")
    return complex(math.gamma(value.real))


def _factorial(value: Value) -> Value:
    if isinstance(value, Fraction) and value.denominator == 1 and value >= 0:
        if value > 3000:
            raise TooMuch("a factorial too large")
        return Fraction(math.factorial(int(value)))
    return _defined(_gamma, complex(value) + 1)


def _binomial(node: Node, point: Point) -> Value:
    above, below = value_of(node[1], point), value_of(node[2], point)
    if (
        isinstance(above, Fraction)
        and isinstance(below, Fraction)
        and above.denominator == below.denominator == 1
        and below >= 0
    ):
        if abs(above) > 10_000 or below > 10_000:
            raise TooMuch("a binomial too large")
        return (
            Fraction(math.comb(int(above), int(below)))
            if above >= 0
            else Fraction((-1) ** int(below) * math.comb(int(below - above - 1), int(below)))
        )
    return _factorial(above) * _inverse(_factorial(below)) * _inverse(_factorial(above - below))


def _inverse(value: Value) -> Value:
    return 1 / value


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
    "inverse": lambda node, point: _inverse(value_of(node[1], point)),
    "frac": lambda node, point: value_of(node[1], point) * _inverse(value_of(node[2], point)),
    "sum": _sum,
    "product": _product,
    "power": _power,
    "root": _root,
    "call": _call,
    "factorial": lambda node, point: _factorial(value_of(node[1], point)),
    "binom": _binomial,
    "percent": lambda node, point: value_of(node[1], point) / 100,
    "degree": lambda node, point: value_of(node[1], point) * point.turn,
    "big": lambda node, point: big(node, point, value_of),
    "base": _based,
    "ratio": lambda node, point: (
        value_of(node[1][0], point) * _inverse(value_of(node[1][1], point))
        if len(node[1]) == 2
        else _no_ratio()
    ),
}


def _no_ratio() -> Value:
    raise Undefined("a ratio of more than two")
