"""Whether the final answer equals the gold answer.

extract.py lists the parts of a response that may hold the final answer. The kind of the problem says how a
part is read and how two answers are compared (kinds.py):

number      exact fractions; a relative tolerance where either side is written with decimals; percent signs,
            currencies and thousands separators are understood (numbers.py). What is boxed, marked, announced
            is read whole (single.py), and only prose is searched (prose.py)
expression  LaTeX in a plain form, then a small grammar, then values at several points (expressions.py)
choice      the letter of the option, its text (choice.py), its number or place (labelled.py), or its value
            (valued.py)
yes_no, nli a vocabulary of words for each meaning; negation is understood (vocabularies.py)
label, open words, compared whole (words.py)

Where public graders differ, `Params` chooses (reading/compare.py).
"""

import re
from enum import StrEnum
from functools import lru_cache
from typing import Any, NamedTuple

from stages.graders import Grade
from stages.graders.grading.kinds import READERS, Answer, Reader
from stages.graders.grading.shown import shown, unused
from stages.graders.quantities.written_numbers import Number
from stages.graders.reading.compare import Policies
from stages.graders.reading.discard import explains, refuses
from stages.graders.reading.extract import spans
from stages.graders.reading.limits import TooMuch
from stages.graders.reading.span import Span
from stages.shared.errors import BadInput
from stages.shared.rows import Kind, Response

# a question in dozens or millions: `How many dozen eggs does she eat?`
_SCALES = re.compile(r"\b(?:dozens?|hundreds?|thousands?|millions?|billions?|trillions?)\b", re.IGNORECASE)
MAX_SHOWN = 200  # characters that a step shows of any value

_NO_ANSWER = "holds no answer"
_SEVERAL = "names several answers, or one that is not offered"
_DECLINES = "declines to answer"


class Params(Policies):
    """What counts as equal (reading/compare.py)."""


class Outcome(StrEnum):
    """The result of a comparison; every name but `right` is also the reason of a grade."""

    RIGHT = "right"
    WRONG = "wrong"
    NO_ANSWER = "no_answer"  # the response commits to no answer
    LIMIT = "limit"  # the answer is longer, deeper or larger than a parser is handed


class Verdict(NamedTuple):
    """How one response was graded."""

    outcome: Outcome
    pred: str | None = None  # the final answer as written; None where there is none
    found: str = ""  # where the final answer stands: `the last box`, `what follows 'Answer:'`
    compared: str = ""  # what decided: `exact fraction`, `values at points`
    steps: list[str] = []  # noqa: RUF012 (every step for a person to read; never changed, so safe to share)


def grade(response: Response, params: Params) -> Grade:
    """1 where the final answer equals the gold answer, else 0 with the outcome as the reason.

    Raises BadInput, naming the row, on a gold answer that does not parse.
    """
    result = verdict(response, params, explain=False)
    if result.outcome is Outcome.RIGHT:
        return Grade(1.0, "", result.pred)
    return Grade(0.0, result.outcome.value, result.pred)


def verdict(response: Response, params: Params, explain: bool = True) -> Verdict:
    """Whether the final answer is right, and why. Without `explain` no steps are collected.

    Raises BadInput, naming the row, on a gold answer that does not parse.
    """
    steps: list[str] | None = [] if explain else None
    gold = gold_of(response)
    if steps is not None:
        _note(steps, "the gold answer %r is read as %s", response.answer, shown(gold))
    place = ""
    try:
        located = _locate(response, response.text, steps)
        if located is None:
            _note(steps, "no answer is committed to")
            return Verdict(Outcome.NO_ANSWER, None, "", "", steps or [])
        (pred, written), span = located
        place = span.how or span.rule
        if steps is not None:
            _note(steps, "%r is read as %s", written, shown(pred))
            if left := unused(span.text, written):
                _note(steps, "not used of what stands there: %s", left)
        same, how = READERS[response.kind].same(gold, pred, params)
    except TooMuch as reason:
        _note(steps, "given up: %s", reason)
        return Verdict(Outcome.LIMIT, None, place, str(reason), steps or [])
    _note(steps, "%s: %s", how, "equal" if same else "not equal")
    return Verdict(Outcome.RIGHT if same else Outcome.WRONG, written, place, how, steps or [])


def final(response: Response, text: str | None = None) -> Answer | None:
    """The final answer of `text`, read and as written; None where there is none.

    `text` is by default the text of the response. Raises limits.TooMuch on an answer beyond the limits.
    """
    located = _locate(response, response.text if text is None else text, None)
    return located[0] if located else None


def _locate(response: Response, text: str, steps: list[str] | None) -> tuple[Answer, Span] | None:
    """The final answer and the span that holds the final answer.

    The search ends without an answer at a span that names several answers or declines to answer. For a kind
    that is not closed, a box or `####` without an answer also ends the search: no announcement before it
    counts.
    """
    reader = READERS[response.kind]
    after_mark = False
    for span in spans(text, response.ending):
        if _is_passed_over(span, reader):
            continue
        if after_mark and span.rule == "spoken" and not reader.closed:
            _note(steps, "what stands before it is not looked at")
            return None
        after_mark = after_mark or span.rule in ("boxed", "marked")
        answer, fault = _answer_in(span, reader, response.choices)
        if answer is not None:
            _note(steps, "%s, %r, says %r", span.how, span.text, answer[1])
            return answer, span
        _note(steps, "%s, %r, %s", span.how, span.text, fault)
        if fault != _NO_ANSWER:
            return None
    return None


def _is_passed_over(span: Span, reader: Reader) -> bool:
    """Whether `span` says nothing for the kind of `reader`."""
    is_reason = span.rule == "last" and reader.closed and explains(span.text)
    return span.rule in reader.skips or is_reason


def _answer_in(span: Span, reader: Reader, choices: list[str] | None) -> tuple[Answer | None, str]:
    """The answer that `span` commits to, or None and the reason why there is none.

    A refusal is still read for a closed kind: `cannot be determined` is an answer to an inference problem.
    """
    declines = span.rule in ("last", "text") and refuses(span.text)
    answer = None if declines and not reader.closed else reader.find(span, choices)
    if answer is not None and answer[0] != "":
        return answer, ""
    if declines:
        return None, _DECLINES
    return None, _NO_ANSWER if answer is None else _SEVERAL


def gold_of(response: Response) -> Any:
    """The gold answer, read as the problem's kind says.

    Raises BadInput, naming the row, where the gold answer is not of that kind.
    """
    gold = _gold(response.kind, response.answer, tuple(response.choices) if response.choices else None)
    if isinstance(gold, Number) and _SCALES.search(response.question):
        gold = gold._replace(counted=True)
    if gold is None:
        raise BadInput(
            f"row {response.trace_id!r}: the gold answer {response.answer[:80]!r} "
            f"is not a valid {response.kind}"
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
