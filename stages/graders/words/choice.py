"""Which option an answer names: its letter, or, where no letter stands, its text. Two options name none."""

import re
import string
from functools import lru_cache

from stages.graders.reading.discard import first_sentence, straight
from stages.graders.reading.span import Span
from stages.graders.words.letters import affirmed, bracketed, chosen, leading, letters, opened
from stages.graders.words.words import normal, plain

MAX_SPAN = 1000  # characters that are looked at for letters
MAX_PROSE = 20_000  # and of a whole text
NOTHING = ""  # what is committed to is not one option

_START = re.compile(
    r"[\W_]{0,9}(?:\((?P<low>[A-Za-z])\)|(?P<bare>[A-Za-z])(?:[.):\]]|\s{0,3}$|\s{0,3}\n))(?=\s|$"
    r"|[^\x00-\x7f])"
)
_SINGLE = re.compile(r"[^A-Za-z0-9]{0,20}([A-Za-z])[^A-Za-z0-9]{0,20}")
_SMALL = re.compile(
    r"\W{0,5}(?:(?:I (?:believe|think|say|would say|choose|pick)(?: that)?|so|thus|therefore|hence),? )?"
    r"(?:(?:[Tt]he )?(?:correct |best |right )?(?:[Oo]ption|[Cc]hoice"
    r"|[Ll]etter)(?: is)? \(?([a-z])\)?(?![\w'])"
    r"|\(?([a-z])\)? (?:because|since)\b)"
)
_SUBJECT = re.compile(  # `C is too large` tells of C, and does not choose it
    r"[)\]\"'*]{0,3} (?:is|was|are|has|have|does|do|would|could|can|says|states|describes|refers|gives|means"
    r"|makes|seems|looks)\b"
)
_QUESTION = re.compile(r"[^.?!\n]{0,300}\?(?=\s*\w)")
_UNDECIDED = re.compile(
    r"\b(?:cannot|can't|could not|couldn't|can not|unable to|not able to|no way to|impossible to"
    r"|hard to) (?:\w{1,12}ly )?"
    r"(?:determine|tell|choose|pick|select|decide|say|know|answer)\b",
    re.IGNORECASE,
)
_YET = re.compile(r"\b(?:but|however|so|although|though|yet|still)\b|[;:]", re.IGNORECASE)
_MARKED = re.compile("[✅✓✔❌✗✘]")  # the last of a list of options, each marked
_DENIALS = ("not", "isn t", "can t be", "cannot be", "rather than", "instead of", "never")

Choices = list[str] | None


def gold(text: str, choices: Choices) -> str | None:
    """The gold option as a letter; None where it is none of them."""
    bare = text.strip().strip("()")
    if len(bare) == 1 and bare in _offered(choices):
        return bare
    return _same_text(text, choices or [])


def first(letter: str, choices: Choices) -> str:
    """The first letter with the same text as `letter`: data sets hold problems with the same option twice."""
    if not letter or not choices:
        return letter
    return _same_text(choices[string.ascii_uppercase.index(letter)], choices) or letter


def final(span: Span, choices: Choices) -> str | None:
    """The letter of the option that `span` commits to; NOTHING where it commits to several or to one that is
    not there; None where it commits to nothing."""
    offered, options = _offered(choices), choices or []
    text = straight(plain(span.text))
    if span.rule == "opening":
        return _opened(text[:MAX_PROSE], offered, options)
    if span.rule == "text":
        return _in_prose(text[:MAX_PROSE], offered)
    text = _QUESTION.sub(" ", text[:MAX_SPAN])
    if span.rule == "alone" and _MARKED.search(text):
        return None
    if single := _SINGLE.fullmatch(text):
        return _one([single.group(1).upper()], offered)
    if span.rule == "alone":
        return _same_text(text, options)
    sentence = first_sentence(text)
    by_text = _same_text(text, options) or (
        _same_text(sentence, options) if len(sentence.strip()) > 1 else None
    )
    if by_text:
        return by_text
    if (undecided := _UNDECIDED.search(sentence)) and not _YET.search(sentence, undecided.end()):
        return NOTHING
    found = _by_letter(text, offered, span.rule)
    return found if found is not None else _within(text, options)


def _opened(text: str, offered: str, options: list[str]) -> str | None:
    """The option that a text of several sentences or lines names first of all, as its verdict: by its letter,
    or as it was offered."""
    line, _, rest = text.strip().partition("\n")
    if (
        rest
        and (letter := _start(line).upper())
        and letter in offered
        and _same_text(_START.sub("", line, count=1), options) == letter
    ):
        text = f"{letter}\n{rest}"
    named = opened(text)
    return named if named and named in offered else None


def _offered(choices: Choices) -> str:
    return string.ascii_uppercase[: len(choices)] if choices else string.ascii_uppercase


def _by_letter(text: str, offered: str, rule: str) -> str | None:
    start = _start(text) or _small(text)
    if start.islower() and start.upper() in offered:
        return start.upper()
    text = affirmed(text)
    candidates = letters(text)
    if not candidates:
        return None
    picked = chosen(text)[-1:]
    if (lead := leading(text, candidates)) and not (
        rule == "last" and not picked and _SUBJECT.match(text, candidates[0].end())
    ):
        return _one(lead, offered)
    if rule == "last":
        return _one(bracketed(text, candidates), offered) or _one(picked, offered)
    sentence = first_sentence(text)
    within = [letter for letter in candidates if letter.end() <= len(sentence)]
    for named in (bracketed(sentence, within), [letter.group("letter") for letter in within], picked):
        if named:
            return _one(named, offered)
    return None


def _start(text: str) -> str:
    """The letter that `text` starts with where it is set apart: `B. Because`, `(b) 36`; empty where there is
    none."""
    start = _START.match(text)
    return (start.group("low") or start.group("bare")) if start else ""


def _small(text: str) -> str:
    """A small letter that is surely meant as one: `option b`, `b because`."""
    match = _SMALL.match(text)
    return (match.group(1) or match.group(2)) if match else ""


def _one(named: list[str], offered: str) -> str | None:
    """The only letter of `named`; NOTHING where there are several, or it is no option; None where there is
    none."""
    if not named:
        return None
    return named[0] if len(set(named)) == 1 and named[0] in offered else NOTHING


def _in_prose(text: str, offered: str) -> str | None:
    """The option that a text without a marker chooses: the last of `I choose B`, `B is correct`, else `B.
    Because ...` at its start."""
    picked = [letter for letter in chosen(affirmed(text)) if letter in offered][-1:]
    if picked and picked[0] not in "AI":
        return picked[0]
    start = _start(text).upper()
    return start if start and start in offered else None


@lru_cache(maxsize=4096)
def _form(option: str) -> str:
    """An option in normal form; a problem's options are met once for each of its responses."""
    return normal(option)


def _same_text(text: str, choices: list[str]) -> str | None:
    """The letter of the first option whose text is `text`."""
    answer = normal(text)
    matches = [
        letter
        for letter, option in zip(string.ascii_uppercase, choices, strict=False)
        if answer and _form(option) == answer
    ]
    return matches[0] if matches else None


def _within(text: str, choices: list[str]) -> str | None:
    """The only option whose text stands in `text` as whole words; one that stands in another named one does
    not count."""
    padded = f" {normal(text)} "
    forms = dict(zip(string.ascii_uppercase, map(_form, choices), strict=False))
    named = {
        letter: form
        for letter, form in forms.items()
        if form and f" {form} " in _without_denied(padded, form)
    }
    longest = {
        form
        for form in named.values()
        if not any(form != longer and form in longer for longer in named.values())
    }
    if not longest:
        return None
    return next(letter for letter, form in named.items() if form in longest) if len(longest) == 1 else NOTHING


def _without_denied(padded: str, form: str) -> str:
    for denial in _DENIALS:
        padded = padded.replace(f" {denial} {form} ", " ")
    return padded
