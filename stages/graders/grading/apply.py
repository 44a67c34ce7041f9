"""Turns responses into traces: every grader applied to every response, and the base model's pass rate
measured for each problem."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, TypeVar

import msgspec

from stages.graders import Grade, grader
from stages.graders.grading.tally import Tally
from stages.shared.errors import BadInput
from stages.shared.rows import PROBE, Response, Seen, Trace, encode

BATCH = 500  # rows that are graded in one go: some hundred milliseconds of work, and a few megabytes

_FIELDS = Response.__struct_fields__
Row = TypeVar("Row", bound=Response)
_encoder, _decoder = msgspec.json.Encoder(), msgspec.json.Decoder(list[Response])
_Judge = tuple[str, Callable[[Response, Any], Grade], Any]


class Batch(list[Response]):
    """Rows of whole problems. To another process they travel as JSON, which takes a fraction of the time that
    pickled rows do."""

    def __reduce__(self) -> Any:
        try:
            return _unpacked, (_encoder.encode(self),)
        except UnicodeEncodeError:  # a lone surrogate, which msgspec refuses
            return Batch, (list(self),)


def _unpacked(rows: bytes) -> Batch:
    return Batch(_decoder.decode(rows))


def to_traces(responses: Iterable[Response], graders: Mapping[str, Any]) -> Iterator[Trace]:
    """The traces of `responses`, in the same order; `graders` maps names of this room's members to their
    params.

    `pred` and `pass_rate` come from the grader `answer`; without it they are None. Only the rows of one
    problem are held at a time: raises BadInput where a problem's rows are not adjacent, or a gold answer does
    not parse.
    """
    judges = [(name, grader(name).grade, params) for name, params in graders.items()]
    for rows in problems(responses):
        yield from _traces(rows, judges)


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
    """At least `size` rows at a time (the last batch: what is left), those of one problem together; raises as
    `problems` does."""
    batch = Batch()
    for rows in problems(responses):
        batch += rows
        if len(batch) >= size:
            yield batch
            batch = Batch()
    if batch:
        yield batch


def grade_batch(graders: Mapping[str, Any], batch: Sequence[Response]) -> tuple[bytes, Tally]:
    """The traces of whole problems as JSON lines, and their counts: all that a worker process need send back."""
    traces = list(to_traces(batch, graders))
    return b"".join(encode(trace) + b"\n" for trace in traces), Tally(traces)


def _traces(rows: Sequence[Response], judges: Sequence[_Judge]) -> list[Trace]:
    traces = [_trace(row, judges) for row in rows]
    passed = [
        trace.grades["answer"] == 1 for trace in traces if trace.by == PROBE and "answer" in trace.grades
    ]
    for trace in traces:
        trace.pass_rate = sum(passed) / len(passed) if passed else None
    return traces


def judged(trace: Trace, verdict: str, params: Any) -> Trace:
    """`trace` with what the judge wrote of it, and the grade that follows from it."""
    graded = grader("judge").grade(msgspec.structs.replace(trace, verdict=verdict), params)
    reasons = trace.reasons | ({"judge": graded.reason} if graded.score < 1 else {})
    return msgspec.structs.replace(
        trace, verdict=verdict, grades=trace.grades | {"judge": graded.score}, reasons=reasons
    )


def _trace(row: Response, judges: Sequence[_Judge]) -> Trace:
    pred: str | None = None
    scores: dict[str, float] = {}
    reasons: dict[str, str] = {}
    for name, grade, params in judges:
        result = grade(row, params)
        scores[name] = result.score
        if result.score < 1:
            reasons[name] = result.reason
        if name == "answer":
            pred = result.pred
    return Trace(
        **{field: getattr(row, field) for field in _FIELDS}, pred=pred, grades=scores, reasons=reasons
    )
