"""Answers that do not count: denied, supposed, former and refuted ones; and refusals to answer.

Every repetition in a pattern is bounded, so that the time to search a text is linear in its length.
"""

import re

from stages.graders.languages.others import LANGUAGES
from stages.graders.languages.wordlists import any_of
from stages.graders.reading.retract import IS_WRONG
from stages.graders.reading.span import UNABBREVIATED

_APOSTROPHES = re.compile("[\u2019\u2018`]")
_SENTENCE = re.compile(rf"(?<!\.)[.!?]{UNABBREVIATED}(?=\s|$)|\n|。")
_THOUGHT = r"(?:thought|said|guess(?:ed)?|wrote|assumed|believed|considered|answered)"
_IF = r"\b(?:if|whether|suppose|assume|assuming|unless)"
_REFUTED = re.compile(
    r"[\W_]{0,9}(?:option |choice |the )?[^\s.;!?]{1,60} (?:(?:clearly |definitely |probably )?"
    rf"(?:is|was|would be|seems|looks|ist)(?: clearly| definitely| obviously| just| only"
    rf"| probably)? {IS_WRONG}"
    r"|(?:isn't|wasn't|can't be|cannot be) (?:right|correct|true|it|the answer)\b)"
    r"|[\W_]{0,9}[A-Z0-9] ?(?:不对|是?错|不正确|不是正确)",
    re.IGNORECASE,
)
_DENYING = re.compile(
    rf"(?:\b(?:not|never|doubt|deny)|{_IF[2:]}|n't)(?: \w{{1,10}}){{0,3}} (?:that )?(?:the |my "
    rf"|its )?(?:(?:final|correct|right|best) )?$"
    rf"|{_IF} (?:the |my )?(?:(?:final|correct|right) )?$",
    re.IGNORECASE,
)
_FORMERLY = re.compile(
    rf"\b(?:first|initially|originally|previously|earlier|before|used to)\b[^.!?\n]{{0,20}}\b(?:{_THOUGHT}"
    rf"|think|say)\b[^.!?\n]{{0,40}}$",
    re.IGNORECASE,
)
_FORMER = re.compile(
    rf"(?:\b(?:I|we|my) (?:had )?(?:first|initially|originally|previously|earlier"
    rf"|at first)(?: \w{{1,10}})? {_THOUGHT}"
    rf"|\b(?:at first|initially|originally),? I {_THOUGHT}|\bmy first (?:guess|thought|answer) was"
    r"|\bif (?:it|this|that|the \w{1,12}|[a-z]) (?:were|was|is|equals|=)"
    r"|(?:\bI )?\b(?:do not|don't|doesn't|does not) (?:think|believe|say|mean|know (?:if"
    r"|whether)) (?:that )?(?:the|it|this|my)"
    rf"|{_IF} (?:the|my) (?:\w{{1,10}} )?(?:answer|option|choice|result) (?:is|was|were|be))"
    r"\b(?:(?!\bbut\b|\bhowever\b)(?:[^.,;!?\n]|\.(?=\d))){0,80}",
    re.IGNORECASE,
)
_NOT = (
    r"(?:\b(?:can't be|cannot be|couldn't be|could not be|not|never|isn't|wasn't|aren't|rather than"
    r"|instead of|no longer|nicht|non)\b"
    r"|不是|而非|并非)(?: equal to| be| just| simply| exactly| quite|:)?[ \t]{0,3}"
)
_VALUE = r"(?:(?:\b[a-z] ?= ?)?\\?\$?-?\d[\d.,/]{0,40}%?|\$[^$\n]{1,80}\$|\\\([^\n]{1,80}?\\\))"
_CASE = re.compile(r"\b(?:if|had|were|suppose|supposing|assuming)\b", re.IGNORECASE)
_DANGLING = re.compile(r"[,;]? ?\b(?:since|because|as|and|but|so)\s*[.!]?\s*$", re.IGNORECASE)
_DISCARDED = (
    r"(?:extraneous|rejected|discarded|invalid|inadmissible|excluded|not (?:valid|allowed|admissible"
    r"|a (?:valid )?solution))\b"
)
_DISCARD = (
    r"\b(?:reject(?:ing)?|discard(?:ing)?|exclud(?:e|ing)) (?:the (?:\w{1,12} )?(?:root|solution"
    r"|value) )?(?:\$?[a-z] ?= ?)?"
)
_DENIED = re.compile(
    rf"\([^()\n]{{0,40}}{_VALUE} (?:is|was) {_DISCARDED}[^()\n]{{0,80}}\)"
    rf"|\((?:we )?{_DISCARD}{_VALUE}[^()\n]{{0,80}}\)|{_VALUE} (?:is|was) (?:an? )?{_DISCARDED}"
    rf"|{_DISCARD}{_VALUE}"
    rf"|{_VALUE} (?:is|was) (?:clearly |definitely |also )?{IS_WRONG}|{_NOT}{_VALUE}(?:(?:,? (?:or|and"
    rf"|nor) ){_VALUE})?",
    re.IGNORECASE,
)
_AMENDED = re.compile(
    r"(?:[,;:?(\u2014-]|\.\.\.|^)\s{0,3}(?:no,? wait,?|wait,? no,?|no, (?=wait|it is|it's|that is)"
    r"|scratch that,?|make that|correction:|oops,?)\s"
    r"|(?:[,;:?(\u2014-]|\.\.\.)\s{0,3}(?:no,|or rather|I mean|sorry,?)\s"
    r"(?=\W{0,3}(?:\d|(?-i:[A-Z])(?![\w'])|\\|"
    r"(?:it's|it is|that is|that's) (?:actually )?(?:\$?-?\d|(?-i:[A-Z])(?![\w']))"
    r"|(?:the answer|actually|yes|no|make|entail\w*|neutral|contradict\w*)\b))"
    r"|(?:[,;:?(\u2014-]|\.\.\.)\s{0,3}(?:no,? )?(?:actually|wait),? (?=(?:it's|it is|the|yes|no)\b|[$\\\d-]"
    r"|\(?(?-i:[A-Z])\b)",
    re.IGNORECASE,
)
_DOUBTED = re.compile(
    r"[^.!?\n]{1,80}\?\s{1,3}(?:hmm,? |well,? )?(?=(?:no|nope|wait|not quite|let me)\b)", re.IGNORECASE
)
_REASON = re.compile(r"\W*(?:reason(?:ing)?|explanation|justification|rationale):", re.IGNORECASE)
_BUT = re.compile(r"\b(?:but|however|now|actually|yet)\b[, ]", re.IGNORECASE)
_REFUSAL = re.compile(
    r"\bI(?:'m| am)? (?:really |just |simply |honestly |still |also )?(?:do not|don't|cannot|can't|could not"
    r"|couldn't|(?:am )?unable to"
    r"|not able to|not sure|have no|am not)\b(?! (?:think|believe|see why|agree|help but|need))"
    r"|\b(?:we|it) (?:do not|don't|cannot|can't)(?: be)? (?:know|determine|tell|answer|say|solve|determined"
    r"|known|solved|answered)"
    r"|^\W*(?:unknown|n/?a|idk|no idea|don't know|not (?:known|sure|given|enough)|unclear|unsure|none"
    r"|insufficient"
    r"|undetermined|cannot|can't)\b"
    r"|\b(?:the|this) (?:problem|question|task) (?:cannot|can't|can not) be (?:solved|answered|determined"
    r"|computed)\b"
    r"|(?:\bnot(?: have)? enough|n't(?: have)? enough|\binsufficient|\bno) (?:information|data|context)\b"
    r"|\bno (?:idea|clue)\b"
    rf"|{any_of(*(language.refuses for language in LANGUAGES))}",
    re.IGNORECASE,
)
_SUPPOSED = re.compile(
    r"\b(?:if|would|such as|(?:we|I) only know|only (?:given|told)|for (?:example|instance)|unless)\b",
    re.IGNORECASE,
)
_RELATIVE = re.compile(
    r"[^\w-]{0,5}[\d.,/]{1,20} (?:times|(?:more|less|fewer|greater|larger|smaller) than) (?:the|as|what|that"
    r"|his|her)\b"
)


def straight(text: str) -> str:
    """`text` with straight apostrophes; the patterns of this module expect no others."""
    return text if text.isascii() and "`" not in text else _APOSTROPHES.sub("'", text)


def first_sentence(text: str) -> str:
    """`text` up to the first end of a sentence or line. A point within a number does not end a sentence."""
    end = _SENTENCE.search(text)
    return text[: end.start()] if end else text


def refuted(span: str) -> bool:
    """Whether `span`, the text after an announcement, calls the announced answer wrong: `A is wrong`, `41
    was a guess`."""
    return _REFUTED.match(first_sentence(span)[:200]) is not None


def denied_before(before: str) -> bool:
    """Whether `before` denies the announcement that follows: `I don't think the answer is`, `if the answer
    is`."""
    return _DENYING.search(re.split(r"[.!?]\s|\n", before[-80:])[-1]) is not None


def hypothetical(before: str, words: str, span: str) -> bool:
    """Whether an announcement is about another case: `if there were 4, the answer would be 20`.

    `before` is the text before the announcement, `words` the announcement, `span` the text after.
    """
    if "would" not in words:
        return False
    start = max(before.rfind(end) for end in (". ", "! ", "? ", ".)", "\n"))
    return (
        _CASE.search(before[start + 1 :]) is not None or _CASE.search(first_sentence(span)[:200]) is not None
    )


def amended(before: str, span: str) -> str:
    """`span` after a correction within the sentence: `5` for `4, no, 5` and for `4? No, 5`.

    Where `before` ends in `I first said the answer is`, the text after `but`.
    """
    if doubted := _DOUBTED.match(span):
        return span[doubted.end() :]
    sentence = first_sentence(span)[:300]
    corrections = list(_AMENDED.finditer(sentence))
    if corrections:
        return span[corrections[-1].end() :]
    but = _BUT.search(sentence) if _FORMERLY.search(before[-80:]) else None
    return span[but.end() :] if but else span


def undenied(text: str) -> str:
    """`text` without denied, supposed and former values: `not 5`, `5 is wrong`, `if the answer is 5`, `I
    first thought 5`."""
    kept = _FORMER.sub(" ", straight(text))
    left = _DENIED.sub(" ", kept)
    return left if left == kept else _DANGLING.sub("", left)


def relative(text: str) -> bool:
    """Whether the number in `text` only relates one quantity to another: `3 times the number of pages`."""
    return _RELATIVE.match(text) is not None


def explains(text: str) -> bool:
    """Whether `text` is a reason for an answer and not the answer: `Reason: there is nothing positive in
    it.`"""
    return _REASON.match(text) is not None


def supposes(text: str) -> bool:
    """Whether `text` states a hypothesis or what is given: `if she had 20`, `a guess such as 20`, `we only
    know that`."""
    return _SUPPOSED.search(text) is not None


def refuses(text: str) -> bool:
    """Whether `text` declines to answer: `I don't know`, `cannot be determined`."""
    return _REFUSAL.search(straight(text)) is not None
