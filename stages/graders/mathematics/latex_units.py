"""Splits a unit or a currency off an answer in LaTeX: `15\\mbox{ cm}^2`, `$5`, `5 km`, `18 apples`."""

import re

from stages.graders.mathematics.lexer import CONSTANTS, FUNCTIONS
from stages.graders.quantities.units import WORDS, Unit, unit

TEXT = re.compile(
    r"\\(?:text\w{0,6}|mbox|mathrm|mathbf|mathit|mathsf|operatorname\*?|bf|rm|hbox|emph"
    r"|mathop)\s*\{([^{}]*)\}"
)
PERCENT = re.compile(
    r"(?:\\?%|(?<=[\d\s}$)])(?:percent(?:age)?(?: points?)?|per cent|pct)\b\.?)", re.IGNORECASE
)
_COIN = re.compile(
    r"^([-+]?)\s*(\\\$|\\(?:eur|gbp|yen|inr|pounds)\b|\$(?=\s*[-+]?[\d.])|US\$|USD\b|EUR\b)\s*"
)
_COIN_BEHIND = re.compile(r"\s*(\\\$|\\(?:eur|gbp|yen|inr)\b|(?<=\d)\s*\$)$")
_KNOWN = "|".join(sorted((word for word in WORDS if len(word) > 1), key=len, reverse=True))
_ATOM = (
    rf"(?:(?:square|sq|cubic|cu)\.?\s*)?(?:{_KNOWN}|units?|[msghl](?![A-Za-z']))(?:e?s)?\b\.?"
    r"(?:\s*\^\s*\{?\s*\d\s*\}?|\s*(?:squared|cubed)\b)?"
)
_UNIT = re.compile(
    rf"(?:(?<=[\d}})\]])\s*|(?<=[A-Za-z])\s+)((?:{_ATOM}|[ap]\.\s?m\b\.?)(?:\s?[*]\s?(?:{_ATOM}"
    rf"|N)){{0,2}}(?:\s*(?:/|\bper\b"
    rf"|\ba\b)\s*{_ATOM})?)\s*\.?$",
    re.IGNORECASE,
)
_PART = r"(?:[NJWVKACT]|k?g|[kcm]?m|s|h|mol|k[JWNV]|min)(?:\s?\^\s?\{?-?\d\}?)?"
_PRODUCT = re.compile(rf"(?<=[\d}}])\s+({_PART}(?:\s?[*/]\s?\(?{_PART}\)?){{1,3}})$")  # `6 kg*m/s`, `21 N*m`
_TEMPERATURE = re.compile(r"\s*\\degree\s*([CFK])\s*$")
_CAPITAL = re.compile(
    r"(?<=[\d}])\s*(\\Omega)\s*$|(?<=[\d}])\s+(?:\*\s*)?([NJWVKLACTF]|[kMG]?eV|[kM]?ohms?)$"
)
_NOUN = re.compile(r"^([^A-Za-z]*[\d})!])\s+([A-Za-z][A-Za-z]{2,}(?:[ -][A-Za-z]{2,}){0,4})\s*\.?$")
_CONNECTORS = frozenset(
    re.findall(r"\w+", "and or if for when mod to where than with base not but from such is are")
)
SCALES = frozenset(["hundred", "thousand", "million", "billion", "trillion", "dozen"])


def split_text(text: str) -> tuple[str, Unit | None]:
    """`text` without a unit in a text command at its end, and the unit: `15\\mbox{ cm}^2`.

    `text` itself and None where the command does not follow a quantity or is no unit.
    """
    commands = list(TEXT.finditer(text))
    if not commands or not commands[-1].start():
        return text, None
    last = commands[-1]
    start, words = last.start(), last.group(1)
    if len(commands) > 1 and commands[-2].start() and _joins_units(text[commands[-2].end() : start]):
        start = commands[-2].start()
        words = re.sub(r"\\\w+\s*\{([^{}]*)\}", r"\1", text[start : last.end()])
    before = re.sub(r"(?:\\[,;:! ]|[\s~])+$", "", text[:start])
    tail = text[last.end() :].strip().strip("$").strip()
    if not _is_quantity(before, words) or not _is_unit(words, tail):
        return text, None
    if before.endswith("\\degree") and words.strip() in ("C", "F", "K"):
        return before[:-7], unit("\\degree" + words)
    spaced = re.sub(r"\\[,;:! ]|~|\\cdot|\*", " ", words)
    if (named := unit(spaced)) is not None and named.kind and not tail:
        return before, named
    if re.search(r"\d", words) or PERCENT.fullmatch(" " + words.strip(), 1):
        return text, None
    return before, unit(words + tail)


def _joins_units(between: str) -> bool:
    """Whether the text between two text commands makes one unit of both: a slash, a product, an exponent."""
    return re.fullmatch(r"[\s/*]*(?:\\cdot)?\s*(?:\^\s*\{?\d\}?)?[\s/]*", between) is not None


def _is_quantity(before: str, words: str) -> bool:
    """Whether `before` ends in a number or, where `words` are a known unit, in a letter."""
    if re.search(r"[\d})!$%]\s*$|\\pi\s*$|\\degree\s*$", before) and re.search(r"\d|\\pi", before):
        return True
    name = words.strip(" .")
    return re.search(r"[A-Za-z]\s*$", before) is not None and name in WORDS and len(name) > 1


def _is_unit(words: str, tail: str) -> bool:
    """Whether `words` may be a unit, with the exponent `tail`; scale words, constants and connectors are
    none."""
    if words.split()[:1] and words.split()[0] in SCALES:
        return False
    if words.strip() in CONSTANTS or not re.fullmatch(r"(?:\^\s*\{?-?\d\}?)?\.?", tail):
        return False
    return not set(re.findall(r"[a-z]+", words.lower())) & _CONNECTORS


def split_bare(text: str) -> tuple[str, Unit | None]:
    """`text` without a currency before or a unit or nouns behind, and what was split off: `$5`, `5 km`, `18
    apples`. `text` itself and None where there is none."""
    if coin := _COIN.match(text):
        name = coin.group(2).lower().replace("us$", "$").replace("\\pounds", "\\gbp")
        return coin.group(1) + text[coin.end() :], unit(name)
    if (behind := _COIN_BEHIND.search(text)) and _is_coin(text, behind):
        return text[: behind.start()], unit(behind.group(1))
    if match := _TEMPERATURE.search(text):
        return text[: match.start()], unit("\\degree" + match.group(1))
    if match := _CAPITAL.search(text):
        return text[: match.start()], unit(match.group(1) or match.group(2))
    if (match := _PRODUCT.search(text)) and (named := unit(match.group(1))) is not None and named.kind:
        return text[: match.start()], named
    if (match := _UNIT.search(text)) and not _is_function(text[: match.start()]):
        return text[: match.start()], unit(match.group(1))
    if (noun := _NOUN.match(text)) and _is_noun(noun.group(2)):
        return noun.group(1), unit(noun.group(2))
    return text, None


def _is_coin(text: str, behind: "re.Match[str]") -> bool:
    """Whether the dollar sign at the end is a currency and not the end of a formula."""
    is_unpaired = text.count("$") % 2 + ("\\$" not in behind.group(1)) != 0
    return is_unpaired and behind.start() > 0 and "$" not in text[: behind.start()]


def _is_noun(words: str) -> bool:
    """Whether `words` are no scale word, connector, function or constant."""
    reserved = _CONNECTORS | FUNCTIONS | CONSTANTS.keys()
    return words.split()[0] not in SCALES and not set(words.lower().split()) & reserved


def _is_function(before: str) -> bool:
    """Whether `before` ends in a word or a function's name, or has no number at all, so that no unit
    follows."""
    last = re.search(r"([A-Za-z]{2,})\s*$", before)
    if last:
        return last.group(1) not in ("pi", "degree")
    return not re.search(r"\d|\\pi", before)
