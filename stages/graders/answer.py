"""Whether the final answer equals the gold answer. Where the answer stands is told in extract.py; how it is compared depends on `kind`.

number      exact fractions; a relative tolerance where either side is written with decimals; percent, currency, separators (numbers.py)
expression  one plain form of LaTeX, then a small grammar, then values at several points (expressions.py)
choice, yes_no, nli, label, open    words, compared whole (words.py)

Reasons: `no_answer` (nothing committed), `wrong`, `limit` (the answer is beyond what a parser is handed).
"""

from collections.abc import Callable
from enum import StrEnum
from functools import lru_cache
from typing import Any, NamedTuple

from stages.graders import Grade, expressions, numbers, words
from stages.graders.compare import Comparison, Policies
from stages.graders.extract import Span, spans
from stages.graders.lexer import TooMuch
from stages.shared.errors import BadInput
from stages.shared.rows import Kind, Response

MAX_SHOWN = 200  # characters of anything in a step


class Params(Policies):
    """What counts as equal (compare.py)."""


class Outcome(StrEnum):
    """What a verdict says; the names of all but `right` are the reasons of grades."""

    RIGHT = "right"
    WRONG = "wrong"
    NO_ANSWER = "no_answer"  # nothing was committed to
    LIMIT = "limit"  # the answer is beyond what a parser is handed


class Verdict(NamedTuple):
    """`pred` is the answer as written, `found` the rule that found it, `compared` what decided; `steps` tell a person what was tried."""

    outcome: Outcome
    pred: str | None = None
    found: str = ""
    compared: str = ""
    steps: list[str] = []  # noqa: RUF012 (never changed: a verdict that explains itself brings its own)


def grade(response: Response, params: Params) -> Grade:
    """1 or 0. Raises BadInput, naming the row, on a gold answer that does not parse."""
    found = verdict(response, params, explain=False)
    return Grade(1.0, "", found.pred) if found.outcome is Outcome.RIGHT else Grade(0.0, found.outcome.value, found.pred)


def verdict(response: Response, params: Params, explain: bool = True) -> Verdict:
    """Whether the final answer is right, and why; without `explain` no steps are collected, at no cost.

    Raises BadInput, naming the row, on a gold answer that does not parse.
    """
    steps: list[str] | None = [] if explain else None
    gold = gold_of(response)
    _note(steps, "gold %r is read as %s", response.answer, gold)
    span: Span | None = None
    try:
        for span in spans(response.text, response.ending):
            found = _FIND[response.kind](span, response)
            _note(steps, "%s %r: %s", span.rule, span.text, f"the answer is {found[1]!r}" if found else "no answer in it")
            if found is not None:
                return _compared(gold, found, span, response.kind, params, steps)
    except TooMuch as reason:
        _note(steps, "given up: %s", reason)
        return Verdict(Outcome.LIMIT, None, span.rule if span else "", str(reason), steps or [])
    _note(steps, "nothing is committed to")
    return Verdict(Outcome.NO_ANSWER, None, "", "", steps or [])


def _compared(gold: Any, found: tuple[Any, str], span: Span, kind: Kind, params: Params, steps: list[str] | None) -> Verdict:
    pred, written = found
    _note(steps, "%r is read as %s", written, pred)
    same, how = _COMPARE[kind](gold, pred, params)
    _note(steps, "compared by %s: %s", how, "equal" if same else "not equal")
    return Verdict(Outcome.RIGHT if same else Outcome.WRONG, written, span.rule, how, steps or [])


def _note(steps: list[str] | None, form: str, *parts: object) -> None:
    if steps is not None:
        steps.append(form % tuple(part if len(str(part)) <= MAX_SHOWN else f"{str(part)[:MAX_SHOWN]}..." for part in parts))


def final(response: Response, text: str | None = None) -> tuple[Any, str] | None:
    """The final answer of `text` (the response's own by default), read and as written; None where there is none.

    Raises lexer.TooMuch on an answer beyond the limits.
    """
    find = _FIND[response.kind]
    for span in spans(response.text if text is None else text, response.ending):
        found = find(span, response)
        if found is not None:
            return found
    return None


def gold_of(response: Response) -> Any:
    """The gold answer, read; raises BadInput where it is not of the problem's kind."""
    gold = _gold(response.kind, response.answer, tuple(response.choices) if response.choices else None)
    if gold is None:
        raise BadInput(f"row {response.trace_id!r}: the gold answer {response.answer[:80]!r} is not a valid {response.kind}")
    return gold


@lru_cache(maxsize=4096)
def _gold(kind: Kind, text: str, choices: tuple[str, ...] | None) -> Any:
    options = list(choices) if choices else None
    if kind is Kind.NUMBER:
        try:
            return numbers.whole(text)
        except TooMuch:
            return None
    if kind is Kind.EXPRESSION:
        return expressions.gold(text)
    if kind is Kind.CHOICE:
        return words.choice_gold(text, options)
    if kind in _VOCABULARIES:
        return _VOCABULARIES[kind].get(text.strip().lower())
    known = options is None or kind is Kind.OPEN or words.normal(text) in map(words.normal, options)
    return words.normal(text) or None if known else None


def _choice(span: Span, response: Response) -> tuple[Any, str] | None:
    return _named(words.choice(span, response.choices))


def _from_vocabulary(span: Span, response: Response) -> tuple[Any, str] | None:
    return _named(words.from_vocabulary(span, _VOCABULARIES[response.kind]))


def _label(span: Span, response: Response) -> tuple[Any, str] | None:
    return _named(words.label(span, response.choices))


def _open(span: Span, response: Response) -> tuple[Any, str] | None:
    return _named(words.normal(span.text) if span.rule != "text" else None)


def _named(found: str | None) -> tuple[Any, str] | None:
    return (found, found) if found else None


def _equal(gold: Any, pred: Any, params: Params) -> Comparison:
    return Comparison(bool(gold == pred), "same words")


_VOCABULARIES = {Kind.YES_NO: words.YES_NO, Kind.NLI: words.NLI}
_FIND: dict[Kind, Callable[[Span, Response], tuple[Any, str] | None]] = {
    Kind.NUMBER: lambda span, response: numbers.final(span),
    Kind.EXPRESSION: lambda span, response: expressions.final(span),
    Kind.CHOICE: _choice,
    Kind.YES_NO: _from_vocabulary,
    Kind.NLI: _from_vocabulary,
    Kind.LABEL: _label,
    Kind.OPEN: _open,
}
_COMPARE: dict[Kind, Callable[[Any, Any, Params], Comparison]] = {
    **dict.fromkeys(Kind, _equal),
    Kind.NUMBER: numbers.same,
    Kind.EXPRESSION: expressions.equal,
}
