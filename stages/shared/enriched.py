"""A problem with all that was answered to it in one row: what a person compares, and what can be graded anew
without a call."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, TypeVar

from stages.shared.errors import BadInput
from stages.shared.rows import Ending, Problem, Response, Trace

Value = TypeVar("Value")


class Paths(Problem, kw_only=True):
    """By style: what was asked, what was answered, the answer as extracted, whether it is right, and how it
    ended (which the grader has to know). A style with several samples has a list of each, in their order."""

    prompts: dict[str, str]
    responses: dict[str, str | list[str]]
    preds: dict[str, str | list[str | None] | None]
    correct_flags: dict[str, bool | list[bool]]
    endings: dict[str, Ending | list[Ending]]


class Way(NamedTuple):
    """One answer."""

    style: str
    text: str
    pred: str | None
    right: bool
    ending: Ending


def together(traces: Sequence[Trace]) -> Paths:
    """The row of one problem, from its traces by one person; raises BadInput on a trace without a grade from
    `answer`."""
    prompts: dict[str, str] = {}
    found = []
    for trace in sorted(
        traces, key=lambda trace: trace.sample
    ):  # stable: the styles stay in the order of the prompts
        if "answer" not in trace.grades:
            raise BadInput(
                f"trace {trace.trace_id!r} was not graded by 'answer', which says whether a path is right"
            )
        found.append(Way(trace.style, trace.text, trace.pred, trace.grades["answer"] == 1, trace.ending))
    for trace in traces:
        prompts.setdefault(trace.style, "\n\n".join(message["content"] for message in trace.messages))
    several = {path.style for path in found if sum(other.style == path.style for other in found) > 1}
    return _row(
        {name: getattr(traces[0], name) for name in Problem.__struct_fields__}, prompts, found, several
    )


def paths(row: Paths) -> Iterator[Way]:
    """The answers of a row, style by style; raises BadInput where its parts do not fit together."""
    for style, text in row.responses.items():
        parts: list[Any] = [
            text,
            *(named[style] for named in (row.preds, row.correct_flags, row.endings) if style in named),
        ]
        lists = [part if isinstance(part, list) else [part] for part in parts]
        shapes = {(isinstance(part, list), len(some)) for part, some in zip(parts, lists, strict=True)}
        if style not in row.prompts or len(parts) < 4 or len(shapes) > 1:
            raise BadInput(
                f"row {row.id!r}: prompts, responses, preds, correct_flags and endings of style {style!r} do not fit together"
            )
        for found in zip(*lists, strict=True):
            yield Way(style, *found)


def correct(row: Paths) -> Paths | None:
    """`row` with its right answers only; None where it has none."""
    right = [path for path in paths(row) if path.right]
    return _like(row, right) if right else None


def regraded(row: Paths, grade: Callable[[Response], tuple[str | None, bool]]) -> Paths:
    """`row` with the answer and the verdict that `grade` finds in each response."""
    found = []
    for sample, path in enumerate(paths(row)):
        pred, right = grade(_response(row, path, sample))
        found.append(path._replace(pred=pred, right=right))
    return _like(row, found)


def _like(row: Paths, found: Sequence[Way]) -> Paths:
    fields = {name: getattr(row, name) for name in Problem.__struct_fields__}
    kept = {path.style for path in found}
    several = {style for style, text in row.responses.items() if isinstance(text, list)}
    return _row(fields, {style: text for style, text in row.prompts.items() if style in kept}, found, several)


def _row(fields: dict[str, Any], prompts: dict[str, str], found: Sequence[Way], several: set[str]) -> Paths:
    def by_style(value: Callable[[Way], Value]) -> dict[str, Value | list[Value]]:
        styles = [style for style in prompts if any(path.style == style for path in found)]
        values = {style: [value(path) for path in found if path.style == style] for style in styles}
        return {style: some if style in several else some[0] for style, some in values.items()}

    return Paths(
        **fields,
        prompts=prompts,
        responses=by_style(lambda path: path.text),
        preds=by_style(lambda path: path.pred),
        correct_flags=by_style(lambda path: path.right),
        endings=by_style(lambda path: path.ending),
    )


def _response(row: Paths, path: Way, sample: int) -> Response:
    fields: dict[str, Any] = {name: getattr(row, name) for name in Problem.__struct_fields__}
    asked: dict[str, Any] = {
        "by": "enriched",
        "style": path.style,
        "messages": [],
        "sampler": "",
        "model": "",
    }
    return Response(**fields, **asked, sample=sample, text=path.text, ending=path.ending, tokens=0)
