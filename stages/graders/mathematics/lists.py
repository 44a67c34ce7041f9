"""Lists and sets of answers, and the two values of a plus-minus sign."""

from collections.abc import Callable
from typing import Any

from stages.graders.mathematics.agreement import unordered
from stages.graders.mathematics.points import holds
from stages.graders.mathematics.terms import Node
from stages.graders.reading.compare import Comparison, Rules
from stages.graders.reading.limits import TooMuch

MAX_PARTS = 60  # items of one list or set
Same = Callable[[Node, Node, Rules], Comparison]


def spread(node: Node) -> Node:
    """`node` with a list of two values for a plus-minus sign, which stands alone or in an item of a list."""
    if node[0] in ("list", "set"):
        items = [part for item in node[1] for part in (_both(item) or [item])]
        return (node[0], items)
    both = _both(node)
    return ("list", both) if both else node


def _both(node: Node) -> list[Node]:
    return [_choose(node, sign) for sign in (False, True)] if holds(node, "both") else []


def _choose(node: Any, minus: bool) -> Any:
    if isinstance(node, list):
        return [_choose(item, minus) for item in node]
    if not isinstance(node, tuple):
        return node
    if node[0] == "both":
        return ("negative", _choose(node[1], minus)) if minus else _choose(node[1], minus)
    return (node[0], *(_choose(part, minus) for part in node[1:]))


def bare(gold: Node, pred: Node, rules: Rules, same: Same) -> Comparison:
    """Whether two lists or sets are the same.

    Repeated items count once in a set, and in a list of tuples or lists. Raises TooMuch beyond MAX_PARTS
    items.
    """
    if max(len(gold[1]), len(pred[1])) > MAX_PARTS:
        raise TooMuch(f"more than {MAX_PARTS} parts")
    if not rules.free and gold[0] == pred[0] == "list":
        return ordered(gold[1], pred[1], rules, same)
    distinct = "set" in (gold[0], pred[0]) or all(item[0] in ("tuple", "list") for item in gold[1])
    return Comparison(
        unordered(gold[1], pred[1], lambda left, right: bool(same(left, right, rules)), distinct),
        "parts in any order",
    )


def ordered(golds: list[Node], preds: list[Node], rules: Rules, same: Same) -> Comparison:
    """Whether the items of two lists are the same, in order."""
    equal = len(golds) == len(preds) and all(
        same(left, right, rules) for left, right in zip(golds, preds, strict=True)
    )
    return Comparison(equal, "parts in order")
