"""The number that a text commits to, and whether two numbers are equal."""

import re
from fractions import Fraction

from stages.graders.quantities import numerals
from stages.graders.quantities.digits import stated, tidy, uncited
from stages.graders.quantities.units import fit
from stages.graders.quantities.written_numbers import NUMBER, Number, compound, read
from stages.graders.reading.compare import Comparison, Policies
from stages.graders.reading.span import Span

MAX_TAIL = 2000  # characters at the end of a long text that are searched first for the last number

_SPACED = re.compile(r"[-+]?\$?\d{1,3}(?: \d{3})+(?:\.\d+)?")
_MINUS = re.compile(r"(?<![\d)%] )\b(?:minus|negative) (?=\\?\$?[\d.])", re.IGNORECASE)
_HEDGE = re.compile(r"(?:,\s?-?\d[\d.]{0,20}){0,5}[\s,]{1,9}or\s{1,9}(?=[-$\d.])")
_DIGIT = re.compile(r"\d")
_PLAIN = re.compile(r"-?\d{1,18}")
_SO = re.compile(  # `x = 12, so she has 24`
    r"[,，;] ?(?:(?:and )?(?:so|therefore|thus|hence|then)\b(?! that)"
    r"|and the (?:\w{1,12} ){0,2}(?:value|answer|total|sum|result|number) (?:is|equals)"
    r"|所以|因此|故)",
    re.IGNORECASE,
)
_SENTENCE = re.compile(r"(?<=[.!?。])\s+(?=[^\W\d_])|(?<=。)|\n")


def whole(text: str) -> Number | None:
    """`text` as one number with at most units, a currency or a percent sign; None where there is more."""
    if _PLAIN.fullmatch(text):
        return Number(value := Fraction(int(text)), value)
    text = tidy(text).strip().rstrip(".").removesuffix("\\")
    if text.count("$") != 1 or not text.startswith(("$", "-$", "+$")):
        text = text.strip("$ ").rstrip(".")
    match = NUMBER.match(text.rstrip("$ "))
    if not match:
        return None
    if match.end() == len(text.rstrip("$ ")):
        return read(match)
    quantity, end = compound(text, match)
    return quantity if end == len(text) and quantity.unit else None


def final(span: Span) -> tuple[Number, str] | None:
    """The number that a span of a response commits to, and the number as written; None where there is
    none."""
    text = uncited(stated(span.text) if span.rule == "last" else span.text)
    words = "numerals" not in span.how  # in `the answer (arabic numerals) is six`, `six` is no numeral
    return find(text, last=span.rule in ("last", "text"), words=words)


def find(text: str, last: bool = False, words: bool = True) -> tuple[Number, str] | None:
    """The number that `text` commits to, and the number as written; None where there is none.

    The first number after the last `=` counts; without `=`, the first number or, with `last`, the last.
    `words` also allows a number in words where `text` has no digit. A hedge (`3 or 4`) commits to nothing.
    """
    if last and len(text) > 2 * MAX_TAIL:
        tail = text[-MAX_TAIL:].partition(" ")[2]
        if number_in_tail := find(tail, last, words):
            return number_in_tail
    text = _with_digits(text, last, words)
    if not _DIGIT.search(text):
        return None
    text, match = _committed(_conclusion(text, last), last)
    if match is None or _is_hedged(text, match):
        return None
    number, end = compound(text, match)
    return number, text[match.start() : end].strip()


def _with_digits(text: str, last: bool, words: bool) -> str:
    """`text` in plain characters, with digits for numbers in words where `text` has no digits."""
    text = tidy(text)
    text = numerals.mixed(text) if " and " in text else text
    if words and not _DIGIT.search(text):
        text = numerals.written(text, stated=last)
    text = _MINUS.sub("-", text)
    return text.replace(" ", "") if _SPACED.fullmatch(text.strip(" .$")) else text


def _conclusion(text: str, last: bool) -> str:
    """The sentence of an equation that counts and, with `last`, only what follows `so` there."""
    if "=" not in text:
        return text
    sentences = _SENTENCE.split(text)
    ordered = reversed(sentences) if last else sentences
    text = next((sentence for sentence in ordered if NUMBER.search(sentence)), text)
    if last and "=" in text and (so := list(_SO.finditer(text))) and NUMBER.search(text, so[-1].end()):
        return text[so[-1].end() :]
    return text


def _committed(text: str, last: bool) -> tuple[str, "re.Match[str] | None"]:
    """The part of `text` with the number that counts, and the match of the number in that part."""
    if "=" in text:
        after = text.rpartition("=")[2]
        if match := NUMBER.search(after):
            return after, match
    return text, _last_quantity(text) if last else NUMBER.search(text)


def _last_quantity(text: str) -> "re.Match[str] | None":
    """The last number of `text`, or the first of two numbers that make one quantity at the end."""
    matches = list(NUMBER.finditer(text))[-2:]
    if len(matches) == 2 and compound(text, matches[0])[1] == matches[1].end():
        return matches[0]
    return matches[-1] if matches else None


def _is_hedged(text: str, match: "re.Match[str]") -> bool:
    """Whether `or` and another number follow the number."""
    hedge = _HEDGE.match(text, match.end())
    alternative = NUMBER.match(text, hedge.end()) if hedge else None
    return alternative is not None and read(alternative) != read(match)


def same(gold: Number, pred: Number, policies: Policies) -> Comparison:
    """Whether two numbers are equal: exactly or, where either is written with decimals, within the tolerance.

    `25%` equals 25% and, against a number without a percent sign, 25 or 0.25. `5 million` equals 5000000 or
    5. 25 never equals 0.25.
    """
    factor = fit(gold.unit, pred.unit)
    if factor is None or (policies.units == "strict" and bool(gold.unit) != bool(pred.unit)):
        return Comparison(False, "units")
    if gold.percent and pred.percent:
        return near(gold, gold.value, pred, pred.value, policies)
    if policies.percent == "strict" and gold.percent != pred.percent:
        return Comparison(False, "percent")
    comparison = Comparison(False, "exact fraction")
    for gold_value in {gold.value, gold.scaled}:
        for pred_value in {pred.value, pred.scaled}:
            comparison = near(gold, gold_value * factor, pred, pred_value, policies)
            if comparison.same:
                return comparison
    return comparison


def near(
    gold: Number, gold_value: Fraction, pred: Number, pred_value: Fraction, policies: Policies
) -> Comparison:
    """Whether the values of two numbers are equal, or close where either has decimals.

    Close is within the relative tolerance, and within half a unit of the last decimal of the number with the
    fewer decimals. A whole number without decimals is exact, but for the rounding of floats.
    """
    if gold_value == pred_value:
        return Comparison(True, "exact fraction")
    if gold.places is None and pred.places is None:
        return Comparison(False, "exact fraction")
    bound = Fraction(policies.relative_tolerance) * max(abs(gold_value), abs(pred_value))
    half_units = []
    for number, value in ((gold, gold_value), (pred, pred_value)):
        if number.places is not None and number.value:
            half_units.append(abs(value / number.value) * Fraction(1, 2 * 10**number.places))
        elif value.denominator == 1:
            return Comparison(
                abs(gold_value - pred_value) <= min(bound, abs(value) / 10**10), "within tolerance"
            )
    bound = min(bound, max(half_units, default=Fraction(0)))
    return Comparison(abs(gold_value - pred_value) <= bound, "within tolerance")
