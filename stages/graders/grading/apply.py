"""Turns responses into traces: applies every grader to every response, and measures the base model's pass
rate on each problem."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, TypeVar

import msgspec

from stages.graders import Grade, grader
from stages.graders.grading.tally import Tally
from stages.shared.errors import BadInput
from stages.shared.rows import PROBE, Response, Trace, encode
from stages.shared.seen import Seen

BATCH = 500  # rows that one task of a worker process grades: about 0.1 s of work and a few megabytes

_FIELDS = Response.__struct_fields__
Row = TypeVar("Row", bound=Response)
_encoder, _decoder = msgspec.json.Encoder(), msgspec.json.Decoder(list[Response])
_Grading = tuple[str, Callable[[Response, Any], Grade], Any]  # a grader's name, its function, its params


class Batch(list[Response]):
    """Rows of whole problems. Pickling sends the rows as JSON: that takes a fraction of the time that
    pickling row by row does."""

    def __reduce__(self) -> Any:
        try:
            return _unpacked, (_encoder.encode(self),)
        except UnicodeEncodeError:  # a lone surrogate, which msgspec refuses
            return Batch, (list(self),)


def _unpacked(rows: bytes) -> Batch:
    return Batch(_decoder.decode(rows))


def to_traces(responses: Iterable[Response], graders: Mapping[str, Any]) -> Iterator[Trace]:
    """The traces of `responses`, in the same order. `graders` maps names of graders to their params.

    `pred` and `pass_rate` come from the grader `answer` and are None without that grader. Only the rows of
    one problem are in memory at a time. Raises BadInput where the rows of a problem are not adjacent, or
    where a gold answer does not parse.
    """
    gradings = [(name, grader(name).grade, params) for name, params in graders.items()]
    for rows in problems(responses):
        yield from _traces(rows, gradings)


def problems(responses: Iterable[Row]) -> Iterator[list[Row]]:
    """The rows of each problem; raises BadInput where they are not adjacent."""
    ended = Seen()
    for problem, rows in groupby(responses, key=lambda row: row.id):
        if not ended.add(problem):
            raise BadInput(
                f"the rows of problem {problem!r} are not adjacent; every problem's responses must stand "
                f"together"
            )
        yield list(rows)


def batches(responses: Iterable[Response], size: int = BATCH) -> Iterator[Batch]:
    """Batches of at least `size` rows; the last batch may be smaller. The rows of one problem are in one
    batch.

    Raises BadInput where the rows of a problem are not adjacent.
    """
    batch = Batch()
    for rows in problems(responses):
        batch += rows
        if len(batch) >= size:
            yield batch
            batch = Batch()
    if batch:
        yield batch


def grade_batch(graders: Mapping[str, Any], batch: Sequence[Response]) -> tuple[bytes, Tally]:
    """The traces of whole problems as JSON lines, and their counts: what a worker process sends back."""
    traces = list(to_traces(batch, graders))
    return b"".join(encode(trace) + b"\n" for trace in traces), Tally(traces)


def _traces(rows: Sequence[Response], gradings: Sequence[_Grading]) -> list[Trace]:
    traces = [_trace(row, gradings) for row in rows]
    passed = [
        trace.grades["answer"] == 1 for trace in traces if trace.by == PROBE and "answer" in trace.grades
    ]
    for trace in traces:
        trace.pass_rate = sum(passed) / len(passed) if passed else None
    return traces


def judged(trace: Trace, verdict: str, params: Any) -> Trace:
    """`trace` with the reply of the model that was asked about its reasoning, and the grade of
    `valid_reasoning`.

    `verdict` is the reply as written; `params` are the params of the grader.
    """
    name = "valid_reasoning"
    graded = grader(name).grade(msgspec.structs.replace(trace, verdict=verdict), params)
    reasons = trace.reasons | ({name: graded.reason} if graded.score < 1 else {})
    return msgspec.structs.replace(
        trace, verdict=verdict, grades=trace.grades | {name: graded.score}, reasons=reasons
    )


def _trace(row: Response, gradings: Sequence[_Grading]) -> Trace:
    pred: str | None = None
    scores: dict[str, float] = {}
    reasons: dict[str, str] = {}
    facts: dict[str, float | str] = {}
    for name, grade, params in gradings:
        result = grade(row, params)
        facts |= {f"{name}.{fact}": value for fact, value in result.facts.items()}
        scores[name] = result.score
        if result.score < 1:
            reasons[name] = result.reason
        if name == "answer":
            pred = result.pred
    return Trace(
        **{field: getattr(row, field) for field in _FIELDS},
        pred=pred,
        grades=scores,
        reasons=reasons,
        facts=facts,
    )
