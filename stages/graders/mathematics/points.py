"""What may stand in a tree of terms.py, and points at which its letters have values."""

import math
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

MAX_STEPS = 60_000  # terms and factors that one value may cost
Value = Fraction | complex


class Undefined(ValueError):
    """The tree has no single number as its value."""


class Point(dict[str, Value]):
    """A value for each letter, and the steps that are left."""

    steps = MAX_STEPS
    turn = math.pi / 180  # what one degree is worth


def symbols(node: Any) -> set[str]:
    """The letters of a tree."""
    if isinstance(node, list):
        return set().union(*map(symbols, node)) if node else set()
    if not isinstance(node, tuple):
        return set()
    if node[0] == "big":
        return symbols(list(node[3:])) - symbols(node[2])
    return {node[1]} if node[0] == "symbol" else set().union(*map(symbols, node[1:]))


def holds(node: Any, *kinds: str) -> bool:
    """Whether a node of one of `kinds` stands in a tree."""
    if isinstance(node, list):
        return any(holds(item, *kinds) for item in node)
    return isinstance(node, tuple) and (
        (bool(node) and node[0] in kinds) or any(holds(item, *kinds) for item in node[1:])
    )


def rounded(node: Any) -> bool:
    """Whether a number with decimals stands in a tree."""
    if isinstance(node, list):
        return any(map(rounded, node))
    return isinstance(node, tuple) and (
        node[2] is not None if node[0] == "number" else any(map(rounded, node[1:]))
    )


def points(names: set[str]) -> Iterator[Point]:
    """Values for each letter: first positive ones (roots and logarithms are defined there), then with one
    letter negative (so that |x| is not x), then small ones (where an inverse sine is defined)."""
    order = sorted(names)
    positive = [Point({name: _value(place, point) for place, name in enumerate(order)}) for point in range(4)]
    yield from positive
    for turn in range(min(len(order), 3)):
        yield Point(
            {name: -value if name == order[turn] else value for name, value in positive[turn].items()}
        )
    for point in positive[:3] if order else ():
        yield Point({name: value / 7 for name, value in point.items()})


def whole_points(names: set[str]) -> Iterator[Point]:
    """Small whole numbers for the letters, for sums that go up to one of them."""
    for point in range(4):
        yield Point(
            {
                name: Fraction(3 + 2 * place + point + place * point)
                for place, name in enumerate(sorted(names))
            }
        )


def _value(place: int, point: int) -> Fraction:
    return Fraction(7 + 4 * place + 3 * point + place * point, 5 + 2 * point + place % 3)
