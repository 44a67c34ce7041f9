"""The weight that the words right before and right behind a number give it (the tables of english.py)."""

import re

from stages.graders.languages import english
from stages.graders.languages.wordlists import Table, any_of, phrases

Match = re.Match[str]
WINDOW = 60  # characters that are looked at before and behind a number
_WORD = re.compile(r"[A-Za-z][A-Za-z.'/-]*|[^\sA-Za-z$*_]")
BOUND, APPROXIMATE, NAME, PART, POSSESSED, PLACE, RESULT, EXACT = range(8)
_TABLES: tuple[tuple[int, Table], ...] = (
    (PLACE, english.PLACES),
    (POSSESSED, english.POSSESSED),
    (PART, english.PARTS),
    (NAME, english.NAMES),
    (APPROXIMATE, english.APPROXIMATIONS),
    (RESULT, english.RESULTS),
    (RESULT, english.FAR_RESULTS),
    (BOUND, english.BOUNDS),
)
_BEFORE = {phrase: kind for kind, table in _TABLES for phrase in phrases(table)} | {
    "exactly": EXACT, "precisely": EXACT, "only": EXACT, "→": RESULT, "⇒": RESULT, "\\to": RESULT,
}  # fmt: skip
_LONGEST = max(len(phrase.split()) for phrase in _BEFORE)
_COSTS = {
    APPROXIMATE: 0.0,
    NAME: -3.0,
    PART: -3.0,
    POSSESSED: -1.0,
    PLACE: -2.0,
    RESULT: 2.0,
    EXACT: -1.0,
}
_BOUND_BEHIND = re.compile(
    rf"(?:\s?[A-Za-z]{{2,14}})?,?\s(?:{any_of(english.BOUNDS_BEHIND)})(?!\w)", re.IGNORECASE
)
_RELATION_BEHIND = re.compile(rf"\s{any_of(english.RELATIONS_BEHIND)}(?!\w)", re.IGNORECASE)
_DIFFERENCE = re.compile(
    rf"\s(?:{any_of(english.DIFFERENCES_BEHIND)}|(?:more|less|fewer)(?:\s[a-z]{{2,14}}){{1,2}}\sthan)\b"
)
_TOTAL_BEHIND = re.compile(rf"[^,;.:(\d]{{0,40}}?\b{any_of(english.TOTALS_BEHIND)}(?!\w)", re.IGNORECASE)
_OF_BEHIND = re.compile(r"\s?(?:%|percent)?\sof\b(?!\sthem\b)")
_OF_WHICH = re.compile(r"\sof (?:which|whom)\b")  # `120 tickets, 45 of which were sold`
_YEAR = re.compile(r"(?:19|20)\d\d")
_COMPOUND = re.compile(r"-[A-Za-z]")
RESULT_WORDS = re.compile(rf"(?<![\w.])(?:{any_of(english.RESULTS)})(?!\w)|→|⇒|\\to\b", re.IGNORECASE)
_FAR_RESULT = re.compile(rf"(?<![\w.])(?:{any_of(english.FAR_RESULTS)})(?!\w)|→|⇒|\\to\b", re.IGNORECASE)


def kind_before(before: str) -> int | None:
    """What the words at the end of `before` make of the number behind; the longest phrase decides."""
    words = _WORD.findall(before.lower())[-_LONGEST:]
    for first in range(len(words)):
        kind = _BEFORE.get(" ".join(words[first:]))
        if kind == POSSESSED and first and _BEFORE.get(words[first - 1]) == PLACE:
            return PLACE  # `in the 2 classes`
        if kind is not None:
            return kind
    return None


def never_behind(behind: str) -> bool:
    """Whether the words behind a number say that it never is the answer: a bound, a factor, an adjective."""
    return (
        _RELATION_BEHIND.match(behind) is not None
        or _BOUND_BEHIND.match(behind) is not None
        or _COMPOUND.match(behind) is not None
    )


def weight_of(text: str, match: Match, previous: Match | None) -> float | None:
    """The weight that the words right before and behind a number give it."""
    start = match.start()
    floor = previous.end() if previous else 0
    before = text[max(floor, start - WINDOW) : start]
    behind = text[match.end() : match.end() + WINDOW]
    kind = kind_before(before)
    if kind == BOUND or never_behind(behind):
        return None
    if kind == PART and before.strip().lower() == "of" and previous is None:
        kind = None  # `a mean of 5`
    if kind == PART and before.split()[-1:] == ["of"] and len(before.split()) > 4:
        kind = None
    if kind == EXACT and previous is None:
        kind = None
    if kind == PLACE and match["coin"] and before.lower().split()[-1:] == ["for"]:
        kind = None  # `6 sweaters for $32`
    weight = _COSTS.get(kind, 0.0) if kind is not None else 0.0
    if kind == APPROXIMATE and previous is not None and len(before.split()) <= 3:
        weight = -2.0
    if kind != RESULT and previous is not None and _has_result(before):
        weight += 2.0
    if _DIFFERENCE.match(behind):
        weight -= 4.0
    if kind == PLACE and _YEAR.fullmatch(match.group()):
        weight -= 1.0
    if _OF_WHICH.match(behind):
        weight -= 3.0
    if match["percent"] and _OF_BEHIND.match(behind):
        weight = -2.0
    return weight + (1.0 if _TOTAL_BEHIND.match(behind) else 0.0)


def _has_result(gap: str) -> bool:
    return _FAR_RESULT.search(gap) is not None
