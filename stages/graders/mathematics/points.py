"""Points at which the letters of a tree (terms.py) have values, and questions about the nodes of a tree."""

import math
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

MAX_STEPS = 60_000  # nodes that are visited for one value
Value = Fraction | complex


class Undefined(ValueError):
    """The tree has no single number as its value."""


class Point(dict[str, Value]):
    """A value for each letter of a tree."""

    steps = MAX_STEPS  # nodes that may still be visited
    turn = math.pi / 180  # the value of the degree sign


def bits(value: Fraction) -> int:
    """The number of bits of the larger of numerator and denominator."""
    return max(value.numerator.bit_length(), value.denominator.bit_length())


def symbols(node: Any) -> set[str]:
    """The letters of a tree, without those that a sum or integral runs over."""
    if isinstance(node, list):
        return set().union(*map(symbols, node)) if node else set()
    if not isinstance(node, tuple):
        return set()
    if node[0] == "big":
        return symbols(list(node[3:])) - symbols(node[2])
    return {node[1]} if node[0] == "symbol" else set().union(*map(symbols, node[1:]))


def holds(node: Any, *kinds: str) -> bool:
    """Whether a tree has a node of one of `kinds`."""
    if isinstance(node, list):
        return any(holds(item, *kinds) for item in node)
    return isinstance(node, tuple) and (
        (bool(node) and node[0] in kinds) or any(holds(item, *kinds) for item in node[1:])
    )


def rounded(node: Any) -> bool:
    """Whether a tree has a number with decimals."""
    if isinstance(node, list):
        return any(map(rounded, node))
    return isinstance(node, tuple) and (
        node[2] is not None if node[0] == "number" else any(map(rounded, node[1:]))
    )


def points(names: set[str]) -> Iterator[Point]:
    """Points with a value for each of `names`.

    First come four points with positive values, where roots and logarithms are defined. Then follow points
    with one negative letter, so that |x| differs from x. Last come points with small values, where an
    inverse sine is defined.
    """
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
    """Points with small whole numbers for `names`, for sums whose upper limit is a letter."""
    for point in range(4):
        yield Point(
            {
                name: Fraction(3 + 2 * place + point + place * point)
                for place, name in enumerate(sorted(names))
            }
        )


def _value(place: int, point: int) -> Fraction:
    return Fraction(7 + 4 * place + 3 * point + place * point, 5 + 2 * point + place % 3)
