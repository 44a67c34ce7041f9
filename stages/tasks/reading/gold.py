"""Gold answers as they are written in data sets, put into one form. A gold answer that is not understood is
an error, never a guess."""

import re
from collections.abc import Sequence
from fractions import Fraction
from unicodedata import normalize

from stages.shared.rows import Kind

_NUMBER = re.compile(r"[$€£]?([-+]?)[$€£]?(\d{1,3}(?:,\d{3})+|\d*)(\.\d*)?", re.ASCII)
_FRACTION = re.compile(r"-?\d{1,99}/0{0,9}[1-9]\d{0,99}", re.ASCII)
NLI = ("entailment", "neutral", "contradiction")
YES_NO = ("yes", "no")
_CLOSED = {
    Kind.YES_NO: {"yes": "yes", "no": "no", "true": "yes", "false": "no"},
    Kind.NLI: {"e": "entailment", "n": "neutral", "c": "contradiction"} | {name: name for name in NLI},
}


def number(text: str) -> str | None:
    """`text` as a plain decimal number: `1,234` -> `1234`, `145.0` -> `145`, `-$0.50` -> `-0.5`; None where
    it is not one."""
    match = _NUMBER.fullmatch("".join(normalize("NFKC", text).replace("\u2212", "-").split()))
    if not match:
        return None
    sign, whole, decimals = match[1], match[2].replace(",", ""), (match[3] or "").strip(".")
    if not whole + decimals:
        return None
    plain = whole.lstrip("0") or "0"
    if decimals.rstrip("0"):
        plain += "." + decimals.rstrip("0")
    return "-" + plain if sign == "-" and plain != "0" else plain


def fraction(text: str) -> str | None:
    """`6/8` as `6/8`, `8/4` as `2`; None where it is not a fraction of whole numbers."""
    plain = "".join(text.split())
    if not _FRACTION.fullmatch(plain):
        return None
    exact = Fraction(plain)
    return str(exact.numerator) if exact.denominator == 1 else plain


def answer(text: str, kind: Kind, choices: Sequence[str] | None) -> str | None:
    """The gold answer of a problem of `kind` in its one form; None where it does not parse.

    A choice is a letter, or the text of one of `choices`; a label is one of `choices` where there are any;
    yes and no may be true and false, and inference labels their first letters, as in the files that ANLI was
    published in.
    """
    plain = text.strip()
    if kind is Kind.NUMBER:
        return number(plain) or fraction(plain)
    if kind is Kind.CHOICE:
        return _letter(plain, choices or [])
    if kind is Kind.LABEL and choices:
        return plain if plain in choices else None
    if kind in _CLOSED:
        return _CLOSED[kind].get(plain.lower())
    return plain or None


def _letter(plain: str, choices: Sequence[str]) -> str | None:
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"[: len(choices)]
    if plain in choices:
        return letters[choices.index(plain)] if choices.index(plain) < len(letters) else None
    return plain.upper() if len(plain) == 1 and plain.upper() in letters else None
