"""Words that announce an answer, in the languages that models answer in. Each pattern is tried only where one of its words stands."""

import re

_IGNORE = re.IGNORECASE | re.MULTILINE
_STATED = (
    r"\s{0,3}(?:\([^()\n]{0,60}\))?\s{0,3}"
    r"(?:(?:is|are|was|were|(?:would|should|must|will|has to|could|might|may|ought to) be|(?:seems|appears) to be|comes out to|would then be"
    r"|is (?:therefore|thus|then|simply))\b(?!\s{0,3}(?:correct|right|helpful|final|wrong|incorrect|as follows|not helpful|clear)\b)"
    r"[ \t]{0,3}:?|[:=])"
)
_FOREIGN = r"(?:antwort(?!en)|r[ée]ponse|respuesta|risposta|resposta|antwoord|svar(?:et)?|odpowiedź|cevap|jawaban(?:nya)?|đáp án|ответ|відповідь|lösung)"
_PATTERNS = (  # what of a small-letter text must be there, and then the pattern
    (
        ("answer",),
        rf"\banswers?{_STATED}"
        r"|^[\s>#*_]{0,9}(?:the |my )?(?:(?:final|correct|short) )?answer[ \t]{0,3}"
        r"(?:$|\n|(?=[$\\\"]|\d|\((?-i:[A-Z])\)|(?-i:[A-HJ-Z])[ \t]{0,3}(?:$|[.,:)\n])))"
        r"|\banswer selected[:=]",
    ),
    (
        ("option", "choice", "result", "label", "response", "verdict", "letter", "judg"),
        r"\b(?:(?:final|correct|best|right|selected|chosen|my) (?:option|choice|result|label|response|verdict|letter)"
        rf"|(?:option|choice) (?:selected|chosen)|verdict|judge?ment|label){_STATED}",
    ),
    (("final:",), r"\bfinal:(?=\s)"),
    (("a:",), r"^[ \t>]{0,9}A:(?=\s)"),
    (
        (
            "antwo",
            "ponse",
            "respuesta",
            "risposta",
            "resposta",
            "svar",
            "odpowied",
            "cevap",
            "jawaban",
            "đáp án",
            "ответ",
            "відпов",
            "lösung",
        ),
        rf"\b{_FOREIGN}(?: (?:finale?|correct[ea]?|corrett?a|juiste|akhir|cuối cùng))?\s{{0,3}}"
        r"(?:ist|lautet|wäre|est|es|è|é|is|är|er|to|это|:|=)(?!\w)[ \t]{0,3}:?",
    ),
    (
        ("答", "正解", "답", "الإجابة", "الجواب", "उत्तर", "คำตอบ", "选", "選"),
        r"(?:(?:最终)?答案|答え|回答|正解|정답|답|答|الإجابة|الجواب|उत्तर|คำตอบ)(?:应该|应|就|は|은|는|هي|هو|है|คือ)?\s{0,3}(?:是|为|選|选|:|=)?\s{0,3}:?"
        r"|(?:故|应|所以|因此|我)[选選]",
    ),
)
_COMPILED = tuple((needed, re.compile(pattern, _IGNORE)) for needed, pattern in _PATTERNS)
_STRONG = re.compile(rf"\b(?:final answer\b|answer\s{{0,3}}[:=]|final:|A:)|\b{_FOREIGN}\s{{0,3}}:|答案", re.IGNORECASE)
_MARKED = ("\\boxed", "\\fbox", "####", "</answer>")
_CLOSING = re.compile(
    r"^\W*(?:I hope (?:it|this|that)\b|hope (?:this|that|it)\b|let me know\b|please (?:let me|feel free)|feel free\b|thank|note\b|user$|assistant$"
    r"|if you (?:have|need)|this (?:solves|completes|answers|concludes)\b|done\W*$|good luck|is there anything|would you like|have a )",
    re.IGNORECASE,
)
_PLACEHOLDER = re.compile(r"\W*(?:LETTER|your (?:final )?answer|answer|X|option|choice|number|insert)\W*$", re.IGNORECASE)


def announcements(text: str) -> "list[re.Match[str]]":
    """The places of `text` where an answer is announced, in their order; what follows each may be the answer."""
    small = text.lower()
    found = [match for needed, pattern in _COMPILED if any(word in small for word in needed) for match in pattern.finditer(text)]
    return sorted(found, key=lambda match: match.end())


def commits(text: str) -> bool:
    """Whether any answer is marked or announced in `text`."""
    return any(mark in text for mark in _MARKED) or bool(announcements(text))


def strong(match: "re.Match[str]") -> bool:
    """Whether the announcement is that of a final answer, not a remark about one."""
    return _STRONG.search(match.group()) is not None


def closing(sentence: str) -> bool:
    """Whether `sentence` is a farewell or an aside and no part of the solution."""
    return _CLOSING.match(sentence) is not None


def placeholder(text: str) -> bool:
    """Whether `text` repeats the form of an answer instead of giving one: `[LETTER]`."""
    return _PLACEHOLDER.match(text) is not None
