"""Keeps the traces worth learning from, and lists every dropped trace with its reason."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from io import BytesIO
from itertools import groupby
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from pydantic import AfterValidator, Field, model_validator

from stages.graders import GRADERS
from stages.graders.grading.hard_rows import TEACHER, HardRows, LabelBalance, balancing, with_hard_rows
from stages.shared import params
from stages.shared.cli import progress, run
from stages.shared.errors import BadInput, unknown
from stages.shared.files import as_json, read, replacing, sweep
from stages.shared.rows import Kind, Trace, encode
from stages.styles.prompting.prompts import StyleName


def _known(name: str) -> str:
    if name not in GRADERS:
        raise ValueError(unknown("grader", name, GRADERS))
    return name


GraderName = Annotated[str, AfterValidator(_known)]


class Characters(params.Strict):
    """Bounds on the length of an answer, both included."""

    min: int = Field(default=1, ge=0)  # at least so many characters
    max: int | None = Field(default=None, ge=1)  # at most so many (null: no bound)

    @model_validator(mode="after")
    def _in_order(self) -> "Characters":
        if self.max is not None and self.max < self.min:
            raise ValueError(f"max must not be below min ({self.min})")
        return self


class Rules(params.Strict):
    """What a trace must pass, in this order."""

    styles: list[StyleName] | None = Field(default=None, min_length=1)  # its style is among these (null: any)
    endings: list[Literal["stop", "length"]] = Field(default=["stop"], min_length=1)  # it ended like this
    characters: Characters = Characters()  # its length is within these bounds
    # Each grader named here gave it at least this score, from above 0 to 1.
    grades: dict[GraderName, Annotated[float, Field(gt=0, le=1)]] = Field(default={})
    # It is among the first so many of its problem that pass all of the above, by sample (null: no limit).
    per_problem: int | None = Field(default=None, ge=1)


class Params(params.Rows):
    """Which traces are kept."""

    rules: dict[str, Rules] = Field(min_length=1)  # what the answers of each `by` must pass
    # What becomes of a problem to which no answer of the teacher passes; only `drop` is for problems without
    # labels. drop: nothing is kept, so that the labels' shares move towards what the teacher finds easy.
    # label_only: its first trace is kept as hard, and the student is shown the gold label alone.
    # keep_reweighted: nothing is kept, and what is kept of its label counts for more, so that each label has
    # the share that it had before.
    hard_rows: HardRows = "drop"
    # Whether the kept and the dropped traces are also written as samples/accepted_samples.jsonl and
    # samples/rejected_samples.jsonl: the same data a second time, under names that people know.
    samples: bool = False

    @model_validator(mode="after")
    def _of_a_teacher(self) -> "Params":
        if self.hard_rows != "drop" and TEACHER not in self.rules:
            raise ValueError(f"hard_rows: {self.hard_rows} needs rules for {TEACHER!r}")
        return self


class Dropped(msgspec.Struct, kw_only=True):
    """A trace that was not kept: `reason` is the first rule that it failed."""

    trace: str
    by: str
    reason: str
    answer: str
    pred: str | None
    question: str
    text: str


def fault(trace: Trace, rules: Rules) -> str:
    """The first rule that `trace` fails by itself: `style:<style>`, `ending:length`, `too_short`, `too_long`
    or `<grader>:<reason>`; "" where it passes."""
    if rules.styles is not None and trace.style not in rules.styles:
        return f"style:{trace.style}"
    if trace.ending not in rules.endings:
        return f"ending:{trace.ending}"
    if len(trace.text) < rules.characters.min:
        return "too_short"
    if rules.characters.max is not None and len(trace.text) > rules.characters.max:
        return "too_long"
    for name, minimum in rules.grades.items():
        if name not in trace.grades:
            raise BadInput(
                f"trace {trace.trace_id!r} was not graded by {name!r}; it has the grades: "
                f"{', '.join(trace.grades) or 'none'}"
            )
        if trace.grades[name] < minimum:
            return f"{name}:{trace.reasons.get(name, 'low')}"
    return ""


def with_reasons(traces: Iterable[Trace], rules: Mapping[str, Rules]) -> Iterator[tuple[Trace, str]]:
    """Every trace with the reason to drop it ("" to keep it), in the order they came; a problem's traces
    stand together. Raises BadInput on a trace for whose `by` there are no rules."""
    for _, rows in groupby(traces, key=lambda trace: trace.id):
        problem = list(rows)
        reasons: dict[int, str] = {}  # by place in the problem
        kept: Counter[str] = Counter()  # by `by`
        for place, trace in sorted(enumerate(problem), key=lambda pair: pair[1].sample):
            if trace.by not in rules:
                raise BadInput(
                    f"trace {trace.trace_id!r}: no rules for by {trace.by!r}; there are rules for: "
                    f"{', '.join(sorted(rules))}"
                )
            reasons[place] = _reason(trace, rules[trace.by], kept[trace.by])
            kept[trace.by] += not reasons[place]
        yield from ((trace, reasons[place]) for place, trace in enumerate(problem))


def _reason(trace: Trace, rules: Rules, kept: int) -> str:
    """The first rule that `trace` fails, where `kept` traces of its problem were kept before it."""
    if first := fault(trace, rules):
        return first
    return "surplus" if rules.per_problem is not None and kept >= rules.per_problem else ""


class Tally:
    """Counts what is kept and dropped; kept + dropped is always the number of rows."""

    def __init__(self, bys: Iterable[str]) -> None:
        self.kept: Counter[str] = Counter()  # by `by`
        self.dropped: dict[str, Counter[str]] = {by: Counter() for by in bys}  # by reason
        # By what is counted (level, style or model), its value, and whether the trace was kept.
        self.shares: dict[str, Counter[tuple[str, str, bool]]] = {by: Counter() for by in bys}
        self.labels = LabelBalance()

    def count(self, trace: Trace, reason: str) -> None:
        """Counts `trace`, which was dropped for `reason` ("": kept)."""
        if reason:
            self.dropped[trace.by][reason] += 1
        else:
            self.kept[trace.by] += 1
        level = "none" if trace.level is None else str(trace.level)
        for what, value in (("level", level), ("style", trace.style), ("model", trace.model)):
            self.shares[trace.by][what, value, not reason] += 1
        if trace.by == TEACHER and trace.kind is Kind.LABEL:
            self.labels.count(trace, reason)

    def metrics(self) -> dict[str, Any]:
        """By `by`: rows, kept, dropped by reason, and the share kept of each level (rejection prefers the
        easy: here it shows), style and model."""
        return {by: self._of(by) for by in sorted(self.dropped)}

    def _of(self, by: str) -> dict[str, Any]:
        lost = sum(self.dropped[by].values())
        return {
            "rows": self.kept[by] + lost,
            "kept": self.kept[by],
            "dropped": dict(sorted(self.dropped[by].items())),
            **{f"kept_share_by_{what}": self._shares(by, what) for what in ("level", "style", "model")},
            **({"labels": self.labels.metrics()} if by == TEACHER and self.labels.problems else {}),
        }

    def _shares(self, by: str, what: str) -> dict[str, float]:
        counts = self.shares[by]
        values = sorted({value for kind, value, _ in counts if kind == what})
        kept = {value: counts[what, value, True] for value in values}
        return {value: round(kept[value] / (kept[value] + counts[what, value, False]), 6) for value in values}

    def reasons(self) -> str:
        """`teacher answer:wrong 12, teacher surplus 3`."""
        return ", ".join(
            f"{by} {reason} {count}"
            for by in sorted(self.dropped)
            for reason, count in sorted(self.dropped[by].items())
        )


def main(system: str) -> None:
    """data/S/judged.jsonl -> data/S/kept.jsonl, data/S/dropped.jsonl, metrics/S_filter.json and the folder
    data/S/samples, which is empty unless params ask for samples."""
    section = params.read(system, "filter", Params)
    data, tally = Path("data", system), Tally(section.rules)

    def judged() -> Iterator[tuple[Trace, str]]:
        rows = read(data / "judged.jsonl", Trace, key=lambda trace: trace.trace_id)
        return with_reasons(rows, section.rules)

    weights = balancing(judged()) if section.hard_rows == "keep_reweighted" else {}
    traces = with_hard_rows(progress(judged(), "filter"), section.hard_rows, weights)
    paths = (data / "kept.jsonl", data / "dropped.jsonl", Path("metrics", f"{system}_filter.json"))
    outs = replacing(*paths, shard_rows=section.shard_rows)
    samples = [data / "samples" / f"{name}_samples.jsonl" for name in ("accepted", "rejected")]
    with outs as (kept, dropped, metrics):
        accepted, rejected = (outs.also(path) if section.samples else BytesIO() for path in samples)
        for trace, reason in traces:
            tally.count(trace, reason)
            line = encode(_dropped(trace, reason) if reason else trace) + b"\n"
            (dropped if reason else kept).write(line)
            if section.samples:
                (rejected if reason or trace.hard else accepted).write(line)
        if not sum(tally.kept.values()):
            raise BadInput(f"{data / 'judged.jsonl'}: all rows were filtered out: {tally.reasons()}")
        metrics.write(as_json(tally.metrics()))
    sweep(data / "samples", samples if section.samples else [])


def _dropped(trace: Trace, reason: str) -> Dropped:
    return Dropped(
        trace=trace.trace_id,
        by=trace.by,
        reason=reason,
        answer=trace.answer,
        pred=trace.pred,
        question=trace.question,
        text=trace.text,
    )


if __name__ == "__main__":
    run(main)
