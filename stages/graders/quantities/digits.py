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
_CITED = re.compile(r"(?<=[\w$).]) ?\[\d{1,2}\](?=\W*$)")  # `The result is 30 [1].`
_REASON = re.compile(  # `The number is 15, since 15 = 3 * 5`
    r"[,;(]?\s(?:because|since|as (?=\$?\d)|for (?=\d+ [=+*/])|which (?:is"
    r"|equals)(?= \$?[\d\\(][^A-Za-z.=]{0,20}(?:[-+*/×·^]|times\b|cdot\b)(?![^.]*=))).*$",
    re.IGNORECASE | re.DOTALL,
)
_SIGN = re.compile(  # `was - 27 minutes`; `12 - 5` is a difference
    r"(?P<before>^\s{0,3}|[:=(\[≈]\s?|"
    r"\b(?:is|was|are|were|be|equals|to|of|about|approximately|exactly|therefore)[: ]\s?)"
    r"-\s{1,2}(?=\\?\$?\s?\.?\d)",
    re.IGNORECASE,
)
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
    """`sentence` without a reason behind the number that it states: `15, since 15 = 3 * 5`."""
    shorter = _REASON.sub("", sentence)
    return shorter if _DIGIT.search(shorter) else sentence


def signed(text: str) -> str:
    """`text` with a sign right before its number: `is -27` for `is - 27`."""
    return _SIGN.sub(lambda match: f"{match['before']}-", text) if "- " in text else text


def uncited(text: str) -> str:
    """`text` without a reference at its end: `30 [1].`"""
    return _CITED.sub("", text) if "[" in text else text
