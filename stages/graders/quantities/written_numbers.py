"""One number as people write it: signs, currency, thousands separators, decimals, fractions, mixed numbers,
percentages, scale words and units."""

import re
from fractions import Fraction
from typing import Any, NamedTuple

from stages.graders.quantities.units import WORDS, Unit, fit, unit
from stages.graders.reading.limits import TooMuch

MAX_LENGTH = 1000  # characters of one number
MAX_EXPONENT = 400  # of ten
MAX_POWER_BITS = 4000  # bits of a whole number to a power

_SCALES = {
    "dozen": 12,
    "hundred": 10**2,
    "thousand": 10**3,
    "million": 10**6,
    "billion": 10**9,
    "trillion": 10**12,
}
_SHORT = {"k": "thousand", "K": "thousand", "M": "million", "bn": "billion"}
_PAY = re.compile(  # `12 dollars per hour` is compared as 12 dollars
    r"(?i)^(dollars?|cents?|euros?|pounds?|rupees?|yen|yuan|\\(?:eur|gbp|yen|inr)) ?(?:/|per\b|an?\b).*$"
)
_DECIMAL = r"""(?:
      0,\d+                                   # 0,111: a decimal comma
    | \d{1,3}(?:,\d{3})+(?:\.\d+)?            # 1,234.5
    | \d{1,2}(?:,\d{2})+,\d{3}(?:\.\d+)?      # 12,34,567
    | \d{1,3}(?:[. ]\d{3})+,\d+               # 1.234,5
    | \d{1,3}(?:\.\d{3}){2,} | \d{1,3}(?:'\d{3})+(?:\.\d+)? | \d{1,3}(?:\ \d{3})+(?:\.\d+)?
    | \d+\.\d+ | \d+,(?:\d{1,2}|\d{4,}) | \d+ | \.\d+
    )(?:[eE][-+]?\d{1,4}(?!\w))?"""
_TIMES_TEN = r"(?:\s*(?:\\times|\\cdot|times|[xX*])\s*10\s*(?:\^|\*\*)\s*\{?\s*(?P<ten>[-+]?\d{1,4})\s*\}?)?"
_FRACTION = (
    r"(?:(?P<whole>\d{1,9})(?:\s+(?:and\s+)?|-(?=[1-9]\d?/[1-9]\d?(?!\d|\s*[-+*/=]))))?"
    r"(?P<over>\d+)\s*/\s*(?P<under>0*[1-9]\d*)(?!\s*/|\.?\d)"
)
_PERCENT = r"\s*(?P<percent>\\?%|percent\b|per\ cent\b|pct\b|percentage\b)"
_SCALE = r"\s+(?P<scale>dozen|hundred|thousand|million|billion|trillion)\b"
# `600 in total` is no length
_UNITS = "|".join(
    word + (r"(?!\s+[a-z\d])" if word == "in" else "")
    for word in sorted((word for word in WORDS if len(word) > 1), key=len, reverse=True)
)
NUMBER = re.compile(
    rf"""(?<![A-Za-z0-9_^\\])(?<!\d[.,:])(?<!\^\{{)(?<!\^\{{-)
    (?:(?<![\w)\]}}])(?P<sign>[-+]))?
    (?:(?P<coin>\\?\$|\\(?:eur|gbp|yen|inr)\b)\s?(?P<inner>[-+])?)?
    (?:{_FRACTION}
      |(?P<root>\d{{1,9}})\s*(?:\^|\*\*)\s*\{{?\s*(?P<raised>-?\d{{1,4}})\s*(?:\}}|(?![\d.]))
      |(?P<decimal>{_DECIMAL})(?![\d]|[.,:]\d|(?:st|nd|rd|th)\b){_TIMES_TEN}(?!\s*\^))
    (?:{_PERCENT}|{_SCALE}
      |(?P<short>[kKM]|bn)(?![\w'^*/-]))?
    (?:\s*(?P<unit>\\(?:eur|gbp|yen|inr|degree)\b\s?[CF]?\b
      |(?:square\ |cubic\ |sq\.?\ )?(?:(?i:{_UNITS})|[mgL]\b(?!['-]))s?\b(?:\^\{{?[23]\}}?)?
       (?:\s?/\s?(?:{_UNITS}|[smhL]\b)s?\b(?:\^\{{?[23]\}}?)?|\ (?:per|an|a)\ (?:{_UNITS})s?\b)?
      |(?:/|per\ )(?:{_UNITS})s?\b))?""",
    re.VERBOSE,
)
_THOUSANDS = re.compile(r"^([1-9]\d{0,2})\.(\d{3})$")
_AND = re.compile(r"\s*(?:,|and|,\s*and)?\s+(?=\d)")


class Number(NamedTuple):
    """A number as written."""

    value: Fraction  # without the percent sign or the scale word
    scaled: Fraction  # with the percent sign or the scale word; equal to `value` where there is neither
    percent: bool = False  # whether a percent sign stands behind the number
    places: int | None = None  # how many decimals are written; None: none, so the number is exact
    unit: Unit | None = None  # the unit or currency; None where there is none or an unknown one
    counted: bool = False  # a gold answer whose question counts in dozens, thousands or the like


def read(match: "re.Match[str]") -> Number:
    """The number of a match of NUMBER. Raises TooMuch beyond a limit."""
    parts = match.groupdict()
    if len(match.group()) > MAX_LENGTH:
        raise TooMuch(f"a number of more than {MAX_LENGTH} characters")
    value, places = _value(parts)
    if "-" in (parts["sign"], parts["inner"]):
        value = -value
    percent = parts["percent"] is not None
    scale = parts["scale"] or _SHORT.get(parts["short"] or "", "")
    scaled = value / 100 if percent else value * _SCALES[scale] if scale else value
    name = _unit_name(parts)
    return Number(value, scaled, percent, places, unit(name) if name else None)


def compound(text: str, match: "re.Match[str]") -> tuple[Number, int]:
    """The quantity that starts with the match of NUMBER in `text`, and where the quantity ends.

    A quantity in two units (`1 hour and 30 minutes`) is given in the first unit.
    """
    first = read(match)
    if not first.unit or not (joint := _AND.match(text, match.end())):
        return first, match.end()
    second = NUMBER.match(text, joint.end())
    if not second:
        return first, match.end()
    rest = read(second)
    factor = fit(rest.unit, first.unit) if rest.unit and rest.unit != first.unit else None
    if factor is None or factor >= 1 or rest.places is not None:
        return first, match.end()
    value = first.value + rest.value * factor
    return first._replace(value=value, scaled=value), second.end()


def _value(parts: dict[str, Any]) -> tuple[Fraction, int | None]:
    """The value without signs, and how many decimals are written."""
    if parts["over"]:
        return int(parts["whole"] or 0) + Fraction(int(parts["over"]), int(parts["under"])), None
    if parts["root"]:
        return _power(int(parts["root"]), int(parts["raised"])), None
    decimal: str = parts["decimal"]
    if (parts["unit"] or "").strip() == "\\eur":  # 12.500 euros are twelve thousand five hundred
        decimal = _THOUSANDS.sub(r"\1\2", decimal)
    return _decimal(decimal, int(parts["ten"] or 0))


def _unit_name(parts: dict[str, Any]) -> str | None:
    """The unit as written or, where the unit is only a rate (`per hour`), the currency sign before the
    number."""
    unit_behind: str | None = parts["unit"]
    coin: str | None = parts["coin"]
    is_rate = (unit_behind or "").startswith(("per ", "/"))
    name = coin or unit_behind if is_rate else unit_behind or coin
    return name and _PAY.sub(r"\1", name)


def _power(base: int, exponent: int) -> Fraction:
    if base.bit_length() * abs(exponent) > MAX_POWER_BITS:
        raise TooMuch("a power too large")
    return Fraction(base) ** exponent if base or exponent >= 0 else Fraction(0)


def _decimal(text: str, ten: int) -> tuple[Fraction, int | None]:
    """The value of a decimal times the power `ten` of ten, and how many decimals of the product are
    written."""
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
