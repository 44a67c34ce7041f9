"""Whether two trees are the same answer: lists and sets in any order, tuples and matrices in theirs, relations, sets of numbers, values."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from stages.graders import matrices, names, reals
from stages.graders.agreement import agree, canonical, tolerance_for, unordered
from stages.graders.compare import Comparison, Policies
from stages.graders.lexer import TooMuch
from stages.graders.terms import Node
from stages.graders.values import Undefined, holds

MAX_PARTS = 60
_FLIPPED = {"<": ">", ">": "<", "<=": ">=", ">=": "<=", "=": "=", "!=": "!=", "\\in": ""}
_SETS = frozenset(["union", "intersection", "difference", "reals"])
_PARTED = frozenset(["list", "set", "tuple", "matrix", "word"]) | _SETS


class Rules(NamedTuple):
    """What counts as equal: the relative tolerance for decimals, whether lists ignore order, whether a missing percent sign does not count."""

    tolerance: float
    free: bool
    percent: bool

    @classmethod
    def of(cls, policies: Policies) -> "Rules":
        """The rules that `policies` say."""
        return cls(policies.relative_tolerance, policies.order == "free", policies.percent == "lenient")


def same(gold: Node, pred: Node, rules: Rules) -> Comparison:
    """Raises lexer.TooMuch where a value is beyond a limit."""
    gold, pred = matrices.worked_out(spread(gold)), matrices.worked_out(spread(pred))
    if canonical(gold) == canonical(pred):
        return Comparison(True, "same tree")
    kinds = {gold[0], pred[0]}
    if "relation" in kinds or _named(gold) or _named(pred):
        return _relations(gold, pred, rules)
    if kinds <= {"list", "set"}:
        return _bare(gold, pred, rules)
    if kinds & _SETS or (kinds == {"tuple"} and gold[1] != pred[1]):
        return _real_sets(gold, pred, rules)
    if "tuple" in kinds and "matrix" in kinds:
        gold, pred = matrices.vector(gold), matrices.vector(pred)
    if gold[0] != pred[0] and {gold[0], pred[0]} & _PARTED:
        return Comparison(False, "different shape")
    if gold[0] in _PARTS and gold[0] == pred[0]:
        return _PARTS[gold[0]](gold, pred, rules)
    return _scalars(gold, pred, rules)


def _scalars(gold: Node, pred: Node, rules: Rules) -> Comparison:
    """By value; a percent sign, a degree sign or a base that only one of them has may be missing in the other."""
    for one, other in _readings(gold, pred, rules):
        if one[0] == "base" or other[0] == "base" or not (one[0] in _PARTED or other[0] in _PARTED):
            tolerance = tolerance_for(one, other, rules.tolerance)
            turns = (1.0, math.pi / 180) if holds(one, "degree") or holds(other, "degree") else (1.0,)
            try:
                if any(agree(one, other, tolerance, turn=turn) for turn in turns):
                    return Comparison(True, "values at points")
            except Undefined:
                continue
    return Comparison(False, "values at points")


def _readings(gold: Node, pred: Node, rules: Rules) -> list[tuple[Node, Node]]:
    found = [(gold, pred)]
    if rules.percent and (gold[0] == "percent") != (pred[0] == "percent"):
        found.append((gold[1], pred) if gold[0] == "percent" else (gold, pred[1]))
    if (gold[0] == "base") != (pred[0] == "base"):
        found.append((gold[1], pred) if gold[0] == "base" else (gold, pred[1]))
    return found


def spread(node: Node) -> Node:
    """A tree with a plus-minus sign as the list of its two values, alone or within a list."""
    if node[0] in ("list", "set"):
        items = [one for item in node[1] for one in (_both(item) or [item])]
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


def _named(node: Node) -> bool:
    return node[0] == "list" and any(item[0] in ("relation", "list") for item in node[1])


def _bare(gold: Node, pred: Node, rules: Rules) -> Comparison:
    """Lists and sets. Items that stand twice count once in a set, and in a list of anything but plain values."""
    if max(len(gold[1]), len(pred[1])) > MAX_PARTS:
        raise TooMuch(f"more than {MAX_PARTS} parts")
    if not rules.free and gold[0] == pred[0] == "list":
        return _ordered(gold[1], pred[1], rules)
    distinct = "set" in (gold[0], pred[0]) or all(item[0] in ("tuple", "list") for item in gold[1])
    return Comparison(unordered(gold[1], pred[1], lambda one, other: bool(same(one, other, rules)), distinct), "parts in any order")


def _ordered(golds: list[Node], preds: list[Node], rules: Rules) -> Comparison:
    equal = len(golds) == len(preds) and all(same(one, other, rules) for one, other in zip(golds, preds, strict=True))
    return Comparison(equal, "parts in order")


def _real_sets(gold: Node, pred: Node, rules: Rules) -> Comparison:
    one, other = reals.reals(gold), reals.reals(pred)
    if one is not None and other is not None:
        return Comparison(reals.equal(one, other, rules.tolerance), "sets of numbers")
    if gold[0] == pred[0] == "union":
        return Comparison(unordered(gold[1], pred[1], lambda one, other: bool(same(one, other, rules))), "parts in any order")
    return Comparison(False, "sets of numbers")


def _matrix(gold: Node, pred: Node, rules: Rules) -> Comparison:
    equal = len(gold[1]) == len(pred[1]) and all(_ordered(one, other, rules) for one, other in zip(gold[1], pred[1], strict=True))
    return Comparison(equal, "parts in order")


_PARTS: dict[str, Callable[[Node, Node, Rules], Comparison]] = {
    "tuple": lambda gold, pred, rules: _ordered(gold[2], pred[2], rules) if gold[1] == pred[1] else Comparison(False, "different shape"),
    "matrix": _matrix,
    "ratio": lambda gold, pred, rules: _ratio(gold, pred, rules),
    "word": lambda gold, pred, rules: Comparison(gold[1] == pred[1], "same words"),
}


def _ratio(gold: Node, pred: Node, rules: Rules) -> Comparison:
    """3 : 4 is 6 : 8."""
    pairs = list(zip(gold[1][1:], pred[1][1:], strict=False))
    equal = len(gold[1]) == len(pred[1]) and all(
        _scalars(("product", [gold[1][0], other]), ("product", [pred[1][0], one]), rules) for one, other in pairs
    )
    return Comparison(equal, "ratio")


def _relations(gold: Node, pred: Node, rules: Rules) -> Comparison:
    """Equations and inequalities: side by side, or one a multiple of the other; what they allow against a set; their value against a value."""
    if gold[0] == pred[0] == "relation" and (found := _related(gold, pred, rules)):
        return found
    one, other = _allowed(gold), _allowed(pred)
    if one is not None and other is not None:
        return Comparison(reals.equal(one, other, rules.tolerance), "sets of numbers")
    if gold[0] == pred[0] == "list" and _every(gold) == _every(pred):
        free = rules.free or _every(gold)
        found = _bare(gold, pred, rules._replace(free=free)) if _every(gold) or not _every(pred) else Comparison(False, "")
        if found:
            return found
    return _values(gold, pred, rules)


def _every(node: Node) -> bool:
    return all(item[0] == "relation" for item in node[1])


def _allowed(node: Node) -> "reals.Reals | None":
    if node[0] == "relation" and node[1] == ["\\in"]:
        return reals.reals(node[2][1])
    items = node[1] if node[0] == "list" else [node]
    if items and all(item[0] == "relation" for item in items):
        return reals.solutions(items)
    return reals.reals(node) if node[0] != "set" else None


def _values(gold: Node, pred: Node, rules: Rules) -> Comparison:
    """Without the names. Where both have names those must be the same; different names of one side keep the order of their values."""
    (golds, one), (preds, other) = names.split(gold), names.split(pred)
    if not golds and gold[0] == "relation":
        one = _chain(gold, rules, gold=True)
    if not preds and pred[0] == "relation":
        other = _chain(pred, rules, gold=False)
    if (golds and preds and not _same_names(golds, preds, rules)) or (not (golds or preds) and one is gold and other is pred):
        return Comparison(False, "relations")
    if one[0] == "relation" or other[0] == "relation":
        return Comparison(False, "relations")
    told_apart = names.differ(golds or preds) and len(golds or preds) > 1
    if told_apart:
        one, other = _as_tuple(one), _as_tuple(other)
    elif {one[0], other[0]} <= {"list", "tuple"} and len(golds or preds) == 1:
        one, other = _unwrapped(one), _unwrapped(other)
    if _named(one) or _named(other):
        return Comparison(False, "relations")
    return same(one, other, rules)


def _same_names(golds: list[Node], preds: list[Node], rules: Rules) -> bool:
    return len(golds) == len(preds) and all(canonical(one) == canonical(other) for one, other in zip(golds, preds, strict=True))


def _as_tuple(node: Node) -> Node:
    return ("tuple", "()", node[1]) if node[0] == "list" else node


def _unwrapped(node: Node) -> Node:
    return node[1][0] if node[0] == "list" and len(node[1]) == 1 else node


def _chain(relation: Node, rules: Rules, gold: bool) -> Node:
    """The last side of a chain whose sides really are equal (2 + 3 = 5), the value at the end of x = 1/2 = 0.5; else the relation itself."""
    if set(relation[1]) != {"="}:
        return relation
    first, *rest = relation[2]
    if names.is_name(first) and len(rest) > 1 and all(same(rest[0], side, rules) for side in rest):
        return rest[-1]
    return rest[-1] if all(first[0] != "symbol" and same(first, side, rules) for side in rest) else relation


def _related(gold: Node, pred: Node, rules: Rules) -> Comparison | None:
    if gold[1] == pred[1] and _ordered(gold[2], pred[2], rules):
        return Comparison(True, "relations")
    flipped = [_FLIPPED[sign] for sign in reversed(pred[1])]
    if gold[1] == flipped and _ordered(gold[2], pred[2][::-1], rules):
        return Comparison(True, "relations")
    if len(gold[1]) == len(pred[1]) == 1 and "\\in" not in (*gold[1], *pred[1]) and _multiples(gold, pred, flipped[0], rules.tolerance):
        return Comparison(True, "one a multiple of the other")
    return None


def _multiples(gold: Node, pred: Node, flipped: str, tolerance: float) -> bool:
    one, other = _difference(gold), _difference(pred)
    tolerance = tolerance_for(one, other, tolerance)
    try:
        ratio = "any" if gold[1][0] in ("=", "!=") else "positive"
        if gold[1] == pred[1] and agree(one, other, tolerance, ratio):
            return True
        return gold[1][0] == flipped and agree(one, ("negative", other), tolerance, ratio)
    except Undefined:
        return False


def _difference(relation: Node) -> Node:
    left, right = relation[2]
    return ("sum", [left, ("negative", right)])
