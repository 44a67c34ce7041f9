"""What a text takes back: retractions, denied candidates, refusals. All patterns are linear: every repetition is bounded."""

import re

from stages.graders.markers import commits

MAX_RETRACTIONS = 20  # that are looked at, from the last

_APOSTROPHES = re.compile("[\u2019\u2018`]")
_IS_WRONG = (
    r"(?:not (?:quite |really |actually )?(?:right|correct|the answer|it|true)|wrong|incorrect|mistaken|false|impossible"
    r"|(?:a |an |my )?(?:\w{1,10} )?(?:mistake|error|guess|distractor|typo))\b"
)
_COPULA = r"(?:is|was|'s|are|were|isn't|wasn't|can't be|cannot be|seems|looks|would be|must be)"
_RETRACTION = re.compile(
    rf"\b(?:that|this|it|which|my (?:\w{{1,10}} )?(?:answer|result|calculation|choice)|the (?:answer|result) above)"
    rf"(?: ?{_COPULA} (?:clearly |obviously |definitely |also |just )?{_IS_WRONG}|(?: isn't| wasn't| is not| was not| can't be| cannot be)"
    rf" (?:quite )?(?:right|correct|it|true)\b)"
    r"|\b(?:scratch|strike|ignore|disregard|forget|cancel) (?:that|this|the above|my (?:\w{1,10} )?answer)\b"
    r"|\bI (?:made|see) (?:a|an|my|the) (?:\w{1,10} )?(?:mistake|error)\b|\bI was (?:wrong|mistaken)\b|\bI misread\b"
    r"|\bno,? wait\b|\bwait,? no\b|\blet me (?:correct|fix|redo) (?:that|this|it|my)\b|\bcorrection\s*:",
    re.IGNORECASE,
)
_RETRACTING = (
    "wrong", "incorrect", "mistake", "error", "guess", "distractor", "typo", "is false", "impossible", "not the answer", "not right", "not correct",
    "not quite", "not really", "not actually", "not true", "not it", "n't right", "n't correct", "n't true", "n't it", "be right", "be correct",
    "be it", "be true", "n't the answer", "scratch", "strike", "ignore", "disregard", "forget", "cancel", "misread", "no wait", "no, wait", "wait no",
    "wait, no", "let me correct", "let me fix", "let me redo", "correction",
)  # fmt: skip
_INTERJECTION = re.compile(
    r"(?:\W|wait|hmm+|oh|no|oops|but|actually|sorry|hold on|however|ah|well|on (?:second thought|reflection)|and|so|I think|I believe)*",
    re.IGNORECASE,
)
_REFUTED = re.compile(
    r"[\W_]{0,9}(?:option |choice |the )?[^\s.;!?]{1,60} (?:(?:clearly |definitely |probably )?"
    rf"(?:is|was|would be|seems|looks)(?: clearly| definitely| obviously| just| only| probably)? {_IS_WRONG}"
    r"|(?:isn't|wasn't|can't be|cannot be) (?:right|correct|true|it|the answer)\b)"
    r"|[\W_]{0,9}[A-Z0-9] ?(?:不对|是?错|不正确|不是正确)",
    re.IGNORECASE,
)
_DENYING = re.compile(
    r"(?:\b(?:not|never|doubt|if|whether|suppose|assume|assuming|unless|deny)|n't)(?: \w{1,10}){0,3} (?:that )?(?:the |my |its )?"
    r"(?:(?:final|correct|right|best) )?$|\b(?:if|whether|suppose|assume|assuming|unless) (?:the |my )?(?:(?:final|correct|right) )?$",
    re.IGNORECASE,
)
_FORMERLY = re.compile(
    r"\b(?:first|initially|originally|previously|earlier|before|used to)\b[^.!?\n]{0,20}\b(?:thought|said|guess(?:ed)?|wrote|assumed|believed|"
    r"considered|answered|think|say)\b[^.!?\n]{0,40}$",
    re.IGNORECASE,
)
_FORMER = re.compile(
    r"(?:\b(?:I|we|my) (?:had )?(?:first|initially|originally|previously|earlier|at first)(?: \w{1,10})? (?:thought|said|guess(?:ed)?|wrote|assumed"
    r"|believed|considered|answered)|\b(?:at first|initially|originally),? I (?:thought|said|guessed|wrote|assumed|believed|considered)"
    r"|\bmy first (?:guess|thought|answer) was|(?:\bI )?\b(?:do not|don't|doesn't|does not) (?:think|believe|say|mean|know (?:if|whether)) (?:that )?(?:the|it|this|my)"
    r"|\b(?:if|whether|suppose|assume|assuming|unless) (?:the|my) (?:\w{1,10} )?(?:answer|option|choice|result) (?:is|was|were|be))"
    r"\b(?:(?!\bbut\b|\bhowever\b)(?:[^.,;!?\n]|\.(?=\d))){0,80}",
    re.IGNORECASE,
)
_NOT = r"(?:\b(?:can't be|cannot be|couldn't be|could not be|not|never|isn't|wasn't|aren't|rather than|instead of|no longer|nicht|non)\b|不是|而非|并非)"
_VALUE = r"(?:\\?\$?-?\d[\d.,/]{0,40}%?|\$[^$\n]{1,80}\$|\\\([^\n]{1,80}?\\\))"
_DENIED = re.compile(
    rf"{_NOT}(?: equal to| be| just| simply| exactly| quite|:)?[ \t]{{0,3}}{_VALUE}(?:(?:,? (?:or|and|nor) ){_VALUE})?", re.IGNORECASE
)
_AMENDED = re.compile(
    r"(?:[,;:(\u2014-]| \.\.\.|\.\.\.)\s{0,3}(?:no,? wait|wait,? no|no,|or rather|I mean|sorry,?|scratch that|make that|correction:|oops,?)\s",
    re.IGNORECASE,
)
_BUT = re.compile(r"\b(?:but|however|now|actually|yet)\b[, ]", re.IGNORECASE)
_REFUSAL = re.compile(
    r"\bI(?:'m| am)? (?:really |just |simply |honestly |still |also )?(?:do not|don't|cannot|can't|could not|couldn't|am unable to|unable to"
    r"|not able to|not sure|have no|am not)\b(?! (?:think|believe|see why|agree|help but|need))"
    r"|\b(?:we|it) (?:do not|don't|cannot|can't)(?: be)? (?:know|determine|tell|answer|say|solve|determined|known|solved|answered)"
    r"|^\W*(?:unknown|n/?a|idk|no idea|don't know|not (?:known|sure|given|enough)|unclear|unsure|none|insufficient|undetermined|cannot|can't)\b"
    r"|\b(?:not enough|insufficient|no) (?:information|data|context)\b|\bno (?:idea|clue)\b|无法(?:确定|回答|判断)|不知道",
    re.IGNORECASE,
)
_RELATIVE = re.compile(r"[^\w-]{0,5}[\d.,/]{1,20} (?:times|(?:more|less|fewer|greater|larger|smaller) than) (?:the|as|what|that|his|her)\b")
_SENTENCE = re.compile(r"(?<!\.)[.!?](?=\s|$)|\n|。")


def straight(text: str) -> str:
    """`text` with straight apostrophes, as the patterns here expect it."""
    return text if text.isascii() and "`" not in text else _APOSTROPHES.sub("'", text)


def first_sentence(text: str) -> str:
    """`text` up to its first full stop or line end (a point within a number ends nothing)."""
    end = _SENTENCE.search(text)
    return text[: end.start()] if end else text


def after_retraction(text: str) -> str:
    """What stands after the last retraction of something that was committed to: in the sentence it stands in or, where that holds nothing
    else, in the one before; all of `text` where nothing is taken back."""
    if not _may_retract(text):
        return text
    for found in list(_RETRACTION.finditer(text))[: -MAX_RETRACTIONS - 1 : -1]:
        before = text[max(0, found.start() - 300) : found.start()]
        parts = [part for part in re.split(r"(?<=[.!?])\s|\n", before) if part.strip()]
        while parts and _INTERJECTION.fullmatch(parts[-1]):
            parts.pop()
        if parts and commits(parts[-1]):
            return text[found.end() :]
    return text


def _may_retract(text: str) -> bool:
    small = text.lower()
    return any(word in small for word in _RETRACTING)


def takes_back(sentence: str) -> bool:
    """Whether `sentence` says that what stood before is wrong."""
    return _may_retract(sentence) and _RETRACTION.search(sentence) is not None


def refuted(span: str) -> bool:
    """Whether `span`, what follows a marker, calls its candidate wrong at once: `A is wrong`, `41 was a guess`."""
    return _REFUTED.match(first_sentence(span)[:200]) is not None


def denied_before(before: str) -> bool:
    """Whether a marker after `before` states nothing: `I don't think the answer is`, `if the answer is`."""
    return _DENYING.search(re.split(r"[.!?]\s|\n", before[-80:])[-1]) is not None


def amended(before: str, span: str) -> str:
    """`span` from its own correction on: `4, no, 5`; after `I first said the answer is`, what follows its `but`."""
    last = None
    sentence = first_sentence(span)[:300]
    for last in _AMENDED.finditer(sentence):
        pass
    if last is None and _FORMERLY.search(before[-80:]):
        last = _BUT.search(sentence)
    return span[last.end() :] if last else span


def undenied(text: str) -> str:
    """`text` without candidates that it denies: `not 5`, `rather than 5`, `I first thought 4`."""
    text = straight(text)
    return _DENIED.sub(" ", _FORMER.sub(" ", text))


def relative(text: str) -> bool:
    """Whether `text` only relates its number to another: `3 times the number of pages`."""
    return _RELATIVE.match(text) is not None


def refuses(text: str) -> bool:
    """Whether `text` declines to answer: `I don't know`, `cannot be determined`."""
    return _REFUSAL.search(straight(text)) is not None
