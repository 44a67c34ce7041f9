"""Whether two mathematical answers are equal: as strings in one plain form, as numbers, then part by part and
point by point.

Cheap paths come first and settle nearly everything: the same text; times, dates and numbers in a base; plain
numbers (numbers.py); then our own tree (latex.py, lexer.py, terms.py, brackets.py) compared by parts.py;
SymPy in a child process (symbolic.py) only where both sides are mathematics beyond our grammar.
"""

import re
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

from stages.graders.mathematics import names
from stages.graders.mathematics.brackets import parse
from stages.graders.mathematics.latex import MAX_LENGTH, Plain, plain
from stages.graders.mathematics.parts import same
from stages.graders.mathematics.pieces import candidates, said
from stages.graders.mathematics.points import Undefined, holds
from stages.graders.mathematics.terms import Node
from stages.graders.quantities import literals, numbers, numerals
from stages.graders.quantities.units import fit
from stages.graders.reading.boxes import last_box
from stages.graders.reading.characters import plain_characters
from stages.graders.reading.compare import Comparison, Policies, Rules
from stages.graders.reading.limits import TooMuch, Unread
from stages.graders.reading.span import Span
from stages.graders.sandbox import symbolic

_OPENING = re.compile(r"^(?:[A-Za-z]\s*\\in\b|\((?:[A-Za-z], ?)+[A-Za-z]\)\s*\\in\b)\s*")  # x \in
_MODULUS = re.compile(
    r"\s*\(?\\pmod\s*\{?\s*(\d{1,9})\s*\}?\)?\s*$|\s*\(\s*(?:\\b?mod|mod)\s+(\d{1,9})\s*\)\s*$"
)
_BUILDER = re.compile(r"^\\\{\s*([a-zA-Z])\s*(?:\\in\s*\\mathbb\s*\{?R\}?\s*)?(?:\||:)\s*(.*)\\\}$")
_EXCEPT = re.compile(
    r"(?i)\"?all real (?:numbers|values)(?: of \w)? (?:except|other than|but"
    r"|besides)(?: for)?\"?\s*(?:[a-z]\s*=\s*)?([-\d\s,./\\{}a-z]+)$"
)
_POSITIVE = re.compile(
    r"\\mathbb\s*\{?\s*R\s*\}?\s*(?:\^\s*\{?\s*\+\s*\}?|_\s*\{?\s*>\s*0\s*\}?|_\s*\{?\s*\+\s*\}?)"
)
_WHOLE = re.compile(
    r"\s*[,;(]\s*(?:\"?(?:where|for|with)\"?\s*)?[nkm]\s*\\in\s*\\mathbb\s*\{?\s*Z\s*\}?\s*\)?$"
)
_FRENCH = re.compile(r"([\[\]])([^\[\]()]*[,;][^\[\]()]*)([\[\]])")
_WRAPPED = re.compile(r"\\(?:text|mathrm)\s*\{([^{}]*)\}")
_TO = re.compile(r"^(\d+(?:\.\d+)?) to (\d+(?:\.\d+)?)$")  # a ratio
_IN = re.compile(r"^(\d{1,9}) (?:in|out of) (\d{1,9})$")  # `1 in 4`
_POINT = re.compile(r"(?<![\d,.])(0)(?:\{,\}|,)(\d{3,})(?![\d,])")  # 5/8 = 0,625
_FORMULA = re.compile(
    r"(?=.*\d)(?:[A-Z][a-z]?\d{0,3}|\((?:[A-Z][a-z]?\d{0,3}){1,9}\)\d{0,3}){2,20}"
)  # of a chemical compound
_COMMA = re.compile(r"-?\d+,\d+")
_MATHEMATICAL = re.compile(
    r"\\(?:int|sum|prod|lim|log|frac|sqrt|binom|sin|cos|tan|ln|infty)\b|[\d)}\]]\s*[-+*/^=]|\^"
)
_PROSE = re.compile(r"[A-Za-z]{4,}")
_SPACE = re.compile(r"(?<!\d)\s+|\s+(?!\d)")  # `12 3` is not `1 23`
_NOISE = re.compile(r"[^\w.%+*/^=<>-]|\b(?:a|an|the)\b")


class Reading(NamedTuple):
    """An answer read: `tree` is None where it is not mathematics of our grammar, `number` where it is not one
    number; `limit`: it was not read at all; `literal`: it is a time, a date or a number in a base. `text` is
    the answer as written, `modulus` that of a congruence; `whole` is all of the span that it stands in."""

    text: str
    plain: Plain
    number: numbers.Number | None = None
    tree: Node | None = None
    modulus: int = 0
    limit: bool = False
    literal: bool = False
    whole: str = ""

    @property
    def known(self) -> bool:
        """Whether it is mathematics that we understand."""
        if self.number is not None or self.limit or self.literal:
            return True
        return self.tree is not None and not holds(names.split(self.tree)[1], "word")


@lru_cache(maxsize=4096)
def read(text: str) -> Reading:
    """Raises limits.TooMuch on a text that is too long; one that is too deep, or has too long numbers, is
    kept as a string with `limit`."""
    form = plain(text)
    literal = any(
        one(text) or one(form.text)
        for one in (literals.moment, literals.day, literals.based, literals.weekday)
    )
    try:
        number = numbers.whole(numerals.mixed(numerals.written(_MODULUS.sub("", form.text).strip('"'))))
        if (
            number is None and (number := numbers.whole(_WRAPPED.sub(r" \1 ", text))) and number.unit
        ):  # 1 hour 30 minutes
            return Reading(text, form._replace(unit=number.unit), number, literal=literal)
        return Reading(text, form, number, *_tree(form.text), literal=literal)
    except Unread:
        return Reading(text, form, number, literal=literal)
    except TooMuch:
        return Reading(text, form, limit=True)


def _tree(text: str) -> tuple[Node, int]:
    """The tree of a plain text, and the modulus behind it."""
    words = text.strip('" ').lower()
    if words in literals.EMPTY:
        return ("set", []), 0
    if words in literals.REALS:
        return ("reals",), 0
    if words in literals.MISSING:
        return ("word", "dne"), 0
    if found := _EXCEPT.match(text):
        text = "\\mathbb{R} \\setminus \\{" + found.group(1) + "\\}"
    text = _POSITIVE.sub(r"(0,\\infty)", _WHOLE.sub("", text))
    if text.startswith("]") or text.endswith("["):
        text = _FRENCH.sub(_plain_brackets, text)
    modulus = _MODULUS.search(text)
    if modulus:
        text = text[: modulus.start()]
    builder = _BUILDER.match(text)
    text = _OPENING.sub("", builder.group(2) if builder else text)
    text = _IN.sub(r"\1/\2", _TO.sub(r"\1:\2", text))
    text = _POINT.sub(r"\1.\2", text) if "=" in text else text
    if ";" in text:
        text = re.sub(r"(?<=\d),(?=\d)", ".", text)  # (1,5; 2): the comma is a decimal one
    return parse(text), int(modulus.group(1) or modulus.group(2)) if modulus else 0


def _plain_brackets(found: "re.Match[str]") -> str:
    """]1, 2[ is (1, 2)."""
    opener, inside, closer = found.groups()
    return f"{'(' if opener == ']' else '['}{inside}{')' if closer == '[' else ']'}"


def final(span: Span) -> tuple[Reading, str] | None:
    """The answer that a span of a response commits to, read and as written; None where there is none."""
    if (
        span.rule == "text"
    ):  # a whole solution is no answer; the last number in it may be, or its last line as a string
        found = numbers.find(span.text, last=True)
        text = found[1] if found else said(span.text.rsplit("\n", 1)[-1])
        return read(text), text
    first: tuple[Reading, str] | None = None
    whole = span.text if len(span.text) <= MAX_LENGTH else ""
    for text in candidates(span):
        reading = read(text)
        if reading.known or (span.rule == "last" and text.startswith(("\\text", "\\mathrm"))):
            return reading._replace(whole=whole), text
        if first is None and reading.plain.text and span.rule != "last":
            first = reading._replace(whole=whole), text
    return first


def gold(text: str) -> Reading | None:
    """A gold answer, bare or boxed, read; None where it is empty, beyond a limit, or its braces do not
    close."""
    try:
        found = read(last_box(text) or text)
    except TooMuch:
        return None
    unescaped = text.replace("\\{", "").replace("\\}", "")
    return found if found.plain.text and unescaped.count("{") == unescaped.count("}") else None


def equal(gold: Reading, pred: Reading, policies: Policies) -> Comparison:
    """Whether the two are the same answer; a different unit on both sides makes them differ, a missing one
    does not.

    Raises limits.TooMuch where an answer is beyond a limit and not the same string.
    """
    if (written := _squeezed(gold.text)) and written in (_squeezed(pred.text), _squeezed(pred.whole)):
        return Comparison(True, "same text")
    for one, other in ((gold.text, pred.text), (gold.plain.text, pred.plain.text)):
        if (found := _literals(one, other)) is not None:
            return found
    if (formula := _formula(gold.text)) and formula == _formula(pred.text):
        return Comparison(True, "same formula")
    factor = fit(gold.plain.unit, pred.plain.unit)
    if (
        factor is None
        or _turned(gold, pred)
        or _turned(pred, gold)
        or (policies.units == "strict" and bool(gold.plain.unit) != bool(pred.plain.unit))
    ):
        return Comparison(False, "units")
    if factor == 1 and _string(gold, policies) == _string(pred, policies):
        return Comparison(True, "same text")
    if pred.limit or gold.limit:
        raise TooMuch("an answer beyond the limits")
    return _valued(gold, pred, factor, policies)


def _turned(one: Reading, other: Reading) -> bool:
    """Whether the same number is called degrees on one side and radians on the other."""
    return (
        one.plain.unit is not None
        and one.plain.unit.kind == "radian"
        and one.number is not None
        and "\\degree" in other.plain.text
    )


def _formula(text: str) -> str:
    """`H2SO4` of `\\text{H}_2\\text{SO}_4`; empty where `text` is no chemical formula."""
    bare = re.sub(r"\\(?:text|mathrm|ce|rm)\b|[\s{}_$]", "", plain_characters(text)).rstrip(".")
    return bare if _FORMULA.fullmatch(bare) else ""


def _squeezed(text: str) -> str:
    return " ".join(text.replace("$", "").split()).strip(" .")


def _literals(gold: str, pred: str) -> Comparison | None:
    """Times, dates and numbers in a base: decided where both are of the kind."""
    one, other = literals.moment(gold), literals.moment(pred)
    if one and other:
        return Comparison(one.same(other), "time of day")
    first, second = literals.day(gold), literals.day(pred)
    if first and second:
        return Comparison(literals.same_day(first, second), "date")
    left, right = literals.based(gold), literals.based(pred)
    if left and right:
        return Comparison(left.value == right.value, "base")
    if (left or right) and (based := left or right):
        number = numbers.whole(pred if left else gold)
        if number is not None:
            written = (pred if left else gold).strip().strip("$. ")
            return Comparison(number.value == based.value or written.upper() == based.digits, "base")
        return Comparison(True, "base") if _squeezed(pred if left else gold).upper() == based.digits else None
    return None


def _valued(gold: Reading, pred: Reading, factor: Fraction, policies: Policies) -> Comparison:
    found = Comparison(False, "same text")
    if gold.modulus and pred.modulus and gold.modulus != pred.modulus:
        return Comparison(False, "modulo")
    if gold.modulus and gold.modulus == pred.modulus and gold.number and pred.number:
        return Comparison((gold.number.value - pred.number.value) % gold.modulus == 0, "modulo")
    if gold.number and pred.number:
        one = gold.number._replace(
            value=gold.number.value * factor, scaled=gold.number.scaled * factor, unit=None
        )
        found = numbers.same(one, pred.number._replace(unit=None), policies)
        if found or not (_COMMA.fullmatch(gold.plain.text) or _COMMA.fullmatch(pred.plain.text)):
            return found
    if (
        gold.tree is not None
        and pred.tree is not None
        and (policies.text == "loose" or not holds([gold.tree, pred.tree], "word"))
    ):
        found = _trees(gold, pred, factor, Rules.of(policies))
        if found or found.how == "values at points":
            return found
    if _beyond(gold) or _beyond(pred):
        return _symbolic(gold, pred, policies) or found
    return found


def _trees(gold: Reading, pred: Reading, factor: Fraction, rules: Rules) -> Comparison:
    assert gold.tree is not None and pred.tree is not None
    one: Node = gold.tree if factor == 1 else ("product", [("number", factor, None), gold.tree])
    try:
        return same(one, pred.tree, rules)
    except Undefined:
        return Comparison(False, "no value")


def _string(reading: Reading, policies: Policies) -> str:
    text = reading.plain.text
    text = re.sub(r"\{\s*(\w)\s*\}", r"\1", text)
    if policies.text == "strict":
        return _SPACE.sub("", text.replace('"', ""))
    words = text.replace('"', " ")
    if len(words.strip()) > 1 and re.fullmatch(r"[A-Za-z\s.,'!?-]+", words):
        text = _NOISE.sub(" ", words.casefold())
    return _SPACE.sub("", text.replace('"', ""))


def _beyond(reading: Reading) -> bool:
    """Mathematics that our grammar does not cover, or that has no value of its own here."""
    text = reading.plain.text
    return (
        (reading.tree is None or holds(reading.tree, "big"))
        and bool(_MATHEMATICAL.search(text))
        and not _PROSE.search(re.sub(r"\\[A-Za-z]+", "", text))
    )


def _is_mathematics(reading: Reading) -> bool:
    return _beyond(reading) or (
        reading.tree is not None and not holds(reading.tree, "word", "list", "set", "tuple", "relation")
    )


def _symbolic(gold: Reading, pred: Reading, policies: Policies) -> Comparison | None:
    if policies.symbolic is None or not (_is_mathematics(gold) and _is_mathematics(pred)):
        return None
    same = symbolic.equal(gold.plain.text, pred.plain.text, policies.symbolic, policies.relative_tolerance)
    return None if same is None else Comparison(same, "symbolic")
