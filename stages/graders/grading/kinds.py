"""How each kind of answer is read and compared: READERS has one Reader for each kind."""

import re
from collections.abc import Callable
from typing import Any, NamedTuple

from stages.graders.grading import valued
from stages.graders.mathematics import expressions, single
from stages.graders.quantities import numbers
from stages.graders.reading.compare import Comparison, Policies
from stages.graders.reading.limits import TooMuch
from stages.graders.reading.span import Span
from stages.graders.words import choice, truth, vocabularies, words
from stages.shared.rows import Kind

Choices = list[str] | None
# the answer as read, and as written; read as "" where the text names several answers
Answer = tuple[Any, str]


class Reader(NamedTuple):
    """How answers of one kind are read and compared."""

    # reads a gold answer; None where the text is not of this kind
    gold: Callable[[str, Choices], Any]
    # the answer that a span commits to; None where there is none
    find: Callable[[Span, Choices], Answer | None]
    # compares a gold answer with a predicted one
    same: Callable[[Any, Any, Policies], Comparison]
    # whether the answer is one of a few known ones, so that a box or `####` with any other text is passed
    # over
    closed: bool
    # rules of extract.py whose spans say nothing for this kind
    skips: tuple[str, ...]


_LETTER = re.compile(r"(?<![A-Za-z])[A-J](?![A-Za-z])")


def _gold_number(text: str, choices: Choices) -> Any:
    try:
        return numbers.whole(text)
    except TooMuch:
        return None


def _gold_label(text: str, choices: Choices) -> str | None:
    if choices and words.normal(text) not in map(words.normal, choices):
        return None
    return text if words.normal(text) else None


def _gold_option(text: str, choices: Choices) -> str | None:
    letter = choice.gold(text, choices)
    return letter and choice.first(letter, choices)


def _option(span: Span, choices: Choices) -> Answer | None:
    letter = choice.final(span, choices)
    if not letter and choices and span.rule not in ("opening", "text", "alone"):
        # several options whose texts are numbers may be named on the way to one of them
        is_prose = letter is None or not _LETTER.search(span.text)
        letter = (valued.by_value(span, choices) if is_prose else None) or letter
    return None if letter is None else (choice.first(letter, choices), letter)


def _as_written(answer: str | None) -> Answer | None:
    return None if answer is None else (answer, answer)


def _same_option(gold: Any, pred: Any, policies: Policies) -> Comparison:
    return Comparison(gold == pred, "same option")


def _same_meaning(gold: Any, pred: Any, policies: Policies) -> Comparison:
    return Comparison(gold == pred, "same meaning")


def _vocabulary(kind: Kind) -> Reader:
    return Reader(
        lambda text, choices: vocabularies.gold(kind, text),
        lambda span, choices: _as_written(
            truth.final(span) if kind is Kind.YES_NO else vocabularies.final(span, kind)
        ),
        _same_meaning,
        closed=True,
        skips=("bold", "listed") if kind is Kind.YES_NO else ("bold", "listed", "opening"),
    )


READERS: dict[Kind, Reader] = {
    Kind.NUMBER: Reader(
        _gold_number,
        lambda span, choices: single.final(span),
        numbers.same,
        closed=False,
        skips=("alone", "opening", "listed"),
    ),
    Kind.EXPRESSION: Reader(
        lambda text, choices: expressions.gold(text),
        lambda span, choices: expressions.final(span),
        expressions.equal,
        closed=False,
        skips=("alone", "opening"),
    ),
    Kind.CHOICE: Reader(_gold_option, _option, _same_option, closed=True, skips=("bold", "listed")),
    Kind.YES_NO: _vocabulary(Kind.YES_NO),
    Kind.NLI: _vocabulary(Kind.NLI),
    Kind.LABEL: Reader(
        _gold_label,
        lambda span, choices: _as_written(words.label(span, choices)),
        words.same,
        closed=True,
        skips=("bold", "listed", "opening"),
    ),
    Kind.OPEN: Reader(
        lambda text, choices: text if words.normal(text) else None,
        lambda span, choices: _as_written(words.open_text(span)),
        words.same,
        closed=False,
        skips=("alone", "opening", "listed"),
    ),
}
