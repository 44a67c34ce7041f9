"""Splits the name off a named answer: `x = 5`, `AB = 4, CD = 5`, `(p, q) = (3, 2)`, `f(x) = 1`, `x \\in [0,
1)`."""

from fractions import Fraction
from itertools import pairwise

from stages.graders.mathematics.terms import Node

_CALLED = [[name, of] for of in "xtn" for name in "yrsuwzx" if name != of]  # y(x), x(t)
_FUNCTION_LETTERS = frozenset("fghFGHPpTSVuvdmEX")


def is_name(node: Node) -> bool:
    """Whether a tree may be the name of a value.

    Names are a letter, a word, AB, f(x), |AB|, NO/BO, A:B, (x, y), sin A and A^{-1}; a sum is none.
    """
    kind = node[0]
    if kind in ("symbol", "word"):
        return True
    if kind == "power":  # the inverse of a matrix or a function
        return bool(node[1][0] == "symbol" and node[2] == ("negative", ("number", Fraction(1), None)))
    if kind == "constant":
        return bool(node[1] in ("e", "i"))
    if kind == "product":
        return _is_named_product(node[1])
    if kind in ("frac", "call"):
        return all(is_name(part) for part in node[1:] if isinstance(part, tuple))
    if kind == "ratio":
        return all(is_name(part) and part[0] != "word" for part in node[1])
    return kind == "tuple" and all(map(is_name, node[2]))


def _is_named_product(factors: list[Node]) -> bool:
    """Whether a product is a name: capital letters (AB), or a function of a letter or number (f(x), y(t))."""
    if [factor[1] for factor in factors] in _CALLED:
        return True
    letters = [factor[1][0] for factor in factors if factor[0] in ("symbol", "constant")]
    if len(letters) == len(factors) and all(letter.isupper() or letter == "d" for letter in letters):
        return True
    if len(factors) != 2:
        return False
    function, argument = factors
    is_function = function[0] == "symbol" and function[1][0] in _FUNCTION_LETTERS
    return is_function and argument[0] in ("symbol", "number", "tuple", "negative")


def split(node: Node) -> tuple[list[Node], Node]:
    """The names in a tree, and the tree without the names; no names where the tree is not of such a form.

    `x = 5` -> x, 5; `x = 2, 3` -> x, [2, 3]; `a = 4, b = 5` -> a b, [4, 5]; `p = 5, q = 2, p = 7, q = 2` ->
    (p, q), [(5, 2), (7, 2)].
    """
    if node[0] == "relation":
        return _of_relation(node)
    if node[0] != "list":
        return [], node
    parts = [split(item) if item[0] in ("relation", "list") else ([], item) for item in node[1]]
    if not parts or not parts[0][0]:
        return [], node
    if all(len(names) == 1 for names, _ in parts):
        return _grouped([names[0] for names, _ in parts], [value for _, value in parts])
    if all(names and names == parts[0][0] for names, _ in parts):  # p = 5, q = 2; p = 7, q = 2
        return [("tuple", "()", parts[0][0])], ("list", [("tuple", "()", value[1]) for _, value in parts])
    if len(parts[0][0]) == 1 and not any(names for names, _ in parts[1:]):
        return parts[0][0], ("list", [value for _, value in parts])
    return [], node


def _of_relation(relation: Node) -> tuple[list[Node], Node]:
    """`split` of one relation."""
    signs, sides = relation[1], relation[2]
    if signs[0] == "\\in" and len(signs) == 1:
        return [sides[0]], sides[1]
    if set(signs) != {"="} or len(sides) != 2:
        return [], relation
    if is_name(sides[0]) and (sides[0][0] != "symbol" or sides[1][0] != "symbol"):
        return [sides[0]], sides[1]
    if is_name(sides[1]) and sides[0][0] not in ("symbol", "sum", "product", "power"):
        return [sides[1]], sides[0]
    return [], relation


def _grouped(names: list[Node], values: list[Node]) -> tuple[list[Node], Node]:
    """`split` of a list; names that repeat in turn (p, q, p, q) make tuples of their values."""
    size = next((at for at in range(1, len(names)) if names[at] == names[0]), len(names))
    rounds = [names[at : at + size] for at in range(0, len(names), size)]
    if size > 1 and len(rounds) > 1 and all(earlier == later for earlier, later in pairwise(rounds)):
        tuples: list[Node] = [("tuple", "()", values[at : at + size]) for at in range(0, len(values), size)]
        return [("tuple", "()", rounds[0])], ("list", tuples)
    if size == 1 and len(set(map(repr, names))) == 1:
        return names[:1], ("list", values)
    return names, ("list", values)


def differ(names: list[Node]) -> bool:
    """Whether the names are different quantities: `AB, CD` are, `x_1, x_2` are not."""
    return len({str(name[1])[:1] if name[0] == "symbol" else repr(name) for name in names}) > 1
