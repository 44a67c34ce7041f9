"""Numbers as people write them: signs, currency, thousands separators, decimals, fractions, mixed numbers, percentages, scale words."""

import re
from fractions import Fraction
from typing import NamedTuple

from stages.graders.compare import Comparison, Policies
from stages.graders.extract import Span
from stages.graders.lexer import TooMuch

MAX_DIGITS = 1000  # in one number; no parser is handed more
MAX_EXPONENT = 400

_SCALES = {"hundred": 10**2, "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_VULGAR = {"½": "1/2", "⅓": "1/3", "⅔": "2/3", "¼": "1/4", "¾": "3/4", "⅕": "1/5", "⅖": "2/5", "⅗": "3/5", "⅘": "4/5", "⅛": "1/8"}
_WIDE = str.maketrans("０１２３４５６７８９．，％＄−–－﹣\u00a0\u202f\u2009", "0123456789.,%$----   ")
_FRAC = re.compile(r"\\[dtc]?frac\s*(?:\{\s*(-?\d+)\s*\}\s*\{\s*(\d+)\s*\}|(\d)\s*(\d)|(\d)\s*\{\s*(\d+)\s*\})")
_LATEX_GROUP = re.compile(r"(?<=\d)(?:\{,\}|,?\\[,! ])\s*(?=\d{3}(?!\d))")
_MARKS = re.compile(r"<<[^<>]{0,200}>>")  # GSM8K's calculator marks
_DECIMAL = r"""(?:
      0,\d+                                   # 0,111: a decimal comma
    | \d{1,3}(?:,\d{3})+(?:\.\d+)?            # 1,234.5
    | \d{1,2}(?:,\d{2})+,\d{3}(?:\.\d+)?      # 12,34,567
    | \d+\.\d+ | \d+,(?:\d{1,2}|\d{4,}) | \d+ | \.\d+
    )(?:[eE][-+]?\d{1,4}(?!\w))?"""
_NUMBER = re.compile(
    rf"""(?<![A-Za-z0-9_])(?<!\d[.,:])
    (?:(?<![\w)\]}}])(?P<sign>[-+]))?
    (?:\\?[$£€¥]\s?(?P<inner>[-+])?)?
    (?:(?:(?P<whole>\d{{1,9}})\s+)?(?P<over>\d+)\s*/\s*(?P<under>0*[1-9]\d*)(?!\s*/|\.?\d)
      |(?P<decimal>{_DECIMAL})(?![\d]|[.,:]\d|(?:st|nd|rd|th)\b))
    (?:\s*(?P<percent>\\?%|percent\b|per\ cent\b|pct\b|percentage\b)|\s+(?P<scale>hundred|thousand|million|billion|trillion)\b)?""",
    re.VERBOSE,
)
_SPACED = re.compile(r"[-+]?\$?\d{1,3}(?: \d{3})+(?:\.\d+)?")
_HEDGE = re.compile(r"[\s,]{1,9}or\s{1,9}(?=[-$\d.])")
_PLAIN = re.compile(r"-?\d{1,18}")


class Number(NamedTuple):
    """`value` without its percent sign or scale word; `scaled` with them (equal to `value` where there is neither).

    `rounded`: written with decimals, so a tolerance applies.
    """

    value: Fraction
    scaled: Fraction
    percent: bool = False
    rounded: bool = False


def tidy(text: str) -> str:
    """`text` with typographic digits, signs and fractions and LaTeX's number separators and fractions in plain form."""
    if not text.isascii():
        text = text.translate(_WIDE)
        for sign, plain in _VULGAR.items():
            if sign in text:
                text = re.sub(rf"(?<=\d)\s?{sign}", f" {plain}", text).replace(sign, plain)
    if "\\" in text or "{,}" in text:
        text = _LATEX_GROUP.sub("", text)
        text = _FRAC.sub(lambda m: " {}/{} ".format(*[part for part in m.groups() if part is not None]), text)
        text = re.sub(r"-\s+(?=\d+/\d)", "-", text)
    return _MARKS.sub("", text) if "<<" in text else text


def whole(text: str) -> Number | None:
    """`text` as one number and nothing else but units of currency or percent; None where it is not."""
    text = tidy(text).strip().strip("$").strip().rstrip(".").removesuffix("\\")
    if _PLAIN.fullmatch(text):
        return Number(value := Fraction(int(text)), value)
    if _SPACED.fullmatch(text):
        text = text.replace(" ", "")
    match = _NUMBER.fullmatch(text.rstrip("$€£¥ "))
    return _read(match) if match else None


def find(text: str, last: bool = False) -> tuple[Number, str] | None:
    """The number that `text` commits to, and how it is written: the first after the last `=` where there is one, else the first (or
    the last). A hedge (`3 or 4`) commits to nothing."""
    text = tidy(text)
    if _SPACED.fullmatch(text.strip(" .$")):
        text = text.replace(" ", "")
    after = text.rpartition("=")[2]
    match = _NUMBER.search(after) if after is not text else None
    if match is None:
        after = text
        matches = list(_NUMBER.finditer(text))[-1:] if last else [found for found in [_NUMBER.search(text)] if found]
        match = matches[0] if matches else None
    if match is None:
        return None
    other = _NUMBER.match(after, hedge.end()) if (hedge := _HEDGE.match(after, match.end())) else None
    if other and _read(other) != _read(match):
        return None
    return _read(match), match.group().strip()


def final(span: Span) -> tuple[Number, str] | None:
    """The number that a span of a response commits to, and how it is written; None where there is none."""
    return find(span.text, last=span.rule in ("last", "text"))


def same(gold: Number, pred: Number, policies: Policies) -> Comparison:
    """Whether the two are equal: exactly, or within the relative tolerance where either is written with decimals.

    `25%` equals 25% and, against a number without a sign, 25 or 0.25 (as `5 million` equals 5000000 or 5); 25 never equals 0.25.
    """
    tolerance = policies.relative_tolerance if gold.rounded or pred.rounded else 0.0
    if gold.percent and pred.percent:
        return _near(gold.value, pred.value, tolerance)
    golds, preds = {gold.value, gold.scaled}, {pred.value, pred.scaled}
    found = [_near(one, other, tolerance) for one in golds for other in preds]
    return next((one for one in found if one.same), found[0])


def _near(one: Fraction, other: Fraction, tolerance: float) -> Comparison:
    if one == other:
        return Comparison(True, "exact fraction")
    if not tolerance:
        return Comparison(False, "exact fraction")
    return Comparison(abs(one - other) <= Fraction(tolerance) * max(abs(one), abs(other)), "within tolerance")


def _read(match: "re.Match[str]") -> Number:
    parts = match.groupdict()
    if len(match.group()) > MAX_DIGITS:
        raise TooMuch(f"a number of more than {MAX_DIGITS} characters")
    if parts["over"]:
        value = int(parts["whole"] or 0) + Fraction(int(parts["over"]), int(parts["under"]))
        rounded = False
    else:
        value = _decimal(parts["decimal"])
        rounded = value.denominator != 1
    if "-" in (parts["sign"], parts["inner"]):
        value = -value
    percent = parts["percent"] is not None
    scaled = value / 100 if percent else value * _SCALES.get(parts["scale"] or "", 1)
    return Number(Fraction(value), Fraction(scaled), percent, rounded)


def _decimal(text: str) -> Fraction:
    mantissa, _, exponent = text.lower().partition("e")
    if exponent and abs(int(exponent)) > MAX_EXPONENT:
        raise TooMuch(f"an exponent beyond {MAX_EXPONENT}")
    if re.fullmatch(r"0,\d+|\d+,(?:\d{1,2}|\d{4,})", mantissa):
        mantissa = mantissa.replace(",", ".")
    value = Fraction(mantissa.replace(",", "") or "0")
    return value * Fraction(10) ** int(exponent) if exponent else value
