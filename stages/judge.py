"""Asks a model to judge the reasoning of the traces, where params name one; without one every trace passes as
it is.

A stage of its own, so that `grade` depends on no sampler.
"""

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Annotated, Any

import msgspec
from pydantic import Field, model_validator

from stages.graders import valid_reasoning
from stages.graders.grading.apply import judged
from stages.graders.grading.tally import Tally
from stages.samplers import SAMPLERS
from stages.samplers.ask import ask
from stages.samplers.asking.totals import Totals
from stages.samplers.cost.estimate_command import print_estimate
from stages.shared import params
from stages.shared.cli import progress, run
from stages.shared.files import as_json, read, replacing
from stages.shared.member_params import SamplerParams
from stages.shared.params import Rows
from stages.shared.rows import Ending, Prompt, Response, Trace, encode
from stages.styles import style

JUDGE, STYLE = "judge", "judge_reasoning"


class Params(Rows):
    """Who judges, and which traces."""

    # the folder that a judge reads, which dvc.yaml makes a dep of this stage: recorded answers, or the base
    # model that a local judge is
    root: str = "data/recorded"
    # the sampler that is asked, with its params; null: nobody judges
    ask: Annotated[SamplerParams, params.member("stages.samplers", SAMPLERS, "sampler")] | None = None
    # whose answers are judged; of these only the ones that ended by themselves
    by: list[str] = Field(default=["teacher"], min_length=1)
    # true: only answers to which every grader gave a 1
    passing: bool = True
    # params of the grader `valid_reasoning`, which reads the verdict
    grader: valid_reasoning.Params = valid_reasoning.Params()

    @model_validator(mode="after")
    def _reads_its_dep(self) -> "Params":
        for path in _local(self.ask):
            if not Path(path).is_relative_to(self.root):
                raise ValueError(f"ask: {path!r} is not in root, {self.root!r}: DVC would not see it change")
        return self

    @model_validator(mode="after")
    def _one_verdict(self) -> "Params":
        if self.ask and self.ask.n != 1:
            raise ValueError(f"ask.n must be 1: a judge is asked once about each answer, got {self.ask.n}")
        return self

    def wants(self, trace: Trace) -> bool:
        """Whether `trace` is judged."""
        passes = all(score == 1 for score in trace.grades.values())
        chosen = trace.by in self.by and trace.ending == Ending.STOP and (passes or not self.passing)
        return self.ask is not None and chosen


def _local(ask: Any) -> list[str]:
    """The files and folders of the project that a sampler reads."""
    model, served = str(getattr(ask, "model", "")), getattr(ask, "serves", None)
    models = [model] if Path(model).is_relative_to("models") else []
    return [*getattr(ask, "files", []), *models, *([served] if served else [])]


def main(system: str) -> None:
    """data/S/traces.jsonl -> data/S/judged.jsonl and metrics/S_judge.json.

    The metrics count the verdicts; where a model judges, `asked` says what its answers come to, with their
    cost.
    """
    judge, data, tally = params.read(system, "judge", Params), Path("data", system), Tally()
    totals = Totals(JUDGE, 1)
    paths = (data / "judged.jsonl", Path("metrics", f"{system}_judge.json"))
    with replacing(*paths, shard_rows=judge.shard_rows) as (rows, metrics):
        for traces in _with_verdicts(data / "traces.jsonl", judge, totals):
            rows.write(b"".join(encode(trace) + b"\n" for trace in traces))
            tally.add(Tally([trace for trace in traces if trace.verdict is not None]))
        asked = {"asked": totals.metrics()} if judge.ask else {}
        metrics.write(as_json(tally.metrics() | asked))


def estimate(arguments: list[str]) -> None:
    """SYSTEM: what judging would buy, without a call: new and stored requests, tokens, cost"""
    print_estimate("judge", arguments, _asked)


def _asked(system: str) -> tuple[Iterator[Prompt], dict[str, Any]]:
    judge, path = params.read(system, "judge", Params), Path("data", system, "traces.jsonl")
    rows = read(path, Trace, key=lambda trace: trace.trace_id) if judge.ask else iter(())
    return (_prompt(trace) for trace in rows if judge.wants(trace)), {JUDGE: judge.ask} if judge.ask else {}


def _with_verdicts(path: Path, judge: Params, totals: Totals) -> Iterator[list[Trace]]:
    """The traces of each problem, judged where `judge` wants them."""

    def traces() -> Iterator[Trace]:
        return read(path, Trace, key=lambda trace: trace.trace_id)

    verdicts = _verdicts(traces, judge, totals) if judge.ask else iter([])
    verdict = next(verdicts, None)
    for _, rows in groupby(progress(traces(), "judge"), key=lambda trace: trace.id):
        problem = []
        for trace in rows:
            if judge.wants(trace):
                answered = verdict is not None and verdict.id == trace.trace_id
                text = verdict.text if verdict and answered else ""  # "": nobody answered
                problem.append(judged(trace, text, judge.grader))
                verdict = next(verdicts, None) if answered else verdict
            else:
                problem.append(trace)
        yield problem


def _verdicts(traces: Any, judge: Params, totals: Totals) -> Iterator[Response]:
    """What the judge says of each trace that it wants; the id of a response is the trace's id."""

    def prompts() -> Iterator[Prompt]:
        return (_prompt(trace) for trace in traces() if judge.wants(trace))

    if next(prompts(), None) is None:
        return iter([])
    return ask(prompts, {JUDGE: judge.ask}, params.seed(), totals)


def _prompt(trace: Trace) -> Prompt:
    fields = msgspec.structs.asdict(trace)
    problem = {name: fields[name] for name in Prompt.__struct_fields__}
    asked = {"id": trace.trace_id, "by": JUDGE, "style": STYLE, "messages": style(STYLE).render(trace)}
    return Prompt(**problem | asked)


if __name__ == "__main__":
    run(main, {"--estimate": estimate})
