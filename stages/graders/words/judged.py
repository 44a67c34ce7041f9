"""The option that a list of judgements leaves: `(A) ✗ (B) ✓`, `A: incorrect. B: correct.`"""

import re

from stages.graders.languages import english
from stages.graders.languages.word_tables import any_of

NOTHING = ""  # several options are called right
MAX_TEXT = 4000  # characters at the end of a text that are searched

_TICKS, _CROSSES = "✅✓✔☑", "❌✗✘✖☒"
_LABEL = r"(?<![A-Za-z0-9])[(\[]?(?P<letter>[A-H])[)\]]?"
_TICKED = re.compile(
    rf"{_LABEL}(?P<gap>(?:(?![(\[]?(?<![A-Za-z])[A-H][)\].:])[^\n{_TICKS}{_CROSSES}]){{0,80}})"
    rf"(?P<mark>[{_TICKS}{_CROSSES}])"
)
_BEFORE = re.compile(  # `✓ B. Venus`
    rf"^[^\w\n{_TICKS}{_CROSSES}]{{0,5}}(?P<mark>[{_TICKS}{_CROSSES}])\ufe0f?[ \t]?(?:\*\*)?{_LABEL}[).:]",
    re.MULTILINE,
)
_SAID = re.compile(
    rf"{_LABEL}\s?[:.)–-]{{1,2}}\s{{1,2}}(?:(?P<right>{any_of(english.RIGHT)})|{any_of(english.WRONG)})"
    rf"(?![\w'-])",
    re.IGNORECASE,
)
_LINE = re.compile(  # `C. Rome - Yes`
    rf"^[^\w\n]{{0,5}}(?P<letter>[A-H])[.):][^\n]{{1,80}}?\s[-–—]\s(?:(?P<right>{any_of(english.RIGHT)})"
    rf"|{any_of(english.WRONG)})(?![\w'-])",
    re.IGNORECASE | re.MULTILINE,
)
_LIKELY = re.compile(rf"{_LABEL}\s?(?:[:=]\s?|\()(?P<share>\d{{1,3}}(?:\.\d+)?\s?%|0?\.\d+|1\.0+)")


def judged(text: str) -> str | None:
    """The letter of the only option that `text` calls right; NOTHING where there are several, None where
    `text` judges fewer than two options."""
    text = text[-MAX_TEXT:]
    if any(sign in text for sign in _TICKS + _CROSSES):
        marks = {match["letter"]: match["mark"] in _TICKS for match in _BEFORE.finditer(text)}
        marks = marks or {match["letter"]: match["mark"] in _TICKS for match in _TICKED.finditer(text)}
        return _only([letter for letter, right in marks.items() if right]) if len(marks) > 1 else None
    if ":" in text or ")" in text:
        said = {match["letter"].upper(): bool(match["right"]) for match in _SAID.finditer(text)}
        if len(said) > 2 or (len(said) == 2 and sum(said.values()) == 1):
            return _only([letter for letter, right in said.items() if right])
    if "\n" in text:
        lines = {match["letter"]: bool(match["right"]) for match in _LINE.finditer(text)}
        if len(lines) > 2:
            return _only([letter for letter, right in lines.items() if right])
    return _likeliest(text) if ":" in text or "(" in text else None


def _only(letters: list[str]) -> str | None:
    if not letters:
        return None
    return letters[0] if len(letters) == 1 else NOTHING


def _likeliest(text: str) -> str | None:
    """The option with the largest of several shares, where the share is more than half."""
    shares: dict[str, float] = {}
    for match in _LIKELY.finditer(text):
        number = match["share"].replace(" ", "")
        shares[match["letter"]] = float(number[:-1]) / 100 if number.endswith("%") else float(number)
    if len(shares) < 2 or not 0.9 <= sum(shares.values()) <= 1.1:
        return None
    best = max(shares, key=lambda letter: shares[letter])
    return best if shares[best] > 0.5 else None
