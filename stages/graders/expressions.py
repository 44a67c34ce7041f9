"""Whether two mathematical answers are equal: as strings in one plain form, as numbers, then part by part and point by point."""

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, NamedTuple

from stages.graders import numbers
from stages.graders.compare import Comparison, Policies
from stages.graders.extract import Span, last_box
from stages.graders.latex import MAX_LENGTH, Plain, plain
from stages.graders.lexer import TooMuch, Unread
from stages.graders.terms import Node, parse
from stages.graders.values import Undefined, agree, rounded

_SEGMENT = re.compile(r"\$\$?([^$]+)\$\$?|\\\((.+?)\\\)|\\\[(.+?)\\\]", re.DOTALL)
_OPENING = re.compile(r"^(?:[A-Za-z]\s*\\in\b|\((?:[A-Za-z], ?)+[A-Za-z]\)\s*(?:=|\\in\b))\s*")  # x \in, (x, y) =
_PREFACE = re.compile(
    r"^(?:(?:the\s+)?final\s+)?answer\s*(?:is|[:=])?\s*|^(?:equal to|therefore|thus|so|simply|just|approximately|about)\s+", re.IGNORECASE
)
_CLOSING = re.compile(r"\s*(?:I hope it is correct\.?|[.!;]\s+[A-Z].*|\bbecause\b.*)$", re.DOTALL)
_FLIPPED = {"<": ">", ">": "<", "<=": ">=", ">=": "<=", "=": "=", "!=": "!="}
MAX_PARTS = 60


class Reading(NamedTuple):
    """An answer read: `tree` is None where it is not mathematics of our grammar, `number` where it is not one number; `limit`: it was
    not read at all."""

    plain: Plain
    number: numbers.Number | None
    tree: Node | None
    limit: bool = False

    @property
    def known(self) -> bool:
        """Whether it is mathematics that we understand."""
        return self.number is not None or self.tree is not None or self.limit


@lru_cache(maxsize=4096)
def read(text: str) -> Reading:
    """Raises lexer.TooMuch on a text that is too long; one that is too deep, or has too long numbers, is kept as a string with `limit`."""
    form = plain(text)
    try:
        number = numbers.whole(text if not form.unit else form.text)
        return Reading(form, number, parse(_OPENING.sub("", form.text)))
    except Unread:
        return Reading(form, number, None)
    except TooMuch:
        return Reading(form, None, None, limit=True)


def candidates(span: Span) -> Iterator[str]:
    """Pieces of `span` that may be the answer, likeliest first."""
    if span.rule == "boxed":
        yield span.text
        return
    if span.rule == "last" and len(span.text) > MAX_LENGTH:
        return
    text = _PREFACE.sub("", span.text[:MAX_LENGTH].strip())
    line = _CLOSING.sub("", text)
    yield line
    pieces = [next(piece for piece in found.groups() if piece) for found in _SEGMENT.finditer(line)]
    pieces = pieces if span.rule in ("spoken", "marked") else pieces[::-1]
    yield from (piece for piece in pieces if len(piece.strip()) > 1)
    for word in (" is ", "="):
        before, _, after = line.rpartition(word)
        if before:
            yield after
    found = numbers.find(line, last=span.rule in ("last", "text"))
    if found:
        yield found[1]


def final(span: Span) -> tuple[Reading, str] | None:
    """The answer that a span of a response commits to, read and as written; None where there is none."""
    if span.rule == "text":  # a whole solution is no answer; the last number in it may be, or its last line as a string
        found = numbers.find(span.text, last=True)
        text = found[1] if found else span.text.rsplit("\n", 1)[-1]
        return read(text), text
    first: tuple[Reading, str] | None = None
    for text in candidates(span):
        reading = read(text)
        if reading.known:
            return reading, text
        if first is None and reading.plain.text and span.rule != "last":
            first = reading, text
    return first


def gold(text: str) -> Reading | None:
    """A gold answer, bare or boxed, read; None where it is empty, beyond a limit, or its braces do not close."""
    try:
        found = read(last_box(text) or text)
    except TooMuch:
        return None
    unescaped = text.replace("\\{", "").replace("\\}", "")
    return found if found.plain.text and unescaped.count("{") == unescaped.count("}") else None


def equal(gold: Reading, pred: Reading, policies: Policies) -> Comparison:
    """Whether the two are the same answer; a different unit on both sides makes them differ, a missing one does not.

    Raises lexer.TooMuch where `pred` is beyond a limit and not the same string.
    """
    if gold.plain.unit and pred.plain.unit and gold.plain.unit != pred.plain.unit:
        return Comparison(False, "units")
    if _string(gold.plain) == _string(pred.plain) and gold.plain.percent == pred.plain.percent:
        return Comparison(True, "same text")
    if pred.limit:
        raise TooMuch("an answer beyond the limits")
    if gold.number and pred.number:
        return numbers.same(gold.number, pred.number, policies)
    if gold.tree is None or pred.tree is None:
        return Comparison(False, "same text")
    tolerance = policies.relative_tolerance
    same = any(_same(one, other, tolerance) for one in _scaled(gold, pred) for other in _scaled(pred, gold))
    return Comparison(same, "values at points")


def _scaled(this: Reading, other: Reading) -> list[Node]:
    """`this` as it is and, where it alone has a percent sign, as a share of one."""
    assert this.tree is not None
    share: Node = ("product", [this.tree, ("inverse", ("number", 100, False))])
    return [this.tree, share] if this.plain.percent and not other.plain.percent else [this.tree]


def _string(form: Plain) -> str:
    text = re.sub(r"[\s{}]", "", form.text) if "\\" in form.text else form.text.replace(" ", "")
    return text.casefold() if text.isalpha() and len(text) > 1 else text


def _same(gold: Node, pred: Node, tolerance: float) -> bool:
    gold, pred = _spread(gold), _spread(pred)
    if gold[0] == "relation" or pred[0] == "relation":
        return _relations(gold, pred, tolerance)
    if {gold[0], pred[0]} <= {"list", "set"}:
        return _unordered(gold[1], pred[1], tolerance)
    if gold[0] != pred[0] and {gold[0], pred[0]} & set(_PARTS):
        return False
    if gold[0] in _PARTS:
        return _PARTS[gold[0]](gold, pred, tolerance)
    try:
        return agree(gold, pred, tolerance if rounded(gold) or rounded(pred) else 0.0)
    except Undefined:
        return False


def _spread(node: Node) -> Node:
    """A tree with a plus-minus sign as the list of its two values, alone or within a list."""
    if node[0] in ("list", "set"):
        items = [one for item in node[1] for one in (_both(item) or [item])]
        return (node[0], items)
    both = _both(node)
    return ("list", both) if both else node


def _both(node: Node) -> list[Node]:
    if not _has_both(node):
        return []
    return [_choose(node, sign) for sign in (False, True)]


def _has_both(node: Any) -> bool:
    if isinstance(node, list):
        return any(map(_has_both, node))
    return isinstance(node, tuple) and (node[0] == "both" or any(map(_has_both, node[1:])))


def _choose(node: Any, minus: bool) -> Any:
    if isinstance(node, list):
        return [_choose(item, minus) for item in node]
    if not isinstance(node, tuple):
        return node
    if node[0] == "both":
        return ("negative", _choose(node[1], minus)) if minus else _choose(node[1], minus)
    return (node[0], *(_choose(part, minus) for part in node[1:]))


def _ordered(golds: list[Node], preds: list[Node], tolerance: float) -> bool:
    return len(golds) == len(preds) and all(_same(one, other, tolerance) for one, other in zip(golds, preds, strict=True))


def _unordered(golds: list[Node], preds: list[Node], tolerance: float) -> bool:
    if len(golds) != len(preds) or len(golds) > MAX_PARTS:
        return False
    left = list(preds)
    for gold in golds:
        found = next((place for place, pred in enumerate(left) if _same(gold, pred, tolerance)), None)
        if found is None:
            return False
        del left[found]
    return True


def _matrices(gold: Node, pred: Node, tolerance: float) -> bool:
    return len(gold[1]) == len(pred[1]) and all(_ordered(one, other, tolerance) for one, other in zip(gold[1], pred[1], strict=True))


_PARTS: dict[str, Callable[[Node, Node, float], bool]] = {
    "list": lambda gold, pred, tolerance: _unordered(gold[1], pred[1], tolerance),
    "set": lambda gold, pred, tolerance: _unordered(gold[1], pred[1], tolerance),
    "union": lambda gold, pred, tolerance: _unordered(gold[1], pred[1], tolerance),
    "tuple": lambda gold, pred, tolerance: gold[1] == pred[1] and _ordered(gold[2], pred[2], tolerance),
    "matrix": _matrices,
}


def _relations(gold: Node, pred: Node, tolerance: float) -> bool:
    """Chains side by side, either way round; single relations also when one is the other times a constant; a value against `x = value`."""
    if gold[0] != "relation" or pred[0] != "relation":
        relation, value = (gold, pred) if gold[0] == "relation" else (pred, gold)
        if relation[1] == ["="] and relation[2][1][0] == "symbol":
            relation = ("relation", ["="], relation[2][::-1])
        lone = set(relation[1]) == {"="} and (value is gold or relation[2][0][0] == "symbol")
        return lone and _constant_chain(relation, tolerance) and _same(relation[2][-1], value, tolerance)
    if gold[1] == pred[1] and _ordered(gold[2], pred[2], tolerance):
        return True
    flipped = [_FLIPPED[sign] for sign in reversed(pred[1])]
    if gold[1] == flipped and _ordered(gold[2], pred[2][::-1], tolerance):
        return True
    return len(gold[1]) == len(pred[1]) == 1 and _multiples(gold, pred, flipped[0], tolerance)


def _constant_chain(relation: Node, tolerance: float) -> bool:
    """`x = 5`, or sides that really are equal (`2 + 3 = 5`): then the last side is the answer."""
    first, *rest = relation[2]
    return (first[0] == "symbol" and len(rest) == 1) or all(_same(first, side, tolerance) for side in rest)


def _multiples(gold: Node, pred: Node, flipped: str, tolerance: float) -> bool:
    one, other = _difference(gold), _difference(pred)
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
