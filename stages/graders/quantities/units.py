"""Units of quantities, and the factors between them.

A unit may be missing on either side. Where both sides have a unit, the units must fit: `5 km` is 5000 m and
not 5 m. Words that are no known unit (`18 ways`) are kept as words.
"""

import re
from fractions import Fraction
from typing import NamedTuple

_LENGTH = {"mm": "0.001", "cm": "0.01", "dm": "0.1", "m": "1", "km": "1000"} | {
    "in": "0.0254", "ft": "0.3048", "yd": "0.9144", "mi": "1609.344"
}  # fmt: skip
_BASE: dict[str, dict[str, str]] = {
    "length": _LENGTH | {"um": "0.000001", "nm": "0.000000001"},
    "mass": {
        "mg": "0.001",
        "g": "1",
        "kg": "1000",
        "oz": "28.349523125",
        "lb": "453.59237",
        "ton": "1000000",
    },
    "time": {"ms": "0.001", "s": "1", "min": "60", "h": "3600", "day": "86400", "week": "604800"},
    "months": {"month": "1", "year": "12"},
    "volume": {"ml": "0.001", "l": "1", "cl": "0.01"},
    "gallons": {"gal": "1", "quart": "0.25", "pint": "0.125", "cup": "0.0625"},
    "angle": {"deg": "1"},
    "radian": {"rad": "1"},
    "dollar": {"dollar": "1", "cent": "0.01"},
    "euro": {"euro": "1"},
    "pound": {"gbp": "1"},
    "rupee": {"inr": "1"},
    "yen": {"yen": "1"},
    "yuan": {"yuan": "1"},
    "energy": {"j": "1", "kj": "1000"},
    "power": {"watt": "1", "kw": "1000"},
    "force": {"newton": "1"},
    "voltage": {"volt": "1", "mv": "0.001", "kv": "1000"},
    "pressure": {"pa": "1", "kpa": "1000", "hpa": "100", "bar": "100000", "mbar": "100", "mmhg": "133.322"},
    "sound": {"db": "1"},
    "heat": {"cal": "1", "kcal": "1000"},
    "work": {"kwh": "1"},
    "turns": {"rpm": "1"},
    "share": {"ppm": "1"},
    "frequency": {"hz": "1", "khz": "1000", "mhz": "1000000"},
    "resistance": {"ohm": "1", "kohm": "1000"},
    "charge": {"coulomb": "1"},
    "field": {"tesla": "1"},
    "capacity": {"farad": "1"},
    "particle": {"ev": "1", "kev": "1000", "gev": "1000000000"},
    "celsius": {"celsius": "1"},
    "fahrenheit": {"fahrenheit": "1"},
    "kelvin": {"kelvin": "1"},
    "amount": {"mol": "1"},
    "current": {"ampere": "1", "ma": "0.001"},
    "data": {"byte": "1", "kb": "1000", "mb": "1000000", "gb": "1000000000"},
    "am": {"am": "1"},
    "pm": {"pm": "1"},
}
_NAMES = {
    "mm": "millimeter millimetre", "cm": "centimeter centimetre", "m": "meter metre",
    "km": "kilometer kilometre", "in": "inch inche", "ft": "feet foot", "yd": "yard", "mi": "mile",
    "mg": "milligram", "g": "gram gm", "kg": "kilogram kilo", "oz": "ounce", "lb": "pound lbs",
    "ton": "tonne", "ms": "millisecond", "s": "second sec", "min": "minute", "h": "hour hr", "week": "wk",
    "year": "yr", "month": "mo", "ml": "milliliter millilitre", "l": "liter litre", "gal": "gallon",
    "quart": "qt", "deg": "degree", "rad": "radian", "dollar": "usd buck", "cent": "penny pennie",
    "euro": "eur", "inr": "rupee", "yuan": "rmb cny", "j": "joule", "kj": "kilojoule", "kw": "kilowatt",
    "pa": "pascal", "ev": "electronvolt electronvolts", "hz": "hertz", "ohm": "ohms", "mol": "mole",
    "dm": "decimeter decimetre",
    "cl": "centiliter centilitre", "mph": "", "kph": "kmh", "um": "micrometer", "nm": "nanometer",
}  # fmt: skip
_KNOWN = {
    name: (kind, Fraction(worth))
    for kind, units in _BASE.items()
    for short, worth in units.items()
    for name in (short, *_NAMES.get(short, "").split())
}
_CAPITALS = {
    "N": "newton",
    "J": "j",
    "W": "watt",
    "V": "volt",
    "K": "kelvin",
    "L": "l",
    "A": "ampere",
    "C": "coulomb",
    "T": "tesla",
    "F": "farad",
    "\\Omega": "ohm",
    "MeV": "ev",
}
_INVERSE = re.compile(r"(?:\s|\*|\\cdot|\\,)\s?([A-Za-z]{1,3})\s?\^\s?\{?\s?-\s?(?:1|(\d))\s?\}?")  # m s^{-1}
_CAPITAL = re.compile(r"(?<![A-Za-z\\])[NJWVKLACTF](?![A-Za-z])")
_RATES = {"mph": "mi/h", "kph": "km/h", "kmh": "km/h", "cc": "cm3", "sqft": "ft2"}
_DEGREE = re.compile(r"^(?:\\degree|deg|degrees?)\s*([cfk])(?:elsius|ahrenheit|elvin)?$")
_ATOM = re.compile(
    r"(?:(square|sq|cubic|cu)\.?\s*)?([a-z]+?)\s*\.?\s*(?:\^?\s*\{?\s*([23])\s*\}?|(squared|cubed))?"
)
_POWERS = {"square": 2, "sq": 2, "squared": 2, "cubic": 3, "cu": 3, "cubed": 3}
_NOISE = frozenset(
    re.findall(r"\w+", "of the a an in each total different possible about approximately exactly distinct")
)
WORDS = frozenset(_KNOWN) | frozenset(_RATES)


class Unit(NamedTuple):
    """A unit, or other words behind a number."""

    kind: str  # what the unit measures (`length^2`, `length/time`); empty for other words
    worth: Fraction  # how many base units of the kind one unit is
    words: frozenset[str] = frozenset()  # the other words, without a plural s


def unit(text: str) -> Unit | None:
    """The unit or other words that `text` names; None where `text` names nothing."""
    capital = _CAPITALS.get(text.strip(" .,{}"))
    if capital:
        return _named(capital)
    text = _INVERSE.sub(r"/\1\2", text) if "^" in text and "-" in text else text
    text = _CAPITAL.sub(lambda match: _CAPITALS[match.group()], text) if "*" in text or "/" in text else text
    text = " ".join(
        text.lower()
        .replace("\\$", "dollar")
        .replace("$", "dollar")
        .replace("\\text", "")
        .replace("~", " ")
        .split()
    ).strip(" .,;:{}")
    degree = _DEGREE.match(text)
    if degree:
        return _named({"c": "celsius", "f": "fahrenheit", "k": "kelvin"}[degree.group(1)])
    text = text.replace("\\degree", "deg").replace("\\", "")
    known = _known(_RATES.get(text.replace("/", "").replace(" ", ""), text))
    if known:
        return known
    words = frozenset(word.removesuffix("s") for word in re.findall(r"[a-z]+", text) if word not in _NOISE)
    return Unit("", Fraction(1), words) if words else None


def fit(left: Unit | None, right: Unit | None) -> Fraction | None:
    """The factor from `left` to `right`: how many units `right` make one unit `left`.

    1 where a unit is missing and where both are the same words; None where the units do not fit.
    """
    if left is None or right is None:
        return Fraction(1)
    if left.kind and right.kind:
        if left.kind == right.kind:
            return left.worth / right.worth
        if {left.kind, right.kind} == {"volume", "length^3"}:
            return _litres(left) / _litres(right)
        loose = _loose(left.kind) == _loose(right.kind) and ("unit" in left.kind or "unit" in right.kind)
        return Fraction(1) if loose or {left.kind, right.kind} == {"mass", "pound"} else None
    if left.kind or right.kind:
        return None
    return Fraction(1) if left.words <= right.words or right.words <= left.words else None


def _litres(volume: Unit) -> Fraction:
    """How many litres a unit of volume is."""
    return volume.worth * (1000 if volume.kind == "length^3" else 1)


def _loose(kind: str) -> str:
    """The kind with `unit` for `length`: `18 units` may be any length."""
    return kind.replace("length", "unit")


def _known(text: str) -> Unit | None:
    text = re.sub(r"(?:\bp\.?\s?m|\ba\.?\s?m)\.?$", lambda match: match.group()[0] + "m", text)
    above, slash, below = re.sub(r"\bper\b|\ba\b(?= )", "/", text).partition("/")
    top = _times(above)
    if not slash or top is None:
        return top
    bottom = _times(below.strip().removeprefix("(").removesuffix(")"))
    return Unit(f"{top.kind}/{bottom.kind}", top.worth / bottom.worth) if bottom else None


def _times(text: str) -> Unit | None:
    """A unit or a product of units: `kg*m`, `N m`."""
    if (single := _atom(text.strip())) is not None:
        return single
    factors = [_atom(part) for part in re.split(r"\s?(?:\*|cdot)\s?|\s", text.strip()) if part]
    known = [factor for factor in factors if factor is not None]
    if len(known) < 2 or len(known) != len(factors):
        return None
    worth = Fraction(1)
    for factor in known:
        worth *= factor.worth
    return Unit("*".join(sorted(factor.kind for factor in known)), worth)


def _atom(text: str) -> Unit | None:
    match = _ATOM.fullmatch(text)
    if not match:
        return None
    before, name, digit, after = match.groups()
    single = _named(name) or _named(name.removesuffix("s") if len(name) > 2 else name)
    power = int(digit or _POWERS.get(before or after or "", 1))
    if name in ("unit", "units"):
        single = Unit("unit", Fraction(1))
    if single is None or power == 1:
        return single
    return Unit(f"{single.kind}^{power}", single.worth**power)


def _named(name: str) -> Unit | None:
    return Unit(*_KNOWN[name]) if name in _KNOWN else None
