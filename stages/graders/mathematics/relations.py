"""Compares equations and inequalities with each other, with sets of numbers and with bare values."""

from fractions import Fraction
from typing import Any

from stages.graders.mathematics import names, reals
from stages.graders.mathematics.agreement import agree, canonical, tolerance_for
from stages.graders.mathematics.lists import Same, bare, ordered
from stages.graders.mathematics.points import Undefined, symbols
from stages.graders.mathematics.terms import Node
from stages.graders.reading.compare import Comparison, Rules

_FLIPPED = {"<": ">", ">": "<", "<=": ">=", ">=": "<=", "=": "=", "!=": "!=", "\\in": ""}


def named(node: Node) -> bool:
    """Whether a tree is a list with relations or lists among its items."""
    return node[0] == "list" and any(item[0] in ("relation", "list") for item in node[1])


def compare(gold: Node, pred: Node, rules: Rules, same: Same) -> Comparison:
    """Compares two trees of which at least one is a relation or a list of relations.

    First side by side or as multiples of one another, then by their solutions, then by their values.
    """
    if gold[0] == pred[0] == "relation" and (comparison := _related(gold, pred, rules, same)):
        return comparison
    gold_set, pred_set = _solutions(gold), _solutions(pred)
    same_letters = not symbols(gold) or not symbols(pred) or symbols(gold) == symbols(pred)
    if gold_set is not None and pred_set is not None and same_letters:
        return Comparison(reals.equal(gold_set, pred_set, rules.tolerance), "sets of numbers")
    if gold[0] == pred[0] == "list" and _has_only_relations(gold) == _has_only_relations(pred):
        free = rules.free or _has_only_relations(gold)
        if comparison := bare(gold, pred, rules._replace(free=free), same):
            return comparison
    return _values(gold, pred, rules, same)


def _has_only_relations(node: Node) -> bool:
    return all(item[0] == "relation" for item in node[1])


def _solutions(node: Node) -> reals.Reals | None:
    if node[0] == "relation" and node[1] == ["\\in"]:
        return reals.reals(node[2][1])
    items = node[1] if node[0] == "list" else [node]
    if items and all(item[0] == "relation" for item in items):
        return reals.solutions(items)
    return reals.reals(node) if node[0] != "set" else None


def _values(gold: Node, pred: Node, rules: Rules, same: Same) -> Comparison:
    """Compares the values without the names.

    Where both sides have names, the names must be the same. Different names on one side fix the order of the
    values.
    """
    (golds, gold_value), (preds, pred_value) = names.split(gold), names.split(pred)
    if not golds and gold[0] == "relation":
        gold_value = _chain(gold, rules, same)
    if not preds and pred[0] == "relation":
        pred_value = _chain(pred, rules, same)
    if (golds and preds and not _same_names(golds, preds)) or (
        not (golds or preds) and gold_value is gold and pred_value is pred
    ):
        return Comparison(False, "relations")
    if gold_value[0] == "relation" or pred_value[0] == "relation":
        return Comparison(False, "relations")
    several = max(golds, preds, key=len)
    told_apart = names.differ(several) and len(several) > 1
    if told_apart:
        gold_value, pred_value = _as_tuple(gold_value), _as_tuple(pred_value)
    elif {gold_value[0], pred_value[0]} <= {"list", "tuple"} and len(golds or preds) == 1:
        gold_value, pred_value = _unwrapped(gold_value), _unwrapped(pred_value)
    if named(gold_value) or named(pred_value):
        return Comparison(False, "relations")
    return same(gold_value, pred_value, rules)


def _same_names(golds: list[Node], preds: list[Node]) -> bool:
    if len(golds) != len(preds):
        golds, preds = (
            [part for name in some for part in (name[2] if name[0] == "tuple" else [name])]
            for some in (golds, preds)
        )
    return len(golds) == len(preds) and all(
        canonical(gold_name) == canonical(pred_name) or _same_argument(gold_name, pred_name)
        for gold_name, pred_name in zip(golds, preds, strict=True)
    )


def _same_argument(gold: Node, pred: Node) -> bool:
    """Whether two names are functions of the same letter: f(x) and g(x)."""
    factors = [name[1] for name in (gold, pred) if name[0] == "product" and len(name[1]) == 2]
    if len(factors) < 2:
        return False
    (left, left_letter), (right, right_letter) = factors
    functions = all(part[0] == "symbol" and part[1] in "fghFGH" for part in (left, right))
    return functions and left_letter == right_letter and left_letter[0] == "symbol"


def _as_tuple(node: Node) -> Node:
    return ("tuple", "()", node[1]) if node[0] == "list" else node


def _unwrapped(node: Node) -> Node:
    only: Node = node[1][0] if node[0] == "list" and len(node[1]) == 1 else node
    return only


def _chain(relation: Node, rules: Rules, same: Same) -> Node:
    """The last side of a chain of equal sides (2 + 3 = 5, x = 1/2 = 0.5); else the relation itself."""
    if set(relation[1]) != {"="}:
        return relation
    sides: list[Node] = relation[2]
    first, *rest = sides
    values = [side for side in rest if not symbols(side)] or rest  # n = m / M = 2.5
    if len(rest) > 1 and values[-1] is rest[-1] and all(same(values[0], side, rules) for side in values):
        return rest[-1]
    return rest[-1] if all(first[0] != "symbol" and same(first, side, rules) for side in rest) else relation


def _related(gold: Node, pred: Node, rules: Rules, same: Same) -> Comparison | None:
    if gold[1] == pred[1] and ordered(gold[2], pred[2], rules, same):
        return Comparison(True, "relations")
    flipped = [_FLIPPED[sign] for sign in reversed(pred[1])]
    if gold[1] == flipped and ordered(gold[2], pred[2][::-1], rules, same):
        return Comparison(True, "relations")
    if (
        len(gold[1]) == len(pred[1]) == 1
        and "\\in" not in (*gold[1], *pred[1])
        and _multiples(gold, pred, flipped[0], rules.tolerance)
    ):
        return Comparison(True, "one a multiple of the other")
    if gold[1] == pred[1] == ["="] and any(
        _solves(solved, equation, rules) for solved, equation in ((gold, pred), (pred, gold))
    ):
        return Comparison(True, "one solved for a letter")
    return None


def _solves(solved: Node, equation: Node, rules: Rules) -> bool:
    """Whether `solved` is `equation` solved for a letter, as P = nRT / V is PV = nRT solved for P.

    The value of the letter must satisfy `equation`, and `equation` must be linear in the letter, so that
    there is no other solution.
    """
    letter, value = solved[2]
    if (
        letter[0] != "symbol"
        or letter[1] in symbols(value)
        or letter[1] not in symbols(equation)
        or len(symbols(equation)) < 3
    ):
        return False
    left, right = (_put(side, letter, value) for side in equation[2])
    at_0, at_1, at_2 = (
        _put(_difference(equation), letter, ("number", number, None))
        for number in (Fraction(0), Fraction(1), Fraction(2))
    )
    linear = agree(("sum", [at_0, at_2]), ("product", [("number", Fraction(2), None), at_1]), 0.0)
    return (
        bool(agree(left, right, tolerance_for(left, right, rules.tolerance)))
        and bool(linear)
        and not agree(at_0, at_1, 0.0)
    )


def _put(node: Any, letter: Node, value: Node) -> Any:
    if isinstance(node, list):
        return [_put(item, letter, value) for item in node]
    if not isinstance(node, tuple):
        return node
    return value if node == letter else tuple(_put(part, letter, value) for part in node)


def _multiples(gold: Node, pred: Node, flipped: str, tolerance: float) -> bool:
    gold_difference, pred_difference = _difference(gold), _difference(pred)
    tolerance = tolerance_for(gold_difference, pred_difference, tolerance)
    try:
        ratio = "any" if gold[1][0] in ("=", "!=") else "positive"
        if gold[1] == pred[1] and agree(gold_difference, pred_difference, tolerance, ratio):
            return True
        return gold[1][0] == flipped and bool(
            agree(gold_difference, ("negative", pred_difference), tolerance, ratio)
        )
    except Undefined:
        return False


def _difference(relation: Node) -> Node:
    left, right = relation[2]
    return ("sum", [left, ("negative", right)])
