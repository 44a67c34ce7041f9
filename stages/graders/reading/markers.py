"""Words that announce an answer, in the languages that models answer in.

A fixed word is looked up first; patterns for the text before and from the word on then decide.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from stages.graders.languages.others import LANGUAGES
from stages.graders.languages.wordlists import Language, any_of, phrases

_STATED = (
    r"\s{0,3}(?:\([^()\n]{0,60}\))?\s{0,3}"
    r"(?:(?:is|are|was|were|(?:would|should|must|will|has to|could|might|may|ought to) be|(?:seems"
    r"|appears) to be|comes out to"
    r"|would then be|is (?:therefore|thus|then|simply))\b"
    r"(?!\s{0,3}(?:correct|right|helpful|final|wrong|incorrect|as follows|not helpful|clear)\b)[ \t]{0,3}:?"
    r"|[:=])"
)
_WHOLE = r"(?<!\w)$"
_THE = (
    "".join(
        f"(?<!{word} )"
        for word in re.findall(
            r"\w+",
            "other both some many wrong incorrect long longer previous initial earlier different possible",
        )
    )
    + _WHOLE
)


def _of_language(language: Language) -> tuple[tuple[str, ...], str, str]:
    """The rule for the nouns of a language that announce an answer: `La réponse finale est`."""
    words = tuple(word.lower() for word in phrases(language.answers))
    noun, stated = any_of(language.answers), any_of(language.stated) if language.stated else "(?!)"
    if not language.spaced:
        return words, r"(?s:.?)$", rf"{noun}(?:{stated})?\s{{0,3}}(?:{stated}|:|=)?\s{{0,3}}:?"
    final = rf"(?:\s{any_of(language.final)})?" if language.final else ""
    letter = r"(?=\s+\(?(?-i:[A-Z])(?!\w))" if language.name == "German" else "(?!)"
    return words, _WHOLE, rf"{noun}(?:{final}\s{{0,3}}(?:{stated}|:|=)(?!\w)[ \t]{{0,3}}:?|{letter})"


# words; the pattern of the text before a word; the pattern of the text from the word on
_RULES = (
    (("answer",), _THE, rf"answers?{_STATED}|answer selected[:=]"),
    (
        ("answer",),
        r"(?:^|\n)[\s>#*_]{0,9}(?:the |my )?(?:(?:final|correct|short) )?$",
        r"answer[ \t]{0,3}(?:$|\n|(?=[$\\\"]|\d|\((?-i:[A-Z])\)|(?-i:[A-HJ-Z])[ \t]{0,3}(?:$|[.,:)\n])))",
    ),
    (
        tuple(
            re.findall(
                r"\w+",
                "option choice result label response verdict letter decision conclusion selection pick",
            )
        ),
        r"(?<!\w)(?:final|correct|best|right|selected|chosen|my) $",
        rf"\w{{1,12}}{_STATED}",
    ),
    (("option selected", "choice selected", "option chosen"), _WHOLE, rf"\w+ \w+{_STATED}"),
    (("verdict", "label", "judgment", "judgement"), _WHOLE, rf"\w+{_STATED}"),
    (("ans",), _WHOLE, r"ans(?:\.?\s{0,3}[:=]|\.(?=\s))"),
    (("final:",), _WHOLE, r"final:(?=\s)"),
    (("a:",), r"(?:^|\n)[ \t>]{0,9}$", r"a:(?=\s)"),
    *map(_of_language, LANGUAGES),
    (("选", "選"), r"(?:故|应|所以|因此|我)$", r"[选選]"),
)
_IGNORE = re.IGNORECASE
_COMPILED = tuple(
    (words, re.compile(before, _IGNORE), re.compile(rule, _IGNORE)) for words, before, rule in _RULES
)
_ASCII = tuple(  # an ASCII text holds no other word
    (tuple(filter(str.isascii, words)), before, rule)
    for words, before, rule in _COMPILED
    if any(map(str.isascii, words))
)
_STRONG = re.compile(
    r"final answer|answer\s{0,3}[:=]|^(?:final|a):"
    rf"|{any_of(*(language.answers for language in LANGUAGES if language.spaced))}\s{{0,3}}:|答案",
    _IGNORE,
)
_MARKED = ("\\boxed", "\\fbox", "####", "</answer>")
_CLOSING = re.compile(
    r"^\W*(?:I hope (?:it|this|that)\b|hope (?:this|that|it)\b|let me know\b|please (?:let me|feel free)"
    r"|feel free\b|thank|note\b|user$"
    r"|assistant$|if you (?:have|need)|this (?:solves|completes|answers|concludes)\b|done\W*$|good luck"
    r"|is there anything|would you like)",
    _IGNORE,
)
_PLACEHOLDER = re.compile(
    r"\W*(?:LETTER|your (?:final )?answer|answer|X|option|choice|number|insert)\W*$", _IGNORE
)
_LOWER = {ord(letter): letter.lower() for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}
# in a list of options `A: ... B: ...`, `A:` announces nothing
_OPTIONS = re.compile(r"(?<![A-Za-z])[B-F][)*]{0,3}:")
MAX_PLACES = 400  # places of one word, from the last, so that a text of nothing but "answer" costs no more


class Announcement(NamedTuple):
    """Words that announce an answer."""

    start: int  # where the words start in the text
    end: int  # where the words end
    words: str

    @property
    def strong(self) -> bool:
        """Whether the words surely announce a final answer; other words may be a remark about an answer."""
        return _STRONG.search(self.words) is not None


def announcements(text: str) -> list[Announcement]:
    """The announcements in `text`, in order; an answer may follow each of them."""
    lower = text.lower()
    if len(lower) != len(text):  # the lower case of a few letters has another length
        lower = text.translate(_LOWER)
    by_end = {}
    has_options = "a:" in lower and _OPTIONS.search(text) is not None
    for words, before, rule in _ASCII if lower.isascii() else _COMPILED:
        if has_options and words == ("a:",):
            continue
        for word in words:
            if word not in lower:
                continue
            for place in _places(lower, word):
                match = rule.match(text, place)
                if match and (lead := before.search(text[max(0, place - 40) : place])):
                    start = place - (lead.end() - lead.start())
                    by_end[match.end()] = Announcement(start, match.end(), text[start : match.end()].strip())
    return [by_end[end] for end in sorted(by_end)]


def _places(text: str, word: str) -> Iterator[int]:
    place = len(text)
    for _ in range(MAX_PLACES):
        place = text.rfind(word, 0, place)
        if place < 0:
            return
        yield place


def commits(text: str) -> bool:
    """Whether `text` marks or announces an answer."""
    return any(mark in text for mark in _MARKED) or bool(announcements(text))


def closing(sentence: str) -> bool:
    """Whether `sentence` is a farewell or a remark to the reader, and no part of the solution."""
    return _CLOSING.match(sentence) is not None


def placeholder(text: str) -> bool:
    """Whether `text` is a form to fill in and not an answer: `[LETTER]`."""
    return _PLACEHOLDER.match(text) is not None
