"""Reads an answer as a string in plain form, as a number and as a tree."""

import re
from functools import lru_cache
from typing import NamedTuple

from stages.graders.mathematics import names
from stages.graders.mathematics.brackets import parse
from stages.graders.mathematics.latex import Plain, plain
from stages.graders.mathematics.points import holds
from stages.graders.mathematics.terms import Node
from stages.graders.quantities import literals, numbers, numerals
from stages.graders.quantities.written_numbers import Number
from stages.graders.reading.limits import TooMuch, Unread

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
_INTEGER = re.compile(
    r"\s*[,;(]\s*(?:\"?(?:where|for|with)\"?\s*)?([nkm])\s*\\in\s*\\mathbb\s*\{?\s*Z\s*\}?\s*\)?$"
)
_ENDLESS = re.compile(
    r"(?:it )?(?:diverges|tends|goes|approaches|diverges off)? ?(?:to )?"
    r"(?:(negative |minus |- ?)|positive |plus |\+ ?)?(?:infinity|\\infty)"
)
_FRENCH = re.compile(r"([\[\]])([^\[\]()]*[,;][^\[\]()]*)([\[\]])")
_WRAPPED = re.compile(r"\\(?:text|mathrm)\s*\{([^{}]*)\}")
_TO = re.compile(r"^(\d+(?:\.\d+)?) to (\d+(?:\.\d+)?)$")  # a ratio
_IN = re.compile(r"^(\d{1,9}) (?:in|out of) (\d{1,9})$")  # `1 in 4`
_POINT = re.compile(r"(?<![\d,.])(0)(?:\{,\}|,)(\d{3,})(?![\d,])")  # 5/8 = 0,625


class Reading(NamedTuple):
    """An answer as read."""

    text: str  # the answer as written
    plain: Plain  # the answer in plain form, and its unit
    number: Number | None = None  # None where the answer is not one number
    tree: Node | None = None  # None where the answer is not in the grammar of terms.py
    modulus: int = 0  # the modulus of a congruence; 0 where the answer is none
    limit: bool = False  # whether the answer is beyond a limit, so that it is only a string
    literal: bool = False  # whether the answer is a time, a date or a number in a base
    whole: str = ""  # all of the span that holds the answer

    @property
    def known(self) -> bool:
        """Whether the answer is a number, a literal or a tree without words."""
        if self.number is not None or self.limit or self.literal:
            return True
        return self.tree is not None and not holds(names.split(self.tree)[1], "word")


@lru_cache(maxsize=4096)
def read(text: str) -> Reading:
    """The reading of `text`. Raises TooMuch on a text that is too long.

    A text that is nested too deep or has too long numbers is kept as a string, with `limit`.
    """
    form = plain(text)
    readers = (literals.moment, literals.day, literals.based, literals.weekday)
    literal = any(reader(text) or reader(form.text) for reader in readers)
    try:
        number = numbers.whole(numerals.mixed(numerals.written(_MODULUS.sub("", form.text).strip('"'))))
        if number is None:
            number = numbers.whole(_WRAPPED.sub(r" \1 ", text))
            if number and number.unit:  # 1 hour 30 minutes
                return Reading(text, form._replace(unit=number.unit), number, literal=literal)
        return Reading(text, form, number, *_tree(form.text), literal=literal)
    except Unread:
        return Reading(text, form, number, literal=literal)
    except TooMuch:
        return Reading(text, form, limit=True)


def _tree(text: str) -> tuple[Node, int]:
    """The tree of a text in plain form, and the modulus of a congruence (0: none)."""
    words = text.strip('" ').lower()
    if limit := _ENDLESS.fullmatch(words):
        return parse("-\\infty" if limit.group(1) else "\\infty"), 0
    if words in literals.EMPTY:
        return ("set", []), 0
    if words in literals.REALS:
        return ("reals",), 0
    if words in literals.MISSING:
        return ("word", "dne"), 0
    if match := _EXCEPT.match(text):
        text = "\\mathbb{R} \\setminus \\{" + match.group(1) + "\\}"
    text = _POSITIVE.sub(r"(0,\\infty)", _without_integer(text))
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


def _without_integer(text: str) -> str:
    """`text` without `k \\in \\mathbb{Z}` at its end; the letter is n, whatever it was called."""
    integer = _INTEGER.search(text)
    if integer is None:
        return text
    text = text[: integer.start()]
    return re.sub(rf"(?<![A-Za-z\\]){integer.group(1)}(?![A-Za-z])", "n", text)


def _plain_brackets(match: "re.Match[str]") -> str:
    """(1, 2) for ]1, 2[."""
    opener, inside, closer = match.groups()
    return f"{'(' if opener == ']' else '['}{inside}{')' if closer == '[' else ']'}"
