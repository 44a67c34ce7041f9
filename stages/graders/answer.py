"""Whether the final answer equals the gold answer. Where the answer stands is told in extract.py; how it is
compared depends on `kind`.

number      exact fractions; a relative tolerance where either side is written with decimals; percent, currency, separators (numbers.py)
expression  one plain form of LaTeX, then a small grammar, then values at several points (expressions.py)
choice      the letter of the option, or its text (choice.py)
yes_no, nli one vocabulary each; negation is understood (vocabularies.py)
label, open words, compared whole (words.py)

Where readers differ, `Params` chooses (compare.py).
"""

from enum import StrEnum
from functools import lru_cache
from typing import Any, NamedTuple

from stages.graders import Grade
from stages.graders.grading.kinds import READERS, Found
from stages.graders.reading.compare import Policies
from stages.graders.reading.discard import explains, refuses
from stages.graders.reading.extract import Span, spans
from stages.graders.reading.limits import TooMuch
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
    """`pred` is the answer as written, `found` the rule that found it, `compared` what decided; `steps` tell
    a person what was tried."""

    outcome: Outcome
    pred: str | None = None
    found: str = ""
    compared: str = ""
    steps: list[str] = []  # noqa: RUF012 (never changed: a verdict that explains itself brings its own)


def grade(response: Response, params: Params) -> Grade:
    """1 or 0. Raises BadInput, naming the row, on a gold answer that does not parse."""
    found = verdict(response, params, explain=False)
    return (
        Grade(1.0, "", found.pred)
        if found.outcome is Outcome.RIGHT
        else Grade(0.0, found.outcome.value, found.pred)
    )


def verdict(response: Response, params: Params, explain: bool = True) -> Verdict:
    """Whether the final answer is right, and why; without `explain` no steps are collected, at no cost.

    Raises BadInput, naming the row, on a gold answer that does not parse.
    """
    steps: list[str] | None = [] if explain else None
    gold = gold_of(response)
    _note(steps, "the gold answer %r is read as %s", response.answer, gold)
    place = ""
    try:
        located = _locate(response, response.text, steps)
        if located is None:
            _note(steps, "no answer is committed to")
            return Verdict(Outcome.NO_ANSWER, None, "", "", steps or [])
        (pred, written), span = located
        place = span.how or span.rule
        _note(steps, "%r is read as %s", written, pred)
        same, how = READERS[response.kind].same(gold, pred, params)
    except TooMuch as reason:
        _note(steps, "given up: %s", reason)
        return Verdict(Outcome.LIMIT, None, place, str(reason), steps or [])
    _note(steps, "%s: %s", how, "equal" if same else "not equal")
    return Verdict(Outcome.RIGHT if same else Outcome.WRONG, written, place, how, steps or [])


def final(response: Response, text: str | None = None) -> Found | None:
    """The final answer of `text` (the response's own by default), read and as written; None where there is
    none.

    Raises limits.TooMuch on an answer beyond the limits.
    """
    located = _locate(response, response.text if text is None else text, None)
    return located[0] if located else None


def _locate(response: Response, text: str, steps: list[str] | None) -> tuple[Found, Span] | None:
    """The final answer and the span it stands in. A span that commits to several things at once, or declines,
    ends the search; so does a box without an answer, but for kinds of a few known answers."""
    reader = READERS[response.kind]
    marked = False
    for span in spans(text, response.ending):
        if span.rule in reader.skips:
            continue
        if span.rule == "last" and reader.closed and explains(span.text):
            continue
        if marked and span.rule == "spoken" and not reader.closed:
            _note(steps, "what stands before it is not looked at")
            break
        marked = marked or span.rule in ("boxed", "marked")
        declined = span.rule in ("last", "text") and refuses(span.text)
        found = None if declined and not reader.closed else reader.find(span, response.choices)
        if found is not None and found[0] != "":
            _note(steps, "%s, %r, says %r", span.how, span.text, found[1])
            return found, span
        _note(steps, "%s, %r, %s", span.how, span.text, _WHY_NOT[(found is not None) + 2 * declined])
        if found is not None or declined:
            break
    return None


_WHY_NOT = (
    "holds no answer",
    "names several answers, or one that is not offered",
    "declines to answer",
    "declines to answer",
)


def gold_of(response: Response) -> Any:
    """The gold answer, read; raises BadInput where it is not of the problem's kind."""
    gold = _gold(response.kind, response.answer, tuple(response.choices) if response.choices else None)
    if gold is None:
        raise BadInput(
            f"row {response.trace_id!r}: the gold answer {response.answer[:80]!r} is not a valid "
            f"{response.kind}"
        )
    return gold


@lru_cache(maxsize=4096)
def _gold(kind: Kind, text: str, choices: tuple[str, ...] | None) -> Any:
    return READERS[kind].gold(text, list(choices) if choices else None)


def _note(steps: list[str] | None, form: str, *parts: object) -> None:
    if steps is not None:
        steps.append(
            form
            % tuple(part if len(str(part)) <= MAX_SHOWN else f"{str(part)[:MAX_SHOWN]}..." for part in parts)
        )
