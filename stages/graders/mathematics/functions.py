"""The functions that an answer may apply to numbers."""

import cmath
import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from stages.graders.mathematics.points import Undefined, Value
from stages.graders.reading.limits import TooMuch

MAX_FACTORIAL = 3000
MAX_BINOMIAL = 10_000

OF_ONE: dict[str, Callable[[complex], complex]] = {
    "sin": cmath.sin, "cos": cmath.cos, "tan": cmath.tan, "sinh": cmath.sinh, "cosh": cmath.cosh,
    "tanh": cmath.tanh, "cot": lambda x: 1 / cmath.tan(x), "sec": lambda x: 1 / cmath.cos(x),
    "csc": lambda x: 1 / cmath.sin(x), "coth": lambda x: 1 / cmath.tanh(x),
    "sech": lambda x: 1 / cmath.cosh(x), "csch": lambda x: 1 / cmath.sinh(x), "arcsin": cmath.asin,
    "arccos": cmath.acos, "arctan": cmath.atan, "arcsinh": cmath.asinh, "arccosh": cmath.acosh,
    "arctanh": cmath.atanh, "arccot": lambda x: math.pi / 2 - cmath.atan(x),
    "arcsec": lambda x: cmath.acos(1 / x), "arccsc": lambda x: cmath.asin(1 / x), "ln": cmath.log,
    "exp": cmath.exp, "cis": lambda x: cmath.exp(1j * x), "Re": lambda x: complex(x.real),
    "Im": lambda x: complex(x.imag), "conj": lambda x: x.conjugate(), "Gamma": lambda x: gamma(x),
}  # fmt: skip
OF_SEVERAL: dict[str, Callable[..., Any]] = {
    "max": max,
    "min": min,
    "gcd": math.gcd,
    "lcm": math.lcm,
    "mod": lambda left, right: left % right,
}


def defined(function: Callable[[complex], complex], value: complex) -> complex:
    """`function(value)`; raises Undefined outside the domain of `function`."""
    try:
        return function(value)
    except ValueError:
        raise Undefined("outside the function's domain") from None


def step(name: str, value: Value) -> Fraction:
    """The floor, ceiling (`ceil`) or sign (`sgn`) of a real number; raises Undefined for any other number.

    A float within 1e-9 of a whole number counts as the whole number.
    """
    if not isinstance(value, Fraction) and abs(value.imag) > 1e-9:
        raise Undefined("not a real number")
    real = value if isinstance(value, Fraction) else Fraction(value.real)
    if not isinstance(value, Fraction) and abs(real - round(real)) < Fraction(1, 10**9):
        real = Fraction(round(real))
    if name == "sgn":
        return Fraction((real > 0) - (real < 0))
    return Fraction(math.floor(real) if name == "floor" else math.ceil(real))


def gamma(value: complex) -> complex:
    """The gamma function of a real number of at most 170; raises Undefined for any other number."""
    if abs(value.imag) > 1e-12 or value.real > 170:
        raise Undefined("a gamma function beyond the real numbers")
    return complex(math.gamma(value.real))


def factorial(value: Value) -> Value:
    """The factorial, exact for whole numbers. Raises TooMuch beyond MAX_FACTORIAL."""
    if isinstance(value, Fraction) and value.denominator == 1 and value >= 0:
        if value > MAX_FACTORIAL:
            raise TooMuch("a factorial too large")
        return Fraction(math.factorial(int(value)))
    return defined(gamma, complex(value) + 1)


def binomial(above: Value, below: Value) -> Value:
    """The binomial coefficient, exact for whole numbers. Raises TooMuch beyond MAX_BINOMIAL."""
    if not (isinstance(above, Fraction) and isinstance(below, Fraction)):
        return _binomial_of_factorials(above, below)
    if not above.denominator == below.denominator == 1 or below < 0:
        return _binomial_of_factorials(above, below)
    if abs(above) > MAX_BINOMIAL or below > MAX_BINOMIAL:
        raise TooMuch("a binomial too large")
    if above >= 0:
        return Fraction(math.comb(int(above), int(below)))
    return Fraction((-1) ** int(below) * math.comb(int(below - above - 1), int(below)))


def _binomial_of_factorials(above: Value, below: Value) -> Value:
    return factorial(above) * inverse(factorial(below)) * inverse(factorial(above - below))


def inverse(value: Value) -> Value:
    """1 / `value`; raises ZeroDivisionError for 0."""
    return 1 / value


def determinant(cells: list[list[Value]]) -> Value:
    """The determinant of a square matrix, by expansion along the first row."""
    if len(cells) == 1:
        return cells[0][0]
    total: Value = Fraction(0)
    for place, head in enumerate(cells[0]):
        rest = [row[:place] + row[place + 1 :] for row in cells[1:]]
        total = total + (-1) ** place * head * determinant(rest)
    return total
