"""Grades every response, and measures how hard each problem is for the base model; asks a judge where params
name one."""

import argparse
from collections.abc import Iterable, Iterator
from contextlib import closing
from functools import partial
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import msgspec
from pydantic import Field, model_validator

from stages.graders import GRADERS
from stages.graders.grading.apply import batches, grade_batch, judged
from stages.graders.grading.tally import Tally
from stages.samplers import SAMPLERS
from stages.samplers.ask import ask
from stages.shared import params
from stages.shared.cli import progress, run
from stages.shared.member_params import SamplerParams
from stages.shared.rows import Ending, Kind, Prompt, Response, Trace, as_json, encode, read, replacing
from stages.spread.processes import in_order
from stages.styles import style

JUDGE, JUDGE_STYLE = "judge", "judge_reasoning"
Graded = tuple[bytes, Tally]  # traces of whole problems as JSON lines, and their counts


class Judge(params.Strict):
    """Who judges (`ask`, params of a sampler), and what: the answers of those named in `by` that ended by
    themselves and, with `passing`, have a grade of 1 from every other grader."""

    ask: Annotated[SamplerParams, params.member("stages.samplers", SAMPLERS, "sampler")]
    by: list[str] = Field(default=["teacher"], min_length=1)
    passing: bool = True

    @model_validator(mode="after")
    def _one_verdict(self) -> "Judge":
        if self.ask.n != 1:
            raise ValueError(f"ask.n must be 1: a judge is asked once about each answer, got {self.ask.n}")
        return self

    def asked(self, trace: Trace) -> bool:
        """Whether it judges `trace`."""
        passes = all(score == 1 for score in trace.grades.values())
        return trace.by in self.by and trace.ending == Ending.STOP and (passes or not self.passing)


class Params(params.Strict):
    """The graders to apply, each with its own params; `workers` is the number of processes that share the
    rows; `judge` says who is asked for the grader of that name."""

    graders: Annotated[dict[str, Any], params.members("stages.graders", GRADERS)]
    workers: int = Field(default=1, ge=1, le=256)
    judge: Judge | None = None

    @model_validator(mode="after")
    def _judge_and_grader(self) -> "Params":
        if (JUDGE in self.graders) != (self.judge is not None):
            raise ValueError(
                "the grader 'judge' and the section 'judge' need each other: give both, or neither"
            )
        return self


def main(system: str) -> None:
    """data/S/responses.jsonl -> data/S/traces.jsonl and metrics/S_grade.json."""
    ours, data, tally = params.read(system, "grade", Params), Path("data", system), Tally()
    responses = read(data / "responses.jsonl", Response, key=lambda response: response.trace_id)
    work = partial(grade_batch, {name: params for name, params in ours.graders.items() if name != JUDGE})
    with replacing(data / "traces.jsonl", Path("metrics", f"{system}_grade.json")) as (traces, metrics):
        with closing(in_order(work, batches(progress(responses, "grade")), ours.workers)) as graded:
            for lines, counted in with_verdicts(graded, ours, data) if ours.judge else graded:
                traces.write(lines)
                tally.add(counted)
        metrics.write(as_json(tally.metrics()))


def with_verdicts(graded: Iterable[Graded], ours: Params, near: Path) -> Iterator[Graded]:
    """What was graded, judged as well. Until then it lies in a folder of its own in `near`, not in memory."""
    judge, graders = ours.judge, ours.graders
    assert judge is not None
    with TemporaryDirectory(dir=near, prefix=".judge-") as folder:
        waiting = Path(folder, "traces.jsonl")
        with replacing(waiting) as file:
            for lines, _ in graded:
                file.write(lines)

        def prompts() -> Iterator[Prompt]:
            return (_prompt(trace) for trace in read(waiting, Trace) if judge.asked(trace))

        verdicts = ask(prompts, {JUDGE: judge.ask}, params.seed()) if next(prompts(), None) else iter([])
        verdict = next(verdicts, None)
        for _, traces in groupby(read(waiting, Trace), key=lambda trace: trace.id):
            found = []
            for trace in traces:
                if judge.asked(trace):
                    given = verdict is not None and verdict.id == trace.trace_id
                    found.append(
                        judged(trace, verdict.text if verdict and given else "", graders[JUDGE])
                    )  # "": nobody answered
                    verdict = next(verdicts, None) if given else verdict
                else:
                    found.append(trace)
            yield b"".join(encode(trace) + b"\n" for trace in found), Tally(found)


def _prompt(trace: Trace) -> Prompt:
    """What the judge is asked about `trace`, whose id is the prompt's."""
    fields = msgspec.structs.asdict(trace)
    problem = {name: fields[name] for name in Prompt.__struct_fields__}
    return Prompt(
        **problem
        | {
            "id": trace.trace_id,
            "by": JUDGE,
            "style": JUDGE_STYLE,
            "messages": style(JUDGE_STYLE).render(trace),
        }
    )


def explain(arguments: list[str]) -> None:
    """--kind KIND GOLD RESPONSE: how one response is graded, and why"""
    from stages.graders import answer

    parser = argparse.ArgumentParser(
        prog="python -m stages.grade --explain", description="How one response is graded, step by step."
    )
    parser.add_argument("gold", help="the data set's answer; put -- before one that begins with a dash")
    parser.add_argument("response", help="what the model wrote")
    parser.add_argument("--kind", required=True, choices=[kind.value for kind in Kind])
    parser.add_argument("--choices", nargs="+", help="the texts of the options, in their order")
    parser.add_argument(
        "--ending",
        default="stop",
        choices=[ending.value for ending in Ending],
        help="length: the response was cut off",
    )
    parser.add_argument(
        "--system", help="take its params of the grader `answer` (by default: as if none were written)"
    )
    given = parser.parse_args(arguments)
    graders = params.read(given.system, "grade", Params).graders if given.system else {}
    row = Response(
        id="explained", task="", kind=Kind(given.kind), split="", question="", answer=given.gold, choices=given.choices, by="", style="",
        messages=[], sampler="", model="", sample=0, text=given.response, ending=Ending(given.ending), tokens=0,
    )  # fmt: skip
    found = answer.verdict(row, graders.get("answer", answer.Params()))
    print(
        f"{found.outcome}\n  pred      {found.pred}\n  found     {found.found or '-'}\n  compared  {found.compared or '-'}\nsteps"
    )
    print("\n".join(f"  {number}. {step}" for number, step in enumerate(found.steps, 1)))


if __name__ == "__main__":
    run(main, {"--explain": explain})
