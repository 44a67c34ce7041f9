"""Grades every response, and measures how hard each problem is for the base model; asks a judge where params name one."""

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
from pydantic import Field, model_validator

from stages.graders import GRADERS
from stages.graders.apply import judged, to_traces
from stages.samplers import SAMPLERS
from stages.samplers.ask import ask
from stages.shared import params
from stages.shared.cli import progress, run
from stages.shared.rows import Ending, Prompt, Response, Trace, as_json, put, read, replacing, write
from stages.styles import style

JUDGE = "judge"


class Judge(params.Strict):
    """Who judges (`ask`, params of a sampler), and what: the answers of those named in `by` that ended by themselves and, with `passing`,
    have a grade of 1 from every other grader."""

    ask: params.member("stages.samplers", SAMPLERS, "sampler")  # type: ignore[valid-type]
    by: list[str] = Field(default=["teacher"], min_length=1)
    passing: bool = True

    @model_validator(mode="after")
    def _one_verdict(self) -> "Judge":
        if self.ask.n != 1:
            raise ValueError(f"ask.n must be 1: a judge is asked once about each answer, got {self.ask.n}")
        return self


class Params(params.Strict):
    """The graders to apply, each with its own params; `judge` says who is asked for the grader of that name."""

    graders: params.members("stages.graders", GRADERS)  # type: ignore[valid-type]
    judge: Judge | None = None

    @model_validator(mode="after")
    def _judge_and_grader(self) -> "Params":
        if (JUDGE in self.graders) != (self.judge is not None):
            raise ValueError("the grader 'judge' and the section 'judge' need each other: give both, or neither")
        return self


class Tally:
    """Counts traces as they stream by."""

    def __init__(self) -> None:
        self.rows: Counter[str] = Counter()
        self.graded: Counter[tuple[str, str]] = Counter()
        self.passed: Counter[tuple[str, str]] = Counter()
        self.reasons: dict[tuple[str, str], Counter[str]] = {}
        self.models: dict[str, dict[str, list[int]]] = {}
        self.rates: Counter[str] = Counter({"always_fails": 0, "below_half": 0, "half_or_more": 0, "always_passes": 0, "not_measured": 0})
        self.problem = ""

    def watch(self, traces: Iterable[Trace]) -> Iterator[Trace]:
        """`traces`, counted."""
        for trace in traces:
            self._count(trace)
            yield trace

    def _count(self, trace: Trace) -> None:
        self.rows[trace.by] += 1
        for name, score in trace.grades.items():
            self.graded[trace.by, name] += 1
            self.passed[trace.by, name] += score == 1
            counts = self.reasons.setdefault((trace.by, name), Counter())
            if name in trace.reasons:
                counts[trace.reasons[name]] += 1
        model = self.models.setdefault(trace.by, {}).setdefault(trace.model, [0, 0])
        model[0] += 1
        model[1] += trace.grades.get("answer") == 1
        if trace.id != self.problem:
            self.problem = trace.id
            self.rates[_difficulty(trace.pass_rate)] += 1

    def metrics(self) -> dict[str, Any]:
        """By `by`: rows, by grader the share of graded rows with a grade of 1 (and how many were graded, where not all were) and the
        reasons; accuracy by model where there are several; then the number of problems by the base model's pass rate."""
        return {by: self._of(by) for by in sorted(self.rows)} | {"problems_by_pass_rate": dict(self.rates)}

    def _of(self, by: str) -> dict[str, Any]:
        found: dict[str, Any] = {"rows": self.rows[by]}
        for (who, name), counts in self.reasons.items():
            if who == by:
                graded = self.graded[by, name]
                found[name] = {} if graded == self.rows[by] else {"rows": graded}
                found[name] |= {"passed": round(self.passed[by, name] / graded, 6), "reasons": dict(sorted(counts.items()))}
        models = self.models[by]
        if len(models) > 1 and (by, "answer") in self.reasons:
            found["models"] = {name: {"rows": rows, "accuracy": round(right / rows, 6)} for name, (rows, right) in sorted(models.items())}
        return found


def _difficulty(pass_rate: float | None) -> str:
    if pass_rate is None:
        return "not_measured"
    if pass_rate in (0.0, 1.0):
        return "always_passes" if pass_rate else "always_fails"
    return "half_or_more" if pass_rate >= 0.5 else "below_half"


@contextmanager
def with_verdicts(traces: Iterable[Trace], judge: Judge, graders: dict[str, Any], seed: int, near: Path) -> Iterator[Iterator[Trace]]:
    """`traces`, those that are to be judged with their verdicts. Until then they lie in a folder of their own in `near`, not in memory."""

    def chosen(trace: Trace) -> bool:
        passes = all(score == 1 for score in trace.grades.values())
        return trace.by in judge.by and trace.ending == Ending.STOP and (passes or not judge.passing)

    def prompts() -> Iterator[Prompt]:
        return (_prompt(trace) for trace in read(waiting, Trace) if chosen(trace))

    def merged() -> Iterator[Trace]:
        verdicts = ask(prompts, {JUDGE: judge.ask}, seed) if next(prompts(), None) else iter([])
        verdict = next(verdicts, None)
        for trace in read(waiting, Trace):
            if not chosen(trace):
                yield trace
            elif verdict is None or verdict.id != trace.trace_id:
                yield judged(trace, "", graders[JUDGE])  # nobody answered
            else:
                yield judged(trace, verdict.text, graders[JUDGE])
                verdict = next(verdicts, None)

    with TemporaryDirectory(dir=near, prefix=".judge-") as folder:
        waiting = Path(folder, "traces.jsonl")
        write(waiting, traces)
        yield merged()


def _prompt(trace: Trace) -> Prompt:
    """What the judge is asked about `trace`, whose id is the prompt's."""
    fields = msgspec.structs.asdict(trace)
    problem = {name: fields[name] for name in Prompt.__struct_fields__}
    return Prompt(**problem | {"id": trace.trace_id, "by": JUDGE, "style": JUDGE, "messages": style(JUDGE).render(trace)})


def main(system: str) -> None:
    """data/S/responses.jsonl -> data/S/traces.jsonl and metrics/S_grade.json."""
    ours = params.read(system, "grade", Params)
    data, tally = Path("data", system), Tally()
    responses = read(data / "responses.jsonl", Response, key=lambda response: response.trace_id)
    graded = to_traces(progress(responses, "grade"), {name: params for name, params in ours.graders.items() if name != JUDGE})
    with replacing(data / "traces.jsonl", Path("metrics", f"{system}_grade.json")) as (traces, metrics):
        with with_verdicts(graded, ours.judge, ours.graders, params.seed(), data) if ours.judge else nullcontext(graded) as found:
            put(traces, tally.watch(found))
        metrics.write(as_json(tally.metrics()))


if __name__ == "__main__":
    run(main)
