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

Found = tuple[str, str, list[str]]  # the expression, its simplest form, the lines before that


class Params(ToyParams):
    """See `ToyParams`."""


def load(split: str, params: Params, root: Path, seed: int) -> Iterator[Problem]:
    """Exactly as many different problems as `params` asks for; `root` is not used, nothing is read."""
    return problems("latex_toy", Kind.EXPRESSION, split, params, seed, _make)


def _make(draw: random.Random, level: int) -> Drawn:
    expression, answer, lines = draw.choice(FORMS[level])(draw, draw.choice(LETTERS))
    return Drawn(f"{draw.choice(VERBS)} ${expression}$.", answer, [*lines, answer])


def _like_terms(count: int, highest: int = 9) -> Callable[[random.Random, str], Found]:
    def form(draw: random.Random, letter: str) -> Found:
        while True:
            values = [
                draw.randint(2, highest),
                *(draw.choice((-1, 1)) * draw.randint(2, highest) for _ in range(count - 1)),
            ]
            totals = [sum(values[: place + 1]) for place in range(count)]
            if min(totals) > 1:
                break
        told = f"{values[0]}{letter}" + "".join(
            f" {_sign(value)} {abs(value)}{letter}" for value in values[1:]
        )
        return (
            told,
            f"{totals[-1]}{letter}",
            [_sum(total, value) for total, value in zip(totals, values[1:], strict=False)],
        )

    return form


def _powers(count: int) -> Callable[[random.Random, str], Found]:
    def form(draw: random.Random, letter: str) -> Found:
        values = [draw.randint(2, 9) for _ in range(count)]
        totals = [sum(values[: place + 1]) for place in range(count)]
        told = " ".join(f"{letter}^{{{value}}}" for value in values)
        return (
            told,
            f"{letter}^{{{totals[-1]}}}",
            [_sum(total, value) for total, value in zip(totals, values[1:], strict=False)],
        )

    return form


def _quotient(draw: random.Random, letter: str) -> Found:
    one, other = draw.randint(2, 9), draw.randint(2, 9)
    below = draw.randint(2, one + other - 2)
    told = rf"\frac{{{letter}^{{{one}}} {letter}^{{{other}}}}}{{{letter}^{{{below}}}}}"
    return told, f"{letter}^{{{one + other - below}}}", [_sum(one, other), _sum(one + other, -below)]


def _like_fractions(draw: random.Random, letter: str) -> Found:
    while True:
        below, one, other = draw.randint(3, 19), draw.randint(1, 9), draw.choice((-1, 1)) * draw.randint(1, 9)
        if one + other > 0 and gcd(one + other, below) == 1:
            break
    return (
        f"{_fraction(one, below)} {_sign(other)} {_fraction(abs(other), below)}",
        _fraction(one + other, below),
        [_sum(one, other)],
    )


def _fractions(draw: random.Random, letter: str) -> Found:
    """The denominator of the one is a multiple of the other's."""
    while True:
        below, times, one, other = (
            draw.randint(2, 9),
            draw.randint(2, 5),
            draw.randint(1, 9),
            draw.choice((-1, 1)) * draw.randint(1, 9),
        )
        whole, result = below * times, one * times + other
        if result > 0 and all(
            gcd(*pair) == 1 for pair in ((one, below), (abs(other), whole), (result, whole))
        ):
            break
    told = f"{_fraction(one, below)} {_sign(other)} {_fraction(abs(other), whole)}"
    lines = [f"{whole} / {below} = {times}", _product(one, times), _sum(one * times, other)]
    return told, _fraction(result, whole), lines


def _bracket(draw: random.Random, letter: str) -> Found:
    times, one, other = draw.randint(2, 5), draw.randint(2, 9), draw.choice((-1, 1)) * draw.randint(1, 9)
    told = f"{times}({one}{letter} {_sign(other)} {abs(other)})"
    return (
        told,
        _linear(times * one, letter, times * other),
        [_product(times, one), _product(times, abs(other))],
    )


def _bracket_and_term(draw: random.Random, letter: str) -> Found:
    while True:
        told, _, lines = _bracket(draw, letter)
        (one, other), more = (
            [int(line.rsplit(" ", 1)[1]) for line in lines],
            draw.choice((-1, 1)) * draw.randint(2, 9),
        )
        if one + more > 1:
            break
    constant = -other if " - " in told else other
    return (
        f"{told} {_sign(more)} {abs(more)}{letter}",
        _linear(one + more, letter, constant),
        [*lines, _sum(one, more)],
    )


def _terms_and_numbers(draw: random.Random, letter: str) -> Found:
    one, other, more, last = (draw.randint(2, 9) for _ in range(4))
    told = f"{one}{letter} + {other} + {more}{letter} + {last}"
    return told, _linear(one + more, letter, other + last), [_sum(one, more), _sum(other, last)]


FORMS = {
    1: (_like_fractions, _like_terms(2, highest=19), _powers(2)),
    2: (_fractions, _like_terms(3), _powers(3), _quotient, _bracket, _terms_and_numbers),
    3: (_like_terms(4), _powers(4), _bracket_and_term),
}


def _sign(value: int) -> str:
    return "+" if value > 0 else "-"


def _sum(one: int, other: int) -> str:
    return f"{one} {_sign(other)} {abs(other)} = {one + other}"


def _product(one: int, other: int) -> str:
    return f"{one} * {other} = {one * other}"


def _fraction(above: int, below: int) -> str:
    return rf"\frac{{{above}}}{{{below}}}"


def _linear(factor: int, letter: str, constant: int) -> str:
    return f"{factor}{letter} {_sign(constant)} {abs(constant)}"
