"""The parts of a response that may hold the final answer though nothing marks them (rule 6 of extract.py)."""

import re
from collections.abc import Iterator

from stages.graders.reading import discard
from stages.graders.reading.cleaning import tidy, unchecked, without_appendix
from stages.graders.reading.markers import closing
from stages.graders.reading.retract import takes_back
from stages.graders.reading.span import MAX_TAIL, SENTENCE_BREAK, Span

MAX_SENTENCES = 3  # sentences that are tried, from the last

_CUT = re.compile(
    r"(?:\b(?:an|the|of|to|by|with|and|or|then|from|which|that|is|are|was|were|we|so|into|for|multiply|divide"
    r"|add|subtract|because|if|has|have)"
    r"|[=+*/^{(,]|\\times|\\cdot|\\frac)\s*$"
)
_ITEM = re.compile(r"^[ \t]*(?:[-*•]|\d{1,2}[.)])[ \t]+(\S[^\n]{0,99})$", re.MULTILINE)
_LISTED = re.compile(
    r"\b(?:solutions?|roots|zeros|values|answers)\b[^\n:]{0,60}:\W{0,4}\n+"
    r"((?:[ \t]*(?:[-*•]|\d{1,2}[.)])[ \t]+[^\n]{1,100}(?:\n+|$)){2,8})\s*$",
    re.IGNORECASE,
)
_PARTS = re.compile(  # `(a) 3`, `- x = 3`
    r"(?:[ \t]*(?:\([a-h]\)|[a-h]\)|[-*•])[ \t]+(?:\$?[A-Za-z]\w{0,3}\$? ?= ?)?[^=\n]{1,30}(?:\n+|$)){2,8}"
)
_PART = re.compile(r"^[ \t]*(?:\([a-h]\)|[a-h]\)|[-*•])[ \t]+(\S[^\n]*)$", re.MULTILINE)
_BULLET = re.compile(r"^[-*•] {1,3}(?=[$\\(A-Za-z])")
_LINE_BULLET = re.compile(r"^(?:[-*•]|>)[ \t]{1,3}(?=[$\\(\w])")  # one of several lines: `- 12` is 12
_STRONG = re.compile(r"\*\*([^*\n]{1,60})\*\*|\\math(?:bf|bfit)\{([^{}\n]{1,60})\}")


def uncommitted(text: str, raw: str) -> Iterator[Span]:
    """The parts of `text` that may hold the final answer, the likeliest first.

    A check of the result at the end is left out. `raw` is the response with its emphasis (`**...**`).
    """
    text, raw = unchecked(without_appendix(text)), unchecked(without_appendix(raw))
    if len(solutions := _listed_solutions(text)) > 1:
        yield Span(", ".join(item.strip(" .,;") for item in solutions), "listed", "a list of solutions")
    yield Span(text, "opening", "the opening words")
    if bold := _only_bold_number(raw):
        yield Span(bold, "bold", "what is bold in the last sentence")
    yield from _last_sentences(text)


def is_cut(text: str) -> bool:
    """Whether `text` ends within a sentence or a formula, whatever the sampler said: `then we multiply by`,
    `x = \\frac{12`."""
    line = text[-MAX_TAIL:].rpartition("\n")[2]
    if line.count("{") > line.count("}"):
        return True
    # a shorter text may be the text of an option, such as `get tired of`
    has_ten_words = len(text.split(None, 9)) > 9
    return has_ten_words and _CUT.search(line) is not None


def _listed_solutions(text: str) -> list[str]:
    """The solutions, one a line, that `text` ends with or consists of."""
    if parts := _PARTS.fullmatch(text.strip()[:MAX_TAIL]):
        return _PART.findall(parts.group())
    listed = _LISTED.search(text[-MAX_TAIL:])
    return _ITEM.findall(listed[1]) if listed else []


def _only_bold_number(text: str) -> str:
    """The only bold words of the last sentence, where they hold a digit and are not denied; else nothing."""
    tail = text.rstrip()[-MAX_TAIL:].rpartition("\n")[2]
    sentences = SENTENCE_BREAK.split(tail)
    sentence = next((part for part in reversed(sentences) if part and not closing(part)), "")
    bold = [next(part for part in match.groups() if part) for match in _STRONG.finditer(sentence)]
    if len(bold) != 1 or not any(character.isdigit() for character in bold[0]):
        return ""
    stated = discard.undenied(discard.amended("", tidy(sentence)))
    return bold[0] if tidy(bold[0]) in stated else ""


def _last_sentences(text: str) -> Iterator[Span]:
    """The last sentences, the last first, then all of the text.

    Nothing follows a sentence that takes back what stands before.
    """
    text = text.strip()
    sentences = [part.strip() for part in SENTENCE_BREAK.split(text[-MAX_TAIL:]) if part.strip()]
    if "\n" not in text and len(text.split(None, 6)) <= 6:
        sentences = [text]
    tried = 0
    declined = any(discard.refuses(sentence) for sentence in sentences[-MAX_SENTENCES - 1 : -1])
    for sentence in reversed(sentences):
        if (closing(sentence) and len(sentences) > 1) or (declined and discard.supposes(sentence)):
            continue
        sentence = (_BULLET if len(sentences) == 1 else _LINE_BULLET).sub("", sentence)
        how = "the last sentence" if not tried else f"sentence {tried + 1} from the end"
        yield Span(discard.undenied(discard.amended("", sentence)), "last", how)
        tried += 1
        if takes_back(sentence):
            return
        if tried == MAX_SENTENCES:
            break
    if text:
        yield Span(discard.undenied(text), "text", "the whole text")
