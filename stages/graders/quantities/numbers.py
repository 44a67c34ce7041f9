"""Numbers as people write them: signs, currency, thousands separators, decimals, fractions, mixed numbers,
percentages, scale words."""

import re
from fractions import Fraction
from typing import NamedTuple

from stages.graders.quantities import numerals
from stages.graders.quantities.digits import stated, tidy, uncited
from stages.graders.quantities.units import WORDS, Unit, fit, unit
from stages.graders.reading.compare import Comparison, Policies
from stages.graders.reading.limits import TooMuch
from stages.graders.reading.span import Span

MAX_DIGITS = 1000  # in one number; no parser is handed more
MAX_EXPONENT = 400
MAX_TAIL = 2000  # characters at the end of a long text, where its last number is looked for first

_SCALES = {
    "dozen": 12,
    "hundred": 10**2,
    "thousand": 10**3,
    "million": 10**6,
    "billion": 10**9,
    "trillion": 10**12,
}
_SHORT = {"k": "thousand", "K": "thousand", "M": "million", "bn": "billion"}
_PAY = re.compile(
    r"(?i)^(dollars?|cents?|euros?|pounds?|rupees?|yen|yuan|\\(?:eur|gbp|yen|inr)) ?(?:/|per\b|an?\b).*$"
)  # the rate is not compared
_DECIMAL = r"""(?:
      0,\d+                                   # 0,111: a decimal comma
    | \d{1,3}(?:,\d{3})+(?:\.\d+)?            # 1,234.5
    | \d{1,2}(?:,\d{2})+,\d{3}(?:\.\d+)?      # 12,34,567
    | \d{1,3}(?:[. ]\d{3})+,\d+               # 1.234,5
    | \d{1,3}(?:\.\d{3}){2,} | \d{1,3}(?:'\d{3})+(?:\.\d+)? | \d{1,3}(?:\ \d{3})+(?:\.\d+)?
    | \d+\.\d+ | \d+,(?:\d{1,2}|\d{4,}) | \d+ | \.\d+
    )(?:[eE][-+]?\d{1,4}(?!\w))?"""
_TEN = r"(?:\s*(?:\\times|\\cdot|times|[xX*])\s*10\s*(?:\^|\*\*)\s*\{?\s*(?P<ten>[-+]?\d{1,4})\s*\}?)?"
_UNITS = "|".join(sorted((word for word in WORDS if len(word) > 1), key=len, reverse=True))
_NUMBER = re.compile(
    rf"""(?<![A-Za-z0-9_^\\])(?<!\d[.,:])(?<!\^\{{)(?<!\^\{{-)
    (?:(?<![\w)\]}}])(?P<sign>[-+]))?
    (?:(?P<coin>\\?\$|\\(?:eur|gbp|yen|inr)\b)\s?(?P<inner>[-+])?)?
    (?:(?:(?P<whole>\d{{1,9}})(?:\s+(?:and\s+)?|-(?=[1-9]\d?/[1-9]\d?(?!\d|\s*[-+*/=]))))?(?P<over>\d+)\s*/\s*(?P<under>0*[1-9]\d*)(?!\s*/|\.?\d)
      |(?P<root>\d{{1,9}})\s*(?:\^|\*\*)\s*\{{?\s*(?P<raised>-?\d{{1,4}})\s*(?:\}}|(?![\d.]))
      |(?P<decimal>{_DECIMAL})(?![\d]|[.,:]\d|(?:st|nd|rd|th)\b){_TEN}(?!\s*\^))
    (?:\s*(?P<percent>\\?%|percent\b|per\ cent\b|pct\b|percentage\b)|\s+(?P<scale>dozen|hundred|thousand|million|billion|trillion)\b
      |(?P<short>[kKM]|bn)(?![\w'^*/-]))?
    (?:\s*(?P<unit>\\(?:eur|gbp|yen|inr|degree)\b\s?[CF]?\b
      |(?:square\ |cubic\ |sq\.?\ )?(?:(?i:{_UNITS})|[mgL]\b(?!['-]))s?\b(?:\^\{{?[23]\}}?)?
       (?:\s?/\s?(?:{_UNITS}|[smhL]\b)s?\b(?:\^\{{?[23]\}}?)?|\ (?:per|an|a)\ (?:{_UNITS})s?\b)?
      |(?:/|per\ )(?:{_UNITS})s?\b))?""",
    re.VERBOSE,
)
_SPACED = re.compile(r"[-+]?\$?\d{1,3}(?: \d{3})+(?:\.\d+)?")
_THOUSANDS = re.compile(r"^([1-9]\d{0,2})\.(\d{3})$")
_MINUS = re.compile(r"(?<![\d)%] )\b(?:minus|negative) (?=\\?\$?[\d.])", re.IGNORECASE)
_HEDGE = re.compile(r"(?:,\s?-?\d[\d.]{0,20}){0,5}[\s,]{1,9}or\s{1,9}(?=[-$\d.])")
_DIGIT = re.compile(r"\d")
_PLAIN = re.compile(r"-?\d{1,18}")
_AND = re.compile(r"\s*(?:,|and|,\s*and)?\s+(?=\d)")
_SO = re.compile(  # `x = 12, so she has 24`
    r"[,，;] ?(?:(?:and )?(?:so|therefore|thus|hence|then)\b(?! that)"
    r"|and the (?:\w{1,12} ){0,2}(?:value|answer|total|sum|result|number) (?:is|equals)"
    r"|所以|因此|故)",
    re.IGNORECASE,
)
_SENTENCE = re.compile(r"(?<=[.!?。])\s+(?=[^\W\d_])|(?<=。)|\n")


class Number(NamedTuple):
    """`value` without its percent sign or scale word; `scaled` with them (equal to `value` where there is
    neither).

    `places`: how many decimals are written (None: none, so it is exact); `unit`: a unit or currency we know.
    """

    value: Fraction
    scaled: Fraction
    percent: bool = False
    places: int | None = None
    unit: Unit | None = None


def whole(text: str) -> Number | None:
    """`text` as one number and nothing else but units of currency or percent; None where it is not."""
    if _PLAIN.fullmatch(text):
        return Number(value := Fraction(int(text)), value)
    text = tidy(text).strip().rstrip(".").removesuffix("\\")
    if text.count("$") != 1 or not text.startswith(("$", "-$", "+$")):
        text = text.strip("$ ").rstrip(".")
    match = _NUMBER.match(text.rstrip("$ "))
    if not match:
        return None
    if match.end() == len(text.rstrip("$ ")):
        return _read(match)
    quantity, end = _compound(text, match)
    return quantity if end == len(text) and quantity.unit else None


def find(text: str, last: bool = False, words: bool = True) -> tuple[Number, str] | None:
    """The number that `text` commits to, and how it is written: the first after the last `=` where there is
    one, else the first (or the last); without a digit, and with `words`, one written out. A hedge (`3 or 4`)
    commits to nothing."""
    if last and len(text) > 2 * MAX_TAIL and (found := find(text[-MAX_TAIL:].partition(" ")[2], last, words)):
        return found
    text = tidy(text)
    text = numerals.mixed(text) if " and " in text else text
    if not _DIGIT.search(text) and not (words and _DIGIT.search(text := numerals.written(text, stated=last))):
        return None
    text = _MINUS.sub("-", text)
    if _SPACED.fullmatch(text.strip(" .$")):
        text = text.replace(" ", "")
    text = _sentence(text, last)
    if last and "=" in text and (so := list(_SO.finditer(text))) and _NUMBER.search(text, so[-1].end()):
        text = text[so[-1].end() :]
    after = text.rpartition("=")[2]
    match = _NUMBER.search(after) if after is not text else None
    if match is None:
        after = text
        matches = _last(text) if last else [found for found in [_NUMBER.search(text)] if found]
        match = matches[0] if matches else None
    if match is None:
        return None
    other = _NUMBER.match(after, hedge.end()) if (hedge := _HEDGE.match(after, match.end())) else None
    if other and _read(other) != _read(match):
        return None
    number, end = _compound(after, match)
    return number, after[match.start() : end].strip()


def _last(text: str) -> "list[re.Match[str]]":
    """The last number of `text`, or the first of the two that make one quantity at its end."""
    matches = list(_NUMBER.finditer(text))[-2:]
    return (
        matches if len(matches) == 2 and _compound(text, matches[0])[1] == matches[1].end() else matches[-1:]
    )


def _compound(text: str, match: "re.Match[str]") -> tuple[Number, int]:
    """A quantity in two units, `1 hour and 30 minutes`, in the first of them; and where it ends."""
    first = _read(match)
    if (
        first.unit
        and (joint := _AND.match(text, match.end()))
        and (second := _NUMBER.match(text, joint.end()))
    ):
        rest = _read(second)
        factor = fit(rest.unit, first.unit) if rest.unit and rest.unit != first.unit else None
        if (
            factor is not None
            and factor < 1
            and rest.places is None
            and not second.group().startswith(("-", "+"))
        ):
            value = first.value + rest.value * factor
            return first._replace(value=value, scaled=value), second.end()
    return first, match.end()


def _sentence(text: str, last: bool) -> str:
    """The last (else the first) sentence with a number in it: `... = 274 g. So he has 79 g.`"""
    if "=" not in text:
        return text
    sentences = _SENTENCE.split(text)
    return next(
        (sentence for sentence in (reversed(sentences) if last else sentences) if _NUMBER.search(sentence)),
        text,
    )


def final(span: Span) -> tuple[Number, str] | None:
    """The number that a span of a response commits to, and how it is written; None where there is none."""
    text = uncited(stated(span.text) if span.rule == "last" else span.text)
    return find(
        text, last=span.rule in ("last", "text"), words="numerals" not in span.how
    )  # `the answer (arabic numerals) is six`


def same(gold: Number, pred: Number, policies: Policies) -> Comparison:
    """Whether the two are equal: exactly, or within the relative tolerance where either is written with
    decimals.

    `25%` equals 25% and, against a number without a sign, 25 or 0.25 (as `5 million` equals 5000000 or 5); 25
    never equals 0.25.
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
    """The fractions of two numbers: exact; where one has decimals, within the tolerance and half a unit of
    the last place of the shorter.

    A whole number without decimals is exact, but for the noise of a float.
    """
    if gold_value == pred_value:
        return Comparison(True, "exact fraction")
    if gold.places is None and pred.places is None:
        return Comparison(False, "exact fraction")
    bound, ends = Fraction(policies.relative_tolerance) * max(abs(gold_value), abs(pred_value)), []
    for number, value in ((gold, gold_value), (pred, pred_value)):
        if number.places is not None and number.value:
            ends.append(abs(value / number.value) * Fraction(1, 2 * 10**number.places))
        elif value.denominator == 1:
            return Comparison(
                abs(gold_value - pred_value) <= min(bound, abs(value) / 10**10), "within tolerance"
            )
    bound = min(bound, max(ends, default=Fraction(0)))
    return Comparison(abs(gold_value - pred_value) <= bound, "within tolerance")


def _read(match: "re.Match[str]") -> Number:
    parts = match.groupdict()
    if len(match.group()) > MAX_DIGITS:
        raise TooMuch(f"a number of more than {MAX_DIGITS} characters")
    places: int | None = None
    if parts["over"]:
        value = int(parts["whole"] or 0) + Fraction(int(parts["over"]), int(parts["under"]))
    elif parts["root"]:
        value = _power(int(parts["root"]), int(parts["raised"]))
    else:
        cents = (parts["unit"] or "").strip() != "\\eur"  # 12.500 euros, written so, have no thousandths
        value, places = _decimal(
            parts["decimal"] if cents else _THOUSANDS.sub(r"\1\2", parts["decimal"]), int(parts["ten"] or 0)
        )
    if "-" in (parts["sign"], parts["inner"]):
        value = -value
    percent = parts["percent"] is not None
    scaled = (
        value / 100
        if percent
        else value * _SCALES.get(parts["scale"] or _SHORT.get(parts["short"] or "", ""), 1)
    )
    named = (
        parts["coin"] or parts["unit"]
        if (parts["unit"] or "").startswith(("per ", "/"))
        else parts["unit"] or parts["coin"]
    )
    named = named and _PAY.sub(r"\1", named)
    return Number(value, scaled, percent, places, unit(named) if named else None)


def _power(base: int, exponent: int) -> Fraction:
    if base.bit_length() * abs(exponent) > 4000:
        raise TooMuch("a power too large")
    return Fraction(base) ** exponent if base or exponent >= 0 else Fraction(0)


def _decimal(text: str, ten: int) -> tuple[Fraction, int | None]:
    """The value of a decimal times a power of ten, and how many places of it are written."""
    mantissa, _, exponent = text.lower().partition("e")
    shift = int(exponent or 0) + ten
    if abs(shift) > MAX_EXPONENT:
        raise TooMuch(f"an exponent beyond {MAX_EXPONENT}")
    mantissa = mantissa.replace(" ", "").replace("'", "")
    if re.fullmatch(r"0,\d+|\d+,(?:\d{1,2}|\d{4,})|\d{1,3}(?:\.\d{3})+,\d+|\d{1,3}(?:\.\d{3}){2,}", mantissa):
        mantissa = mantissa.replace(".", "").replace(",", ".")
    mantissa = mantissa.replace(",", "")
    value = Fraction(mantissa or "0") * Fraction(10) ** shift
    if value.denominator == 1:
        return value, None
    return value, max(len(mantissa.partition(".")[2]) - shift, 0)
