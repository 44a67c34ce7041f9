"""A problem with all answers to it in one row: what a person compares, and what can be graded anew without a
call."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, TypeVar

from stages.shared.errors import BadInput
from stages.shared.rows import Ending, Problem, Response, Trace

Value = TypeVar("Value")


class Paths(Problem, kw_only=True):
    """A problem and its answers, by style. A style with several samples has a list of each, in their
    order."""

    prompts: dict[str, str]  # what was asked
    responses: dict[str, str | list[str]]  # what was answered
    preds: dict[str, str | list[str | None] | None]  # the final answer as extracted
    correct_flags: dict[str, bool | list[bool]]  # whether the final answer is right
    endings: dict[str, Ending | list[Ending]]  # why the response ended where it does; the grader has to know
    # what was thought before the answer, where a server sends that apart; None: no answer has any
    reasoning: dict[str, str | list[str | None] | None] | None = None


class Attempt(NamedTuple):
    """One answer to a problem."""

    style: str
    text: str
    pred: str | None
    right: bool
    ending: Ending
    reasoning: str | None = None


def together(traces: Sequence[Trace]) -> Paths:
    """The row of one problem, from its traces by one `by`; raises BadInput on a trace without a grade from
    the grader `answer`."""
    prompts: dict[str, str] = {}
    answers = []
    # The sort is stable: the styles stay in the order of the prompts.
    for trace in sorted(traces, key=lambda trace: trace.sample):
        if "answer" not in trace.grades:
            raise BadInput(
                f"trace {trace.trace_id!r} was not graded by 'answer', which says whether a path is right"
            )
        answers.append(
            Attempt(
                trace.style,
                trace.text,
                trace.pred,
                trace.grades["answer"] == 1,
                trace.ending,
                trace.reasoning,
            )
        )
    for trace in traces:
        prompts.setdefault(trace.style, "\n\n".join(message["content"] for message in trace.messages))
    several = {style for style, count in Counter(attempt.style for attempt in answers).items() if count > 1}
    return _row(
        {name: getattr(traces[0], name) for name in Problem.__struct_fields__}, prompts, answers, several
    )


def paths(row: Paths) -> Iterator[Attempt]:
    """The answers of a row, style by style; raises BadInput where its parts do not fit together."""
    for style, text in row.responses.items():
        thought = row.reasoning or {}
        parts: list[Any] = [
            text,
            *(
                named[style]
                for named in (row.preds, row.correct_flags, row.endings, thought)
                if style in named
            ),
        ]
        lists = [part if isinstance(part, list) else [part] for part in parts]
        shapes = {(isinstance(part, list), len(some)) for part, some in zip(parts, lists, strict=True)}
        if style not in row.prompts or len(parts) < 4 or len(shapes) > 1 or (thought and len(parts) < 5):
            raise BadInput(
                f"row {row.id!r}: prompts, responses, preds, correct_flags and endings of style {style!r} do "
                "not fit together"
            )
        for values in zip(*lists, strict=True):
            yield Attempt(style, *values)


def correct(row: Paths) -> Paths | None:
    """`row` with its right answers only; None where it has none."""
    right = [attempt for attempt in paths(row) if attempt.right]
    return _like(row, right) if right else None


def regraded(row: Paths, grade: Callable[[Response], tuple[str | None, bool]]) -> Paths:
    """`row` with the answer and the verdict that `grade` finds in each response."""
    answers = []
    for sample, attempt in enumerate(paths(row)):
        pred, right = grade(_response(row, attempt, sample))
        answers.append(attempt._replace(pred=pred, right=right))
    return _like(row, answers)


def _like(row: Paths, answers: Sequence[Attempt]) -> Paths:
    fields = {name: getattr(row, name) for name in Problem.__struct_fields__}
    kept = {attempt.style for attempt in answers}
    several = {style for style, text in row.responses.items() if isinstance(text, list)}
    return _row(
        fields, {style: text for style, text in row.prompts.items() if style in kept}, answers, several
    )


def _row(
    fields: dict[str, Any], prompts: dict[str, str], answers: Sequence[Attempt], several: set[str]
) -> Paths:
    def by_style(value: Callable[[Attempt], Value]) -> dict[str, Value | list[Value]]:
        styles = [style for style in prompts if any(attempt.style == style for attempt in answers)]
        values = {
            style: [value(attempt) for attempt in answers if attempt.style == style] for style in styles
        }
        return {style: listed if style in several else listed[0] for style, listed in values.items()}

    return Paths(
        **fields,
        prompts=prompts,
        responses=by_style(lambda attempt: attempt.text),
        preds=by_style(lambda attempt: attempt.pred),
        correct_flags=by_style(lambda attempt: attempt.right),
        endings=by_style(lambda attempt: attempt.ending),
        reasoning=by_style(lambda attempt: attempt.reasoning)
        if any(attempt.reasoning for attempt in answers)
        else None,
    )


def _response(row: Paths, attempt: Attempt, sample: int) -> Response:
    fields: dict[str, Any] = {name: getattr(row, name) for name in Problem.__struct_fields__}
    asked: dict[str, Any] = {
        "by": "enriched",
        "style": attempt.style,
        "messages": [],
        "sampler": "",
        "model": "",
    }
    return Response(**fields, **asked, sample=sample, text=attempt.text, ending=attempt.ending, tokens=0)
