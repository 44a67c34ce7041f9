r"""Generated one-liners in LaTeX: sums of fractions, like terms, brackets, powers.

A sample row (level = number of operations):

    question  Simplify $3(2k + 5) - 4k$.
    solution  3 * 2 = 6
              3 * 5 = 15
              6 - 4 = 2
              2k + 15
    answer    2k + 15

Quirks: no coefficient of the answer is 0 or 1; fractions come out in lowest terms and are never whole; all
letters are small.
"""

import random
from collections.abc import Callable, Iterator
from math import gcd
from pathlib import Path

from stages.shared.rows import Kind, Problem
from stages.tasks.making.toys import Drawn, ToyParams, problems

LETTERS = ["a", "b", "c", "d", "h", "k", "m", "n", "p", "q", "r", "s", "t", "u", "v", "w", "x", "y", "z"]
VERBS = ("Simplify", "Find")

Worked = tuple[str, str, list[str]]  # the expression, its simplest form, the lines before that


class Params(ToyParams):
    """See `ToyParams`."""


def load(split: str, params: Params, root: Path, seed: int) -> Iterator[Problem]:
    """Exactly as many different problems as `params` asks for; `root` is not used, nothing is read."""
    return problems("latex_toy", Kind.EXPRESSION, split, params, seed, _make)


def _make(draw: random.Random, level: int) -> Drawn:
    expression, answer, lines = draw.choice(FORMS[level])(draw, draw.choice(LETTERS))
    return Drawn(f"{draw.choice(VERBS)} ${expression}$.", answer, [*lines, answer])


def _like_terms(count: int, highest: int = 9) -> Callable[[random.Random, str], Worked]:
    def form(draw: random.Random, letter: str) -> Worked:
        while True:
            values = [
                draw.randint(2, highest),
                *(draw.choice((-1, 1)) * draw.randint(2, highest) for _ in range(count - 1)),
            ]
            totals = [sum(values[: place + 1]) for place in range(count)]
            if min(totals) > 1:
                break
        expression = f"{values[0]}{letter}" + "".join(
            f" {_sign(value)} {abs(value)}{letter}" for value in values[1:]
        )
        return (
            expression,
            f"{totals[-1]}{letter}",
            [_sum(total, value) for total, value in zip(totals, values[1:], strict=False)],
        )

    return form


def _powers(count: int) -> Callable[[random.Random, str], Worked]:
    def form(draw: random.Random, letter: str) -> Worked:
        values = [draw.randint(2, 9) for _ in range(count)]
        totals = [sum(values[: place + 1]) for place in range(count)]
        expression = " ".join(f"{letter}^{{{value}}}" for value in values)
        return (
            expression,
            f"{letter}^{{{totals[-1]}}}",
            [_sum(total, value) for total, value in zip(totals, values[1:], strict=False)],
        )

    return form


def _quotient(draw: random.Random, letter: str) -> Worked:
    first, second = draw.randint(2, 9), draw.randint(2, 9)
    below = draw.randint(2, first + second - 2)
    expression = rf"\frac{{{letter}^{{{first}}} {letter}^{{{second}}}}}{{{letter}^{{{below}}}}}"
    return (
        expression,
        f"{letter}^{{{first + second - below}}}",
        [_sum(first, second), _sum(first + second, -below)],
    )


def _like_fractions(draw: random.Random, letter: str) -> Worked:
    while True:
        below, first, second = (
            draw.randint(3, 19),
            draw.randint(1, 9),
            draw.choice((-1, 1)) * draw.randint(1, 9),
        )
        if first + second > 0 and gcd(first + second, below) == 1:
            break
    return (
        f"{_fraction(first, below)} {_sign(second)} {_fraction(abs(second), below)}",
        _fraction(first + second, below),
        [_sum(first, second)],
    )


def _fractions(draw: random.Random, letter: str) -> Worked:
    """The second denominator is a multiple of the first."""
    while True:
        below, times, first, second = (
            draw.randint(2, 9),
            draw.randint(2, 5),
            draw.randint(1, 9),
            draw.choice((-1, 1)) * draw.randint(1, 9),
        )
        whole, result = below * times, first * times + second
        if result > 0 and all(
            gcd(*pair) == 1 for pair in ((first, below), (abs(second), whole), (result, whole))
        ):
            break
    expression = f"{_fraction(first, below)} {_sign(second)} {_fraction(abs(second), whole)}"
    lines = [f"{whole} / {below} = {times}", _product(first, times), _sum(first * times, second)]
    return expression, _fraction(result, whole), lines


def _bracket(draw: random.Random, letter: str) -> Worked:
    times, first, second = draw.randint(2, 5), draw.randint(2, 9), draw.choice((-1, 1)) * draw.randint(1, 9)
    expression = f"{times}({first}{letter} {_sign(second)} {abs(second)})"
    return (
        expression,
        _linear(times * first, letter, times * second),
        [_product(times, first), _product(times, abs(second))],
    )


def _bracket_and_term(draw: random.Random, letter: str) -> Worked:
    while True:
        expression, _, lines = _bracket(draw, letter)
        (first, second), more = (
            [int(line.rsplit(" ", 1)[1]) for line in lines],
            draw.choice((-1, 1)) * draw.randint(2, 9),
        )
        if first + more > 1:
            break
    constant = -second if " - " in expression else second
    return (
        f"{expression} {_sign(more)} {abs(more)}{letter}",
        _linear(first + more, letter, constant),
        [*lines, _sum(first, more)],
    )


def _terms_and_numbers(draw: random.Random, letter: str) -> Worked:
    first, second, more, last = (draw.randint(2, 9) for _ in range(4))
    expression = f"{first}{letter} + {second} + {more}{letter} + {last}"
    return expression, _linear(first + more, letter, second + last), [_sum(first, more), _sum(second, last)]


FORMS = {
    1: (_like_fractions, _like_terms(2, highest=19), _powers(2)),
    2: (_fractions, _like_terms(3), _powers(3), _quotient, _bracket, _terms_and_numbers),
    3: (_like_terms(4), _powers(4), _bracket_and_term),
}


def _sign(value: int) -> str:
    return "+" if value > 0 else "-"


def _sum(first: int, second: int) -> str:
    return f"{first} {_sign(second)} {abs(second)} = {first + second}"


def _product(first: int, second: int) -> str:
    return f"{first} * {second} = {first * second}"


def _fraction(above: int, below: int) -> str:
    return rf"\frac{{{above}}}{{{below}}}"


def _linear(factor: int, letter: str, constant: int) -> str:
    return f"{factor}{letter} {_sign(constant)} {abs(constant)}"
