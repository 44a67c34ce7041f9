"""Which option an answer names, by the letter or the text of the option. An answer that names two names
none."""

import re
import string

from stages.graders.reading.discard import first_sentence, straight
from stages.graders.reading.span import Span
from stages.graders.words.judged import judged
from stages.graders.words.letters import affirmed, bracketed, chosen, leading, letters, opened
from stages.graders.words.option_labels import labelled, latin, numbered, placed
from stages.graders.words.option_texts import NOTHING, in_line, normal_form, same_text, within
from stages.graders.words.truth import stance, truths
from stages.graders.words.words import plain

MAX_SPAN = 1000  # characters of a span that are searched
MAX_PROSE = 20_000  # characters of a whole response that are searched

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
_SUBJECT = re.compile(  # `C is too large` is a remark about C and chooses nothing
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
_OR_OTHER = re.compile(  # `B; or possibly D`, `A, shop; or C, bank`
    r"[;,]\s(?:or|and/or|alternatively,?|and)\s(?:(?:possibly|maybe|perhaps|even|also)\s"
    r"(?:option\s)?\(?(?P<after_maybe>[A-Z])(?!\w)"
    r"|(?:option\s)?\(?(?P<listed>[A-Z])[),:](?=\s))"
)
_YET = re.compile(r"\b(?:but|however|so|although|though|yet|still)\b|[;:]", re.IGNORECASE)
_MARKED = re.compile("[✅✓✔❌✗✘]")  # a line of a list of options with a sign for each

Choices = list[str] | None


def gold(text: str, choices: Choices) -> str | None:
    """The letter of the gold option; None where `text` is no option."""
    bare = text.strip().strip("()")
    if len(bare) == 1 and bare in _offered(choices):
        return bare
    return same_text(text, choices or [])


def first(letter: str, choices: Choices) -> str:
    """The first letter whose option has the same text as that of `letter`: some problems have an option
    twice."""
    if not letter or not choices:
        return letter
    return same_text(choices[string.ascii_uppercase.index(letter)], choices) or letter


def final(span: Span, choices: Choices) -> str | None:
    """The letter of the option that `span` commits to; None where the span commits to no option.

    NOTHING where the span commits to several options, or to one that is not offered.
    """
    offered, options = _offered(choices), choices or []
    text = latin(straight(plain(span.text)))
    if span.rule == "opening":
        named = judged(text)
        return _opened(text[:MAX_PROSE], offered, options) if named is None else named
    if span.rule == "text":
        letter = _in_prose(text[:MAX_PROSE], offered)
        return letter if letter is not None else in_line(text[-MAX_SPAN:].rpartition("\n")[2], options)
    text = _QUESTION.sub(" ", text[:MAX_SPAN])
    if span.rule == "alone" and _MARKED.search(text):
        return None
    if single := _SINGLE.fullmatch(text):
        letter = single.group(1).upper()
        return letter if letter in offered else same_text(text, options) or NOTHING
    return same_text(text, options) if span.rule == "alone" else _announced(span, text, offered, options)


def _announced(span: Span, text: str, offered: str, options: list[str]) -> str | None:
    """The option that what follows an announcement names.

    `text` is the span made plain, without questions.
    """
    if options and (
        letter := labelled(span.text[:MAX_SPAN], options, [normal_form(option) for option in options])
    ):
        return letter
    sentence = first_sentence(text)
    by_text = same_text(text, options) or (
        same_text(sentence, options) if len(sentence.strip()) > 1 else None
    )
    if by_text:
        return by_text
    letter = _by_letter(text, offered, span.rule)
    if _undecided(sentence) or (letter and _names_another(sentence, letter)):
        return NOTHING
    if letter is None:
        letter = within(text, options)
    if letter is None and (meanings := truths(tuple(options))):
        letter = meanings.get(stance(span) or "")
    if letter is None and options:
        return numbered(sentence, options) or placed(sentence, options)
    return letter


def _undecided(sentence: str) -> bool:
    """Whether a sentence says that no option can be chosen, and takes nothing of that back."""
    said = _UNDECIDED.search(sentence)
    return said is not None and not _YET.search(sentence, said.end())


def _names_another(sentence: str, letter: str) -> bool:
    """Whether a sentence goes on with a second option: `B; or possibly D`."""
    alternative = _OR_OTHER.search(sentence)
    return alternative is not None and (alternative["after_maybe"] or alternative["listed"]) != letter


def _opened(text: str, offered: str, options: list[str]) -> str | None:
    """The option that the first words of a text of several sentences or lines commit to, by the letter of the
    option or by its line as offered."""
    line, _, rest = text.strip().partition("\n")
    if (
        rest
        and (letter := _start(line).upper())
        and letter in offered
        and same_text(_START.sub("", line, count=1), options) == letter
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
        return _only(lead, offered)
    if rule == "last":
        return _only(bracketed(text, candidates), offered) or _only(picked, offered)
    sentence = first_sentence(text)
    within = [letter for letter in candidates if letter.end() <= len(sentence)]
    for named in (bracketed(sentence, within), [letter.group("letter") for letter in within], picked):
        if named:
            return _only(named, offered)
    return None


def _start(text: str) -> str:
    """The letter at the start of `text`, set apart from what follows: `B. Because`, `(b) 36`; empty where
    there is none."""
    start = _START.match(text)
    return (start.group("low") or start.group("bare")) if start else ""


def _small(text: str) -> str:
    """A lower-case letter that surely names an option: `option b`, `b because`; empty where there is none."""
    match = _SMALL.match(text)
    return (match.group(1) or match.group(2)) if match else ""


def _only(named: list[str], offered: str) -> str | None:
    """The only letter of `named`; None where `named` is empty; NOTHING where letters differ or are not
    offered."""
    if not named:
        return None
    return named[0] if len(set(named)) == 1 and named[0] in offered else NOTHING


def _in_prose(text: str, offered: str) -> str | None:
    """The option that a response without an announcement chooses: by the last of `I choose B` and `B is
    correct`, or by `B. Because ...` at the start."""
    picked = [letter for letter in chosen(affirmed(text)) if letter in offered][-1:]
    if picked and picked[0] not in "AI":
        return picked[0]
    start = _start(text).upper()
    return start if start and start in offered else None
