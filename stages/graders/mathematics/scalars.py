"""Whether two trees of one value each have the same value."""

import math
from typing import Any

from stages.graders.mathematics.agreement import agree, tolerance_for
from stages.graders.mathematics.points import Undefined, holds, symbols
from stages.graders.mathematics.terms import Node
from stages.graders.reading.compare import Comparison, Rules

# kinds of trees without a single value
PARTED = frozenset(["list", "set", "tuple", "matrix", "word", "union", "intersection", "difference", "reals"])
_SMALL, _LARGE = ("symbol", "c"), ("symbol", "C")


def scalars(gold: Node, pred: Node, rules: Rules) -> Comparison:
    """Compares the values of two trees.

    A percent sign, a degree sign or a base may be missing on one side.
    """
    decided = False
    for left, right in _readings(gold, pred, rules):
        if left[0] == "base" or right[0] == "base" or not (left[0] in PARTED or right[0] in PARTED):
            tolerance = tolerance_for(left, right, rules.tolerance)
            turns = (1.0, math.pi / 180) if holds(left, "degree") or holds(right, "degree") else (1.0,)
            try:
                verdicts = [agree(left, right, tolerance, turn=turn) for turn in turns]
                if True in verdicts:
                    return Comparison(True, "values at points")
                decided = decided or False in verdicts
            except Undefined:
                continue
    return Comparison(False, "values at points" if decided else "no value")


def _readings(gold: Node, pred: Node, rules: Rules) -> list[tuple[Node, Node]]:
    """The pairs of trees to compare: the two as they are, then with the notations made alike."""
    readings = [(gold, pred)]
    if _chosen(gold) != gold or _chosen(pred) != pred:
        readings.append((_chosen(gold), _chosen(pred)))
    if rules.percent and (gold[0] == "percent") != (pred[0] == "percent"):
        readings.append((gold[1], pred) if gold[0] == "percent" else (gold, pred[1]))
    letters = symbols(gold) | symbols(pred)
    if "j" in letters and (_complex(gold) != _complex(pred)):
        j, i = ("symbol", "j"), ("constant", "i")
        readings.append((_renamed(gold, j, i), _renamed(pred, j, i)))
    # a constant of integration is written c or C
    one_each = not any({"c", "C"} <= symbols(node) for node in (gold, pred))
    if {"c", "C"} <= letters and one_each and _adds_constant(gold) and _adds_constant(pred):
        readings.append((_renamed(gold, _SMALL, _LARGE), _renamed(pred, _SMALL, _LARGE)))
    if (gold[0] == "base") != (pred[0] == "base"):
        readings.append((gold[1], pred) if gold[0] == "base" else (gold, pred[1]))
    return readings


def _chosen(node: Node) -> Node:
    """The binomial coefficient for C(10, 3); any other tree as it is."""
    if (
        node[0] == "product"
        and len(node[1]) == 2
        and node[1][0] == _LARGE
        and node[1][1][0] == "tuple"
        and len(node[1][1][2]) == 2
    ):
        return ("binom", *node[1][1][2])
    return node


def _complex(node: Node) -> bool:
    """Whether a tree has the imaginary unit."""
    return "('constant', 'i')" in repr(node)


def _adds_constant(node: Node) -> bool:
    return node[0] == "sum" and (_SMALL in node[1] or _LARGE in node[1])


def _renamed(node: Any, old: Node, new: Node) -> Any:
    if isinstance(node, list):
        return [_renamed(item, old, new) for item in node]
    if not isinstance(node, tuple):
        return node
    return new if node == old else tuple(_renamed(part, old, new) for part in node)


def ratio(gold: Node, pred: Node, rules: Rules) -> Comparison:
    """Whether two ratios are equal: 3 : 4 is 6 : 8."""
    pairs = list(zip(gold[1][1:], pred[1][1:], strict=False))
    equal = len(gold[1]) == len(pred[1]) and all(
        scalars(("product", [gold[1][0], pred_part]), ("product", [pred[1][0], gold_part]), rules)
        for gold_part, pred_part in pairs
    )
    return Comparison(equal, "ratio")
