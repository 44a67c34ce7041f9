"""An option that is named by its label and its text, by its number, or by its place: `(C) No, because ...`,
`(4) Saturn`, `the third option`."""

import re
import string

from stages.graders.languages import english
from stages.graders.languages.word_tables import any_of, phrases
from stages.graders.words.words import normal

_LABEL = re.compile(
    r"[\W_]{0,9}(?:(?:option|choice|answer)\s)?[(\[*\"]{0,4}(?P<label>[A-Za-z]|\d{1,2})"
    r"(?:[)\]*\".:,–—-]{1,5}|\s[-–—:])\s{0,3}[-–—:,]?\s{0,3}(?P<rest>\S.*)?",
    re.DOTALL | re.IGNORECASE,
)
_ANOTHER = re.compile(
    r"(?:[,;]|\bor|\band)\s{1,2}(?:or\s|and\s)?(?:option\s)?\(?[A-Z](?:[),:]|\s\()"
)  # `C (x) or D (y)`
_NUMBER = re.compile(
    r"\W{0,5}(?:(?:option|choice|answer|number|no\.)\s)?\(?(?P<number>\d{1,2})[).:]{0,2}\W{0,5}",
    re.IGNORECASE,
)
_NUMBERED = re.compile(
    r"\b(?:option|choice|alternative)\s\(?(?P<number>\d{1,2})\)?(?![\w.%/])", re.IGNORECASE
)
_ORDINAL = re.compile(
    rf"\bthe\s(?:very\s)?(?P<place>{any_of(english.ORDINALS)}|last)\s{any_of(english.OPTION_NOUNS)}(?!\w)",
    re.IGNORECASE,
)
_PLACES = {word: place for place, row in enumerate(english.ORDINALS) for word in phrases((row,))}
_HOMOGLYPHS = str.maketrans("АВСЕ", "ABCE")  # Cyrillic letters that look like Latin ones
_ALONE = re.compile(r"(?<!\w)[АВСЕ](?!\w)")


def latin(text: str) -> str:
    """`text` with Latin letters for single Cyrillic ones of the same look: `Ответ: В` names option B."""
    if text.isascii() or "Б" in text or not _ALONE.search(text):
        return text
    return _ALONE.sub(lambda match: match.group().translate(_HOMOGLYPHS), text)


def labelled(text: str, choices: list[str], forms: list[str]) -> str | None:
    """The letter of the option whose label starts `text` and whose text follows the label; None where the two
    do not go together. `forms` are the normal forms of `choices`."""
    match = _LABEL.match(text)
    if match is None or not match["rest"]:
        return None
    label = match["label"]
    place = int(label) - 1 if label.isdigit() else string.ascii_uppercase.find(label.upper())
    if not 0 <= place < len(choices):
        return None
    rest, form = normal(match["rest"][:600]), forms[place]
    if _ANOTHER.search(match["rest"]):
        return None
    return string.ascii_uppercase[place] if form and f"{rest} ".startswith(f"{form} ") else None


def numbered(text: str, choices: list[str]) -> str | None:
    """The letter of the option whose number is all of `text`, or stands behind `option`; None where options
    hold numbers themselves."""
    if any(any(map(str.isdigit, option)) for option in choices):
        return None
    match = _NUMBER.fullmatch(text)
    numbers = (
        {int(match["number"])} if match else {int(option["number"]) for option in _NUMBERED.finditer(text)}
    )
    return _at(numbers, choices)


def placed(text: str, choices: list[str]) -> str | None:
    """The letter of the option that `text` names by its place: `the third one`."""
    text = text if text.lower().startswith("the ") else f"the {text.strip()}"
    places = {
        len(choices) if match["place"].lower() == "last" else _PLACES[match["place"].lower()] + 1
        for match in _ORDINAL.finditer(text)
    }
    return _at(places, choices)


def _at(numbers: set[int], choices: list[str]) -> str | None:
    number = numbers.pop() if len(numbers) == 1 else 0
    return string.ascii_uppercase[number - 1] if 1 <= number <= len(choices) else None
