"""Answers that have a value but are no formulas: times of day, dates, numbers in a base, and words for
sets."""

import re
from fractions import Fraction
from typing import NamedTuple

_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_MONTH = (
    r"(?P<month>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|"
    r"aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.?"
)
_WEEKDAY = r"(?:(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?,?\s+)?"
_DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?"
_DATES = [
    re.compile(rf"{_WEEKDAY}{_MONTH}\s+{_DAY},?\s+(?P<year>\d{{4}})"),
    re.compile(rf"{_WEEKDAY}{_DAY}(?:\s+of)?\s+{_MONTH},?\s+(?P<year>\d{{4}})"),
    re.compile(r"(?P<year>\d{4})[-/](?P<number>\d{1,2})[-/](?P<day>\d{1,2})"),
    re.compile(r"(?P<number>\d{1,2})/(?P<day>\d{1,2})/(?P<year>\d{4})"),
    re.compile(rf"{_MONTH}\s+{_DAY}"),
    re.compile(rf"{_DAY}(?:\s+of)?\s+{_MONTH}"),
]
_CLOCK = re.compile(r"(\d{1,2})(?::(\d{2}))(?::(\d{2}))?\s*(?:([ap])\.?\s?m\.?)?(?:\s+(noon|midnight))?")
_HOUR = re.compile(r"(\d{1,2})\s*(?:([ap])\.?\s?m\.?|o'clock(?:\s+([ap])\.?\s?m\.?)?)")
_WEEKDAYS = re.compile(r"\b(?:mon|tues|wednes|thurs|fri|satur|sun)day\b", re.IGNORECASE)
_TIMES = re.compile(
    r"(?<![\w:.])\d{1,2}(?::\d{2}){1,2}(?![\d:])(?:\s?[ap]\.?\s?m\b\.?)?|(?<![\w:.])\d{1,2}\s?[ap]\.?m\b\.?",
    re.IGNORECASE,
)
_CALENDAR = re.compile(
    rf"\b{_MONTH.replace('?P<month>', '?:')}\s+\d{{1,2}}(?!\d)(?:st|nd|rd|th)?(?:,?\s+\d{{4}})?"
    rf"|\b\d{{1,2}}(?:st|nd|rd|th)?(?:\s+of)?\s+{_MONTH.replace('?P<month>', '?:')}(?![a-z])"
    rf"(?:,?\s+\d{{4}})?|\b\d{{4}}-\d{{2}}-\d{{2}}\b",
    re.IGNORECASE,
)
_BASED = re.compile(
    r"\(?\s*(-?)\s*([0-9A-Fa-f]+(?:\.[0-9A-Fa-f]+)?)\s*\)?\s*(?:_\s*\{?\s*\(?\s*\"?\s*"
    r"|\s*\(?\s*(?:in\s+)?\"?\s*base[\s-]+)(\d{1,2}|[a-z]{3,12})\s*\"?\s*\)?\s*\}?"
)
_IN_BASE = re.compile(r"\s+\(?(?:in )?(binary|octal|hex)(?:adecimal)?\)?$")  # 110 in binary
_PREFIXED = re.compile(r"0([xbo])([0-9a-f]+)", re.IGNORECASE)
_WRAPPED = re.compile(r"\\(?:text|mathrm)\s*\{([^{}]*)\}")
_NAMED = {
    "binary": 2, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "octal": 8,
    "nine": 9, "ten": 10, "eleven": 11, "twelve": 12, "sixteen": 16, "hex": 16,
}  # fmt: skip
_PREFIXES = {"x": 16, "b": 2, "o": 8}
MAX_DIGITS = 200
EMPTY = frozenset(
    [
        "no solution",
        "no solutions",
        "no real solution",
        "no real solutions",
        "empty set",
        "the empty set",
        "no such values",
        "no roots",
    ]
)
MISSING = frozenset(["dne", "does not exist", "the limit does not exist"])
REALS = frozenset(
    [
        "all real numbers",
        "all reals",
        "any real number",
        "the set of all real numbers",
        "all real values",
        "every real number",
    ]
)

Date = tuple[int | None, int, int]  # year (None where missing), month, day


class Moment(NamedTuple):
    """A time of day."""

    seconds: int  # after midnight; give or take 12 hours where `half` is empty
    half: str  # `a`, `p`, or empty where morning and afternoon are not told apart

    def same(self, time: "Moment") -> bool:
        """Whether two times are equal; a missing a.m. or p.m. does not make them differ."""
        if self.half and time.half:
            return self.seconds == time.seconds
        return self.seconds % 43200 == time.seconds % 43200


class Based(NamedTuple):
    """A number written in a base."""

    value: Fraction
    base: int  # 2 to 36
    digits: str  # upper case, with the sign


def moment(text: str) -> Moment | None:
    """The time of day that `text` is (4:30 p.m., 16:30, 5 pm); None where `text` is none."""
    text = {"noon": "12:00 pm", "midnight": "12:00 am"}.get(_bare(text), _bare(text))
    match = _CLOCK.fullmatch(text)
    if match:
        hour, minute, second = int(match[1]), int(match[2]), int(match[3] or 0)
        half = match[4] or {"noon": "p", "midnight": "a"}.get(match[5] or "", "")
    elif match := _HOUR.fullmatch(text):
        hour, minute, second, half = int(match[1]), 0, 0, match[2] or match[3] or ""
    else:
        return None
    if hour > 24 or minute > 59 or second > 59 or (half and not 1 <= hour <= 12):
        return None
    if half:
        hour = hour % 12 + (12 if half == "p" else 0)
    elif hour > 12 or hour == 0:
        half = "p" if 12 < hour < 24 else "a"
    return Moment(hour * 3600 + minute * 60 + second, half)


def weekday(text: str) -> str | None:
    """The day of the week that `text` is, in lower case; None where `text` is none."""
    return _bare(text) if _WEEKDAYS.fullmatch(_bare(text)) else None


def within(text: str) -> str | None:
    """The only time of day, else the only date, else the only day of the week in `text`; None where there is
    none, or where two differ."""
    for form in (_TIMES, _CALENDAR, _WEEKDAYS):
        matches = form.findall(text)
        if matches:
            return matches[0] if len({_bare(written) for written in matches}) == 1 else None
    return None


def day(text: str) -> Date | None:
    """The date that `text` is; None where `text` is none."""
    text = _bare(text)
    for form in _DATES:
        match = form.fullmatch(text)
        if not match:
            continue
        parts = match.groupdict()
        month = int(parts["number"]) if "number" in parts else _MONTHS.index(parts["month"][:3]) + 1
        if month > 12 >= int(parts["day"]) and "number" in parts:  # 25/12/2020
            month, parts["day"] = int(parts["day"]), str(month)
        if 1 <= month <= 12 and 1 <= int(parts["day"]) <= 31:
            return (int(parts["year"]) if parts.get("year") else None, month, int(parts["day"]))
    return None


def same_day(left: Date, right: Date) -> bool:
    """Whether two dates are equal; a missing year does not make them differ."""
    return left[1:] == right[1:] and (left[0] == right[0] or None in (left[0], right[0]))


def based(text: str) -> Based | None:
    """The number in a base that `text` is (204_5, 2A_{16}, (1010)_2, 204 base 5, 0xff); None where it is
    none."""
    text = _IN_BASE.sub(r"_\1", _WRAPPED.sub(r" \1 ", text).strip().strip("$ ."))
    match = _PREFIXED.fullmatch(text)
    if match:
        sign, digits, base = "", match[2], _PREFIXES[match[1].lower()]
    elif match := _BASED.fullmatch(text):
        sign, digits, name = match.groups()
        base = int(name) if name.isdigit() else _NAMED.get(name, 0)
    else:
        return None
    if not 2 <= base <= 36 or len(digits) > MAX_DIGITS:
        return None
    whole, _, rest = digits.upper().partition(".")
    if any(int(digit, 36) >= base for digit in whole + rest):
        return None
    value = Fraction(int(whole + rest, base), base ** len(rest))
    return Based(-value if sign else value, base, sign + digits.upper())


def _bare(text: str) -> str:
    text = text.replace("\\text", "").replace("\\mathrm", "").replace("\\", " ").replace("~", " ")
    return " ".join(
        text.replace("{", " ").replace("}", " ").replace("$", " ").replace('"', " ").lower().split()
    ).strip(" .,")
