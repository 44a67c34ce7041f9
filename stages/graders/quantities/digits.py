"""Prepares a text for the search for numbers: plain typography and LaTeX, and no clauses after the stated
number."""

import re

from stages.graders.reading.characters import plain_characters

_FRAC = re.compile(
    r"\\[dtc]?frac\s*(?:\{\s*(-?\d+)\s*\}\s*\{\s*(\d+)\s*\}|(\d)\s*(\d)|(\d)\s*\{\s*(\d+)\s*\})"
)
_LATEX_GROUP = re.compile(
    r"(?<=\d)(?!(?<=[^\d]0)\{,\})(?!(?<=^0)\{,\})(?:\{[,.]\}|,?\\[,! :])\s*(?:\\!)?\s*(?=\d{3}(?!\d))"
)
_CIRC = re.compile(r"\^\s?(?:\{\s?\\circ\s?\}|\\circ\b)(?:\s?\\(?:text|mathrm)\s?\{\s?([CF])\s?\})?")
_SCALE = re.compile(
    r"[\s~]*\\(?:text|mathrm|textbf)\s?\{\s*(dozen|hundred|thousand|million|billion|trillion)\s*\}"
)
_INVERSE = re.compile(r"\b([A-Za-z]{1,3}) ?(?:\*|\\cdot)? ?([A-Za-z]{1,3})\^\{-(\d)\}")  # m*s^{-1}
_MARKS = re.compile(r"<<[^<>]{0,200}>>")  # GSM8K's calculator marks
_UNDERSCORED = re.compile(r"(?<![\w.])\d{1,3}(?:_\d{3})+(?![\w.])")
_ASIDE = re.compile(  # `34 apples (12 of them red)`
    r"(?<=[A-Za-z]) \((?=[^()]*[a-z]{3})[^()=]{1,200}\)(?=[^\d]*$)"
)
_CITED = re.compile(r"(?<=[\w$).]) ?\[\d{1,2}\](?=\W*$)")  # `The result is 30 [1].`
_REASON = re.compile(  # `The number is 15, since 15 = 3 * 5`
    r"[,;(]?\s(?:because|since|as (?=\$?\d)|for (?=\d+ [=+*/])|which (?:is"
    r"|equals)(?= \$?[\d\\(][^A-Za-z.]{0,20}[-+*/×·^=])).*$",
    re.IGNORECASE | re.DOTALL,
)
_CIRCUMSTANCE = re.compile(  # `12 apples left after giving away 3`, `$12 in 2 hours`, `10 of the 50 students`
    r"\s(?:after|before|(?:out )?of (?:the|a total of|all)"
    r"|(?:in|for|from|over|with|on|within|during|by|per|every|to|than|into|among|between|at|around|across"
    r"|because of|instead of)"
    r"(?= (?:(?:the|all|these|those|about|his|her|their|its|only"
    r"|\w{1,12}ing) ){0,3}\$?\d))\s[^,;:.=]{1,80}[.!]?$",
    re.IGNORECASE,
)
_COUNTED = re.compile(  # `There are 24 ways: 4 choices for the first, 3 for the second`
    r"([^:\n]{0,120}\b(?:are|is|was|were|has|have|had|gets?|makes?"
    r"|gives?)\b[^:\n]{0,60}\d[^:\n]{0,60}):\s(?=[^\n]{0,200}\d[^\n]{0,200}\d)"
)
_SUMMED = re.compile(r"\b(?:total|sum|altogether|so|thus|hence|therefore|in all)\b|=", re.IGNORECASE)
_DIGIT = re.compile(r"\d")


def tidy(text: str) -> str:
    """`text` with plain digits, signs, number separators and fractions for those of typography and LaTeX."""
    text = plain_characters(text)
    if "\\" in text or "{,}" in text:
        text = _LATEX_GROUP.sub("", text)
        text = _FRAC.sub(
            lambda match: " {}/{} ".format(*[part for part in match.groups() if part is not None]), text
        )
        text = re.sub(r"-\s+(?=\d+/\d)", "-", text)
        text = _SCALE.sub(r" \1", _CIRC.sub(lambda match: f"\\degree {match[1] or ''}", text))
    if "^{-" in text:
        text = _INVERSE.sub(
            lambda match: f"{match[1]}/{match[2]}" + (f"^{{{match[3]}}}" if match[3] != "1" else ""), text
        )
    if "_" in text:
        text = _UNDERSCORED.sub(lambda match: match.group().replace("_", ""), text)
    return _MARKS.sub("", text) if "<<" in text else text


def stated(sentence: str) -> str:
    """`sentence` without the clauses with numbers after the number that the sentence states.

    A reason (`15, since 15 = 3 * 5`), a circumstance (`$12 in 2 hours`, `10 of the 50 students`), an aside
    (`34 apples (12 of them red)`) and a list of what was counted (`24 ways: 4 for the first, 3 for the
    second`) go.
    """
    text = _ASIDE.sub("", sentence) if "(" in sentence else sentence
    if (counted := _COUNTED.match(text)) and not _SUMMED.search(text, counted.end()):
        text = counted[1]
    for clause in (_REASON, _CIRCUMSTANCE):
        text = shorter if _DIGIT.search(shorter := clause.sub("", text)) else text
    return text


def uncited(text: str) -> str:
    """`text` without a reference at its end: `30 [1].`"""
    return _CITED.sub("", text) if "[" in text else text
