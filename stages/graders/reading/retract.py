"""Retractions: `wait, that is wrong`, `scratch that`, `I made a mistake`.

Every repetition in a pattern is bounded, so that the time to search a text is linear in its length.
"""

import re

from stages.graders.reading.markers import commits

MAX_RETRACTIONS = 20  # retractions that are tried, from the last

IS_WRONG = (
    r"(?:not (?:quite |really |actually )?(?:right|correct|the answer|it|true)|wrong|incorrect|mistaken|false"
    r"|impossible"
    r"|(?:a |an |my )?(?:\w{1,10} )?(?:mistake|error|guess|distractor|typo)|falsch|nicht (?:richtig"
    r"|korrekt))\b"
)
_COPULA = r"(?:is|was|'s|are|were|isn't|wasn't|can't be|cannot be|seems|looks|would be|must be)"
# the whole of what stands in the answer's place: `B.`, `20 eggs.`, `20, not 40`; but not `20 each for two`
_REPLACED = (
    r"\W{1,4}(?:\d(?:[\d,./]{0,20}\d)?(?: ?%| (?!each\b)[a-z]{1,15})?|(?-i:[A-Z]))"
    r"(?:[*)}$\]\"' ]{0,4}(?:$|[!\n]|\.(?!\d))|,? not\b)"
)
_RETRACTION = re.compile(
    rf"\b(?:that|this|it|which|my (?:\w{{1,10}} )?(?:answer|result|calculation|choice)|the (?:answer"
    rf"|result) above)"
    rf"(?: ?{_COPULA} (?:clearly |obviously |definitely |also |just )?{IS_WRONG}"
    r"|(?: isn't| wasn't| is not| was not| can't be| cannot be) (?:quite )?(?:right|correct|it|true)\b)"
    r"|\b(?:scratch|strike|ignore|disregard|forget|cancel) (?:that|this|the above|my (?:\w{1,10} )?answer)\b"
    r"|\bI (?:made|see) (?:a|an|my|the) (?:\w{1,10} )?(?:mistake|error)\b|\bI was (?:wrong|mistaken)\b"
    r"|\bI misread\b"
    r"|\b(?:that|this|which|it) (?:gives|is|leads to|yields) (?:a|the) contradiction\b"
    r"|\b(?:(?:up)?on (?:second thought|reflection|closer inspection|further thought)"
    r"|thinking (?:again|about it again))\b"
    r"(?=[^.\n]{0,40}\b(?:(?:should|must|ought to|has to|would) be"
    r"|it is|it's|is|I(?:'d| would)? (?:say|choose|pick))\b)"
    r"(?![^.\n]{0,40}\b(?:right|correct|fine|so)\b)"
    r"|\bactually,? let me re\w{3,12}|\bno,? sorry\b|\bsorry,? (?=it is|it's|I meant|make that)"
    r"|\b(?:actually|no|wait)[,:;] (?:no[,:;] )?(?:it|that|this|the answer) (?:should|must|has to) be"
    rf"(?={_REPLACED})"
    r"|\bno,? wait\b|\bwait,? no\b|\blet me (?:correct|fix|redo) (?:that|this|it|my)\b|\bcorrection\s*:",
    re.IGNORECASE,
)
# every retraction holds one of these: a quick test before the pattern
_NEEDED = (
    "wrong", "incorrect", "mistake", "error", "guess", "distractor", "typo", "is false", "impossible",
    "not the answer", "not right", "not correct", "not quite", "not really", "not actually", "not true",
    "not it", "n't right", "n't correct", "n't true", "n't it", "n't quite", "be right", "be correct",
    "be it", "be true", "be quite", "n't the answer", "scratch", "strike", "ignore", "disregard", "forget",
    "cancel", "misread", "contradiction", "no wait", "no, wait", "wait no", "wait, no", "let me correct",
    "second thought", "let me re", "sorry", "reflection", "inspection", "further thought", "thinking a",
    "let me fix", "let me redo", "correction", "should be", "must be", "has to be",
)  # fmt: skip
_INTERJECTION = re.compile(
    r"(?:\W|wait|hmm+|oh|no|oops|but|actually|sorry|hold on|however|ah|well|on (?:second thought|reflection)"
    r"|and|so|I think|I believe)*",
    re.IGNORECASE,
)
_END = re.compile(r"(?<=[.!?])\s|\n")


def after_retraction(text: str) -> str:
    """The text after the last retraction of an answer; all of `text` where no answer is taken back.

    A retraction takes back what its own sentence commits to or, where that sentence holds nothing else, what
    the sentence before commits to.
    """
    if not _may_retract(text):
        return text
    for retraction in list(_RETRACTION.finditer(text))[: -MAX_RETRACTIONS - 1 : -1]:
        before = text[max(0, retraction.start() - 300) : retraction.start()]
        sentences = [sentence for sentence in _END.split(before) if sentence.strip()]
        while sentences and _INTERJECTION.fullmatch(sentences[-1]):
            sentences.pop()
        if sentences and commits(sentences[-1]):
            return text[retraction.end() :]
    return text


def takes_back(sentence: str) -> bool:
    """Whether `sentence` calls the text before wrong."""
    return _may_retract(sentence) and _RETRACTION.search(sentence) is not None


def _may_retract(text: str) -> bool:
    lower = text.lower()
    return any(map(lower.__contains__, _NEEDED))
