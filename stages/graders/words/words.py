"""Answers that are words: a label or a short text. Only whole words are compared."""

import re
import string
import unicodedata

from stages.graders.mathematics.pieces import said
from stages.graders.reading.compare import Comparison, Policies
from stages.graders.reading.discard import refuses, straight
from stages.graders.reading.span import Span

_LATEX_TEXT = re.compile(
    r"\\(?:text|mathrm|textbf|textrm|textit|mathbf|mathit|mathsf|operatorname|mbox|emph|underline"
    r"|boxed) ?\*?\{([^{}]*)\}"
)
_ARTICLES = re.compile(r"\b(?:a|an|the)\b")
_LEADING = re.compile(
    r"(?:it is|it's|that is|this is|they are|is|are|was|were|definitely|probably|simply|just|label|class"
    r"|category|:|=)\s+",
    re.IGNORECASE,
)
_GROUPED = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")  # 1,000
_BEFORE_NAME = re.compile(r"^(?:in|on|at|by|from|it was|it is)\s")  # `In 1969.`
_HALF_DAY = re.compile(r"\b([ap])\. m\b")  # `2:35 P. M.`
_KEPT = "-.%"
_SPACED = str.maketrans(
    {character: " " for character in string.punctuation if character not in _KEPT}
    | {"“": " ", "”": " ", "’": " "}
)
MAX_WORDS = 2000  # characters of a span that are searched for a label


def plain(text: str) -> str:
    """`text` without text commands and spaces of LaTeX, and with full-width characters in their plain
    form."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    if "\\" not in text:
        return text
    for _ in range(3):
        text = _LATEX_TEXT.sub(r"\1", text)
    return re.sub(r"\\[,;:! ]|\\q?quad\b|\\left|\\right", " ", text)


def normal(text: str) -> str:
    """`text` in lower case, without punctuation, articles and LaTeX, and with single spaces."""
    kept = _GROUPED.sub("", plain(text)).casefold().translate(_SPACED)
    if ". m" in kept:
        kept = _HALF_DAY.sub(r"\1.m", kept)
    return " ".join(_ARTICLES.sub(" ", kept).split()).strip(". ")


def exact(text: str) -> str:
    """`text` as written, without LaTeX, outer spaces, dollar signs and a final period."""
    return plain(text).strip().strip("$").rstrip(".").strip()


def open_text(span: Span) -> str | None:
    """The short text that `span` commits to, as written; None for a whole response and for a refusal."""
    text = exact(span.text)
    if span.rule == "last":
        text = said(text)
    if span.rule == "text" or not normal(text):
        return None
    return None if span.rule == "last" and refuses(span.text) else text


def label(span: Span, choices: list[str] | None) -> str | None:
    """The label that `span` names; empty where the span names several; None where the span names none.

    Without `choices` the label is all of the text. With `choices` it is the only choice whose words stand in
    the text; of two choices, denying one names the other (`not spam`).
    """
    text = straight(span.text[:MAX_WORDS])
    if choices is None and span.rule == "alone":
        return None
    if choices is None:
        return open_text(Span(_LEADING.sub("", text, count=1), span.rule))
    forms = {normal(option): option for option in choices}
    answer = normal(text)
    if answer in forms:
        return forms[answer]
    form = None if span.rule in ("text", "alone") else _named(answer, list(forms))
    return forms[form] if form else form


def same(gold: str, pred: str, policies: Policies) -> Comparison:
    """Whether two short texts are the same under `policies.text`."""
    if policies.text == "strict":
        return Comparison(exact(gold) == exact(pred), "same text, as written")
    same_words = normal(gold) in (normal(pred), _BEFORE_NAME.sub("", normal(pred)))
    return Comparison(same_words, "same words")


def _named(answer: str, forms: list[str]) -> str | None:
    padded = f" {answer} "
    named = {form for form in forms if form and f" {form} " in padded}
    longest = {form for form in named if not any(form != longer and form in longer for longer in named)}
    denied = {
        form
        for form in longest
        if re.search(
            rf" (?:not|isn t|never|neither|rather than|instead of|no longer|nor|non) {re.escape(form)} ",
            padded,
        )
    }
    left = longest - denied
    if denied and not left and len(forms) == 2:
        left = set(forms) - denied
    if not left:
        return None
    return left.pop() if len(left) == 1 else ""
