"""Which number of a sentence is the answer.

Each number has a weight from the words around it: a number that only bounds, relates, lists or names never
counts, one in a circumstance or a clause counts less, one that a word such as `leaving` leads to counts more
(the tables of languages/english.py). The heaviest number is the answer, and of equal ones the last.
"""

import re
from collections.abc import Iterator
from itertools import pairwise

from stages.graders.languages import english
from stages.graders.languages.word_tables import any_of
from stages.graders.quantities.neighbours import (
    BOUND,
    NAME,
    PLACE,
    POSSESSED,
    RESULT_WORDS,
    WINDOW,
    kind_before,
    never_behind,
    weight_of,
)
from stages.graders.quantities.written_numbers import NUMBER, Number, compound, read

Match = re.Match[str]
SEVERAL = ""  # the text names several numbers, or none in particular

MAX_NUMBERS = 60  # numbers of one sentence, from the last
_RANGE = re.compile(r"-|\s?(?:to|through|till|until|\\text ?\{ ?to ?\}|--|-)\s?", re.IGNORECASE)
_OPERATOR = re.compile(r"\s?(?:[-+*/×÷^x]|\\times|\\cdot|\\div)\s?\$?")
_HEDGE = re.compile(
    rf"[\s,$]{{0,3}}\(?\s?(?:{any_of(english.HEDGES)})(?:\s(?:{any_of(english.HEDGES)}))?\s\$?", re.IGNORECASE
)
_COMMA = re.compile(r"\s?[,;]\s?\$?")
_CLAUSE = re.compile(
    rf"\b(?:{any_of(english.CLAUSES)}|(?:after|before|by|from) (?=[a-z]{{3,12}}ing\b)|"
    rf"(?<!have )(?<!has )(?<!had )(?<!need )(?<!needs )(?<!able )(?<!going )"
    r"to (?!get |give |make a total|be |the |an? )(?=[a-z]{2}))\b",
    re.IGNORECASE,
)
_CLAUSE_END = re.compile(r"[,;:.](?!\d)|\s[—-]\s")
_REASON = re.compile(r"because|since|given that", re.IGNORECASE)
_DATE = re.compile(
    r"\b(?:january|february|march|april|may|june|july|august|september|october|november|december)"
    r"\s\d{1,2}(?:st|nd|rd|th)?"
    r"(?:,?\s\d{4})?\b|\b\d{4}-\d{2}-\d{2}\b",
    re.IGNORECASE,
)
_CHANGE = re.compile(rf"\b{any_of(english.CHANGES)}\b", re.IGNORECASE)
_DASH = re.compile(r"\s(?:—|--|-)\s")
_LIST = re.compile(r":\s(?=[^\n]*\d[^\n]*\d)")
_SUMMED = re.compile(r"\b(?:total|sum|altogether|so|thus|hence|therefore|in all|final)\b|=", re.IGNORECASE)
_CHANCE = re.compile(any_of(english.PROBABILITY), re.IGNORECASE)
_CLOSE = re.compile(r"\d\s(?:in|out of)\s\d")
_ONE_IN = re.compile(r"\s(?:in|out of)\s")
_ARROW = re.compile(r"\s*(?:→|⇒|->|=>|\\to|\\Rightarrow)\s*")
_INTRODUCTION = re.compile(
    rf"(?:[\s:=≈~$(\[*_\"'-]|\\approx|(?:{any_of(english.INTRODUCTIONS)})(?!\w))*+", re.IGNORECASE
)


def numbers_of(text: str) -> list[Match]:
    """The matches of NUMBER in `text`, at most the last MAX_NUMBERS."""
    return list(NUMBER.finditer(text))[-MAX_NUMBERS:]


def choose(text: str, announced: bool) -> Match | str | None:
    """The match of the number that the sentence `text` states; SEVERAL where an announced sentence names
    several numbers or bounds one, None where there is no number.

    `announced`: the text follows words that announce an answer, so that its first words are the answer.
    """
    matches = numbers_of(text)
    if not matches:
        return None
    pairs = list(pairwise(matches))
    if pairs and all(_ARROW.fullmatch(text, left.end(), right.start()) for left, right in pairs):
        return matches[-1]  # `5 → 10 → 20`
    weights = list(_weights(text, matches))
    is_head = announced and starts(text, matches[0])
    if is_head and weights[0] is not None:
        weights[0] += 1.5
    allowed = [weight for weight in weights if weight is not None]
    if not allowed or (is_head and weights[0] is None and max(allowed) < 1):
        return SEVERAL if announced else None
    best = max(allowed)
    heaviest = [match for match, weight in zip(matches, weights, strict=True) if weight == best]
    return heaviest[0 if announced and best < 2 else -1]


def starts(text: str, first: Match | None) -> bool:
    """Whether `text` starts with its first number, after words that only introduce a number."""
    if first is None or _INTRODUCTION.fullmatch(text, 0, first.start()) is None:
        return False
    return kind_before(text[: first.start()]) != POSSESSED


def joined(text: str, left: Match, right: Match) -> bool:
    """Whether the text between two numbers makes a list, a range or a choice of them."""
    gap = text[left.end() : right.start()]
    if len(gap) > WINDOW:
        return False
    if _HEDGE.fullmatch(gap):
        return compound(text, left)[1] < right.end()
    return _COMMA.fullmatch(gap) is not None or (
        _RANGE.fullmatch(gap) is not None and not right["sign"] and gap.strip() != "" and " - " not in gap
    )


def _weights(text: str, matches: list[Match]) -> Iterator[float | None]:
    """The weight of each number; None for one that never is the answer."""
    if len(matches) == 1:
        yield _alone(text, matches[0])
        return
    clauses = list(_clauses(text, matches))
    listed = _LIST.search(text, matches[0].end())
    after_list = listed.end() if listed and not _SUMMED.search(text, listed.end()) else len(text) + 1
    dash = _DASH.search(text, matches[0].end())
    after_dash = dash.end() if dash else len(text) + 1
    excluded = _excluded(text, matches)
    dates = [date.span() for date in _DATE.finditer(text)]
    for place, match in enumerate(matches):
        start = match.start()
        previous = matches[place - 1] if place else None
        weight = None if place in excluded else weight_of(text, match, previous)
        if weight is not None:
            weight -= 2.0 * any(begin <= start < end for begin, end in clauses)
            weight -= 2.0 * (start >= after_list) + 2.0 * (start >= after_dash)
            weight -= 3.0 * any(begin <= start < end for begin, end in dates)
            weight -= 3.0 * (text.count("(", 0, start) > text.count(")", 0, start))
            following = matches[place + 1] if place + 1 < len(matches) else None
            weight -= 2.0 * _is_operand(text, previous, match, following)
        yield weight


def _alone(text: str, match: Match) -> float | None:
    """The weight of the only number of a text."""
    behind = text[match.end() : match.end() + WINDOW]
    if kind_before(text[max(0, match.start() - WINDOW) : match.start()]) == BOUND:
        return None
    return None if never_behind(behind) else 0.0


def _excluded(text: str, matches: list[Match]) -> set[int]:
    """The places of the numbers that stand in a list, a range or a choice."""
    excluded: set[int] = set()
    for place in range(1, len(matches)):
        left, right = matches[place - 1], matches[place]
        if not joined(text, left, right) or _is_same(read(left), read(right)):
            continue
        before = kind_before(text[max(0, left.start() - WINDOW) : left.start()])
        gap = text[left.end() : right.start()]
        # no list: `in 2019, 12 people left`, `3 times more than 6, or 18`
        is_apart = before in (PLACE, NAME, BOUND) and "," in gap
        is_change = gap.strip() == "to" and _CHANGE.search(text, 0, left.start()) is not None
        if not (is_apart or is_change):
            excluded |= {place - 1, place}
    return excluded


def _is_same(left: Number, right: Number) -> bool:
    """Whether two numbers are equal, or one is the other in percent: `3/10, or 30%`."""
    if left.value == right.value or left.scaled == right.scaled:
        return True
    return left.percent != right.percent and abs(left.scaled - right.scaled) * 100 < abs(left.scaled)


def _clauses(text: str, matches: list[Match]) -> Iterator[tuple[int, int]]:
    """Where the clauses begin and end whose numbers are hardly the answer."""
    for opener in _CLAUSE.finditer(text):
        if RESULT_WORDS.match(text, opener.start()):
            continue
        if opener.group().lower().startswith("to ") and opener.start() < matches[0].end():
            continue
        end = None if _REASON.match(opener.group()) else _CLAUSE_END.search(text, opener.end())
        yield opener.start(), end.start() if end else len(text)


def _is_operand(text: str, previous: Match | None, match: Match, following: Match | None) -> bool:
    """Whether a number is added, multiplied or the like, with the number before or behind."""
    return any(
        left is not None
        and right is not None
        and _OPERATOR.fullmatch(text, left.end(), right.start()) is not None
        for left, right in ((previous, match), (match, following))
    )


def one_in(text: str) -> tuple[int, int] | None:
    """The numbers of `1 in 8`, where `text` is of chance or nothing else; None where there are none."""
    if _CLOSE.search(text) is None:
        return None
    matches = numbers_of(text)
    for left, right in pairwise(matches):
        if _ONE_IN.fullmatch(text, left.end(), right.start()) and left["decimal"] and right["decimal"]:
            above, below = read(left).value, read(right).value
            is_whole = above.denominator == below.denominator == 1 and 0 <= above <= below and below
            is_all = not text[: left.start()].strip() and not text[right.end() :].strip(" .")
            if is_whole and (is_all or _CHANCE.search(text)):
                return int(above), int(below)
    return None
