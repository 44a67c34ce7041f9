"""The number that a text commits to, and whether two numbers are equal."""

import re
from fractions import Fraction
from typing import Any

from stages.graders.quantities import numerals, prose
from stages.graders.quantities.digits import signed, stated, tidy, uncited
from stages.graders.quantities.prose import SEVERAL
from stages.graders.quantities.units import fit
from stages.graders.quantities.written_numbers import NUMBER, Number, compound, read
from stages.graders.reading.compare import Comparison, Policies
from stages.graders.reading.span import SENTENCE, Span

MAX_TAIL = 2000  # characters of an announced text that may be one sentence
MAX_TEXT = 20_000  # characters at the end of a text that are searched for the last number
MIN_TABLED = 1000  # a number of this size before `million` stands for a table in millions
MAX_SENTENCES = 200  # sentences that are searched, from the last
Found = tuple[Any, str]  # a Number, or SEVERAL; and as written

_SPACED = re.compile(r"[-+]?\$?\d{1,3}(?: \d{3})+(?:\.\d+)?")
_MINUS = re.compile(r"(?<![\d)%] )\b(?:minus|negative) (?=\\?\$?[\d.])", re.IGNORECASE)
_DIGIT = re.compile(r"\d")
_PLAIN = re.compile(r"-?\d{1,18}")
_SO = re.compile(  # `x = 12, so she has 24`
    r"[,，;] ?(?:(?:and )?(?:so|therefore|thus|hence|then)\b(?! that)"
    r"|and the (?:\w{1,12} ){0,2}(?:value|answer|total|sum|result|number) (?:is|equals)"
    r"|所以|因此|故)",
    re.IGNORECASE,
)


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


def final(span: Span) -> Found | None:
    """The number that a span of a response commits to, and the number as written; None where there is none.

    The number is SEVERAL where the span names several numbers, or bounds one.
    """
    text = uncited(span.text)
    words = "numerals" not in span.how  # in `the answer (arabic numerals) is six`, `six` is no numeral
    return find(text, last=span.rule in ("last", "text"), words=words)


def find(text: str, last: bool = False, words: bool = True) -> Found | None:
    """The number that `text` commits to, and the number as written; None where there is none.

    The first number after the last `=` counts; without `=`, the number that prose.py chooses. `last`: nothing
    announces the text, so that the last sentence with a number counts. `words` also allows a number in words
    where `text` has no digit. A hedge (`3 or 4`) commits to SEVERAL where the text is announced.
    """
    text = _with_digits(text, last, words)
    if not _DIGIT.search(text):
        return None
    for sentence in _sentences(text, last):
        if (number := _in_sentence(sentence, not last)) is not None:
            return number
    return None


def _sentences(text: str, last: bool) -> list[str]:
    """The sentences of `text` with a digit, in the order in which they are searched."""
    if not last and len(text) <= MAX_TAIL and "\n" not in text:
        head = SENTENCE.split(text.strip(), maxsplit=1)[0]
        if prose.starts(head, NUMBER.search(head)):
            return [head]
    sentences = [part for part in SENTENCE.split(text[-MAX_TEXT:]) if _DIGIT.search(part)]
    return sentences[::-1][:MAX_SENTENCES]


def _in_sentence(text: str, announced: bool) -> Found | None:
    """The number that one sentence states, after its last `=` where it has one."""
    text = stated(text)
    if "=" in text:
        if not announced and (so := list(_SO.finditer(text))) and NUMBER.search(text, so[-1].end()):
            text = text[so[-1].end() :]
        after = text.rpartition("=")[2]
        if (match := NUMBER.search(after)) is not None:
            following = NUMBER.search(after, match.end())
            if following and prose.joined(after, match, following) and read(following) != read(match):
                return (SEVERAL, text) if announced else None
            return _quantity(after, match)
    if chance := prose.one_in(text):
        value = Fraction(*chance)
        return Number(value, value), f"{chance[0]}/{chance[1]}"
    chosen = prose.choose(text, announced)
    if chosen is None:
        return None
    return (SEVERAL, text) if isinstance(chosen, str) else _quantity(text, chosen)


def _quantity(text: str, match: "re.Match[str]") -> Found:
    number, end = compound(text, match)
    return number, text[match.start() : end].strip()


def _with_digits(text: str, last: bool, words: bool) -> str:
    """`text` in plain characters, with digits for numbers in words where `text` has no digits."""
    text = tidy(text)
    text = numerals.mixed(text) if " and " in text else text
    if words and not _DIGIT.search(text):
        text = numerals.written(text, stated=last)
    text = signed(_MINUS.sub("-", text))
    return text.replace(" ", "") if _SPACED.fullmatch(text.strip(" .$")) else text


def same(gold: Number, pred: Number, policies: Policies) -> Comparison:
    """Whether two numbers are equal: exactly or, where either is written with decimals, within the tolerance.

    `25%` equals 25% and, against a number without a percent sign, 25 or 0.25. 25 never equals 0.25.
    """
    factor = fit(gold.unit, pred.unit)
    if factor is None or (policies.units == "strict" and bool(gold.unit) != bool(pred.unit)):
        return Comparison(False, "units")
    if gold.percent and pred.percent:
        return near(gold, gold.value, pred, pred.value, policies)
    if policies.percent == "strict" and gold.percent != pred.percent:
        return Comparison(False, "percent")
    comparison = Comparison(False, "exact fraction")
    for gold_value, pred_value in _pairs(gold, pred):
        comparison = near(gold, gold_value * factor, pred, pred_value, policies)
        if comparison.same:
            return comparison
    return comparison


def _pairs(gold: Number, pred: Number) -> list[tuple[Fraction, Fraction]]:
    """The values that are compared: with and without the percent sign or the scale word of each side.

    `5 million` is never 5, but where the question counts in millions, or for a number that was written in
    millions as a whole table is (`$11,588 million`).
    """
    golds = [gold.value] if gold.scaled is gold.value else [gold.value, gold.scaled]
    preds = [pred.value] if pred.scaled is pred.value else [pred.value, pred.scaled]
    if not gold.percent and not pred.percent and pred.value != pred.scaled:
        if gold.value != gold.scaled:
            return [(gold.scaled, pred.scaled)]
        preds = preds if gold.counted or abs(pred.value) >= MIN_TABLED else [pred.scaled]
    return [(gold_value, pred_value) for gold_value in golds for pred_value in preds]


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
