"""Whether two trees are the same answer: the comparison for each kind of tree."""

from collections.abc import Callable

from stages.graders.mathematics import matrices, reals, relations
from stages.graders.mathematics.agreement import canonical, unordered
from stages.graders.mathematics.lists import bare, ordered, spread
from stages.graders.mathematics.scalars import PARTED, ratio, scalars
from stages.graders.mathematics.terms import Node
from stages.graders.reading.compare import Comparison, Rules

_SETS = frozenset(["union", "intersection", "difference", "reals"])


def same(gold: Node, pred: Node, rules: Rules) -> Comparison:
    """Whether two trees are the same answer. Raises TooMuch where a value is beyond a limit."""
    gold, pred = matrices.worked_out(spread(gold)), matrices.worked_out(spread(pred))
    if canonical(gold) == canonical(pred):
        return Comparison(True, "same tree")
    kinds = {gold[0], pred[0]}
    if "relation" in kinds or relations.named(gold) or relations.named(pred):
        return relations.compare(gold, pred, rules, same)
    if kinds <= {"list", "set"}:
        return bare(gold, pred, rules, same)
    if kinds & _SETS or (kinds == {"tuple"} and gold[1] != pred[1]):
        return _real_sets(gold, pred, rules)
    if kinds == {"tuple", "product"}:
        gold, pred = _unnamed(gold), _unnamed(pred)
        kinds = {gold[0], pred[0]}
    if (
        "set" in kinds
        and len(kinds) == 2
        and not kinds & (_SETS | {"matrix"})
        and (items := _single(gold, pred))
    ):
        return same(*items, rules)
    if kinds == {"list", "tuple"} and all(
        len(node[-1]) > 2 and node[1] == "[]" for node in (gold, pred) if node[0] == "tuple"
    ):
        return bare(("list", gold[-1]), ("list", pred[-1]), rules, same)
    if "tuple" in kinds and "matrix" in kinds:
        gold, pred = matrices.vector(gold), matrices.vector(pred)
    if gold[0] != pred[0] and {gold[0], pred[0]} & PARTED:
        return Comparison(False, "different shape")
    if gold[0] in _PARTS and gold[0] == pred[0]:
        return _PARTS[gold[0]](gold, pred, rules)
    return scalars(gold, pred, rules)


def _unnamed(node: Node) -> Node:
    """A point without its name: (1, 2) for A(1, 2); any other tree as it is."""
    if (
        node[0] == "product"
        and len(node[1]) == 2
        and node[1][0][0] == "symbol"
        and node[1][0][1].isupper()
        and node[1][1][0] == "tuple"
    ):
        return node[1][1]  # type: ignore[no-any-return]
    return node


def _single(gold: Node, pred: Node) -> tuple[Node, Node] | None:
    """Both trees, with the item for a set of one item; None where a larger set remains."""
    left, right = (node[1][0] if node[0] == "set" and len(node[1]) == 1 else node for node in (gold, pred))
    return None if left[0] == "set" or right[0] == "set" else (left, right)


def _real_sets(gold: Node, pred: Node, rules: Rules) -> Comparison:
    left, right = reals.reals(gold), reals.reals(pred)
    if left is not None and right is not None:
        return Comparison(reals.equal(left, right, rules.tolerance), "sets of numbers")
    if gold[0] == pred[0] == "union":
        return Comparison(
            unordered(gold[1], pred[1], lambda left, right: bool(same(left, right, rules))),
            "parts in any order",
        )
    return Comparison(False, "sets of numbers")


def _matrix(gold: Node, pred: Node, rules: Rules) -> Comparison:
    equal = len(gold[1]) == len(pred[1]) and all(
        ordered(gold_row, pred_row, rules, same) for gold_row, pred_row in zip(gold[1], pred[1], strict=True)
    )
    return Comparison(equal, "parts in order")


_PARTS: dict[str, Callable[[Node, Node, Rules], Comparison]] = {
    "tuple": lambda gold, pred, rules: (
        ordered(gold[2], pred[2], rules, same) if gold[1] == pred[1] else Comparison(False, "different shape")
    ),
    "matrix": _matrix,
    "ratio": lambda gold, pred, rules: ratio(gold, pred, rules),
    "word": lambda gold, pred, rules: Comparison(gold[1] == pred[1], "same words"),
}
