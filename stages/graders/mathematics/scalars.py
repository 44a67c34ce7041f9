"""Whether two trees that are one value each are worth the same."""

import math
from typing import Any

from stages.graders.mathematics.agreement import agree, tolerance_for
from stages.graders.mathematics.points import Undefined, holds, symbols
from stages.graders.mathematics.terms import Node
from stages.graders.reading.compare import Comparison, Rules

PARTED = frozenset(
    ["list", "set", "tuple", "matrix", "word", "union", "intersection", "difference", "reals"]
)  # what has no value
_SMALL, _LARGE = ("symbol", "c"), ("symbol", "C")


def scalars(gold: Node, pred: Node, rules: Rules) -> Comparison:
    """By value; a percent sign, a degree sign or a base that only one of them has may be missing in the
    other."""
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
    readings = [(gold, pred)]
    if _chosen(gold) != gold or _chosen(pred) != pred:
        readings.append((_chosen(gold), _chosen(pred)))
    if rules.percent and (gold[0] == "percent") != (pred[0] == "percent"):
        readings.append((gold[1], pred) if gold[0] == "percent" else (gold, pred[1]))
    letters = symbols(gold) | symbols(pred)
    if "j" in letters and (_complex(gold) != _complex(pred)):
        readings.append(
            (
                _renamed(gold, ("symbol", "j"), ("constant", "i")),
                _renamed(pred, ("symbol", "j"), ("constant", "i")),
            )
        )
    if (
        {"c", "C"} <= letters and not {"c", "C"} <= symbols(gold) and not {"c", "C"} <= symbols(pred)
    ):  # a constant of integration
        readings += (
            [(_renamed(gold, _SMALL, _LARGE), _renamed(pred, _SMALL, _LARGE))]
            if _added(gold) and _added(pred)
            else []
        )
    if (gold[0] == "base") != (pred[0] == "base"):
        readings.append((gold[1], pred) if gold[0] == "base" else (gold, pred[1]))
    return readings


def _chosen(node: Node) -> Node:
    """C(10, 3) as a binomial coefficient."""
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
    """Whether the imaginary unit stands in a tree."""
    return "('constant', 'i')" in repr(node)


def _added(node: Node) -> bool:
    return node[0] == "sum" and (_SMALL in node[1] or _LARGE in node[1])


def _renamed(node: Any, old: Node, new: Node) -> Any:
    if isinstance(node, list):
        return [_renamed(item, old, new) for item in node]
    if not isinstance(node, tuple):
        return node
    return new if node == old else tuple(_renamed(part, old, new) for part in node)


def ratio(gold: Node, pred: Node, rules: Rules) -> Comparison:
    """3 : 4 is 6 : 8."""
    pairs = list(zip(gold[1][1:], pred[1][1:], strict=False))
    equal = len(gold[1]) == len(pred[1]) and all(
        scalars(("product", [gold[1][0], pred_part]), ("product", [pred[1][0], gold_part]), rules)
        for gold_part, pred_part in pairs
    )
    return Comparison(equal, "ratio")
