"""Measures the student: grades the answers of all arms, then scores them, with 95 % intervals."""

import sys
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, Field, field_validator

from stages.graders import GRADERS
from stages.graders.grading.apply import to_traces
from stages.scores import SCORES, Estimate, score
from stages.scores.measures.nesting import report
from stages.scores.measures.table import by_problem, tabulate
from stages.scores.pages.samples import Samples, page
from stages.shared import params
from stages.shared.cli import progress, run
from stages.shared.errors import unknown
from stages.shared.rows import Response, as_bytes, as_json, read, replacing, sweep


def _known(name: str) -> str:
    if name not in SCORES:
        raise ValueError(unknown("score", name, SCORES))
    return name


class Params(params.Strict):
    """`hard_below`: a problem is hard where the base model's pass rate is below it; `samples`: how many
    traces to show."""

    graders: Annotated[dict[str, Any], params.members("stages.graders", GRADERS)]
    scores: list[Annotated[str, AfterValidator(_known)]] = Field(min_length=1)
    hard_below: float = Field(gt=0, le=1)
    samples: int = Field(ge=0)

    @field_validator("graders")
    @classmethod
    def _with_answer(cls, graders: dict[str, Any]) -> dict[str, Any]:
        if "answer" not in graders:
            raise ValueError("'answer' is missing: accuracy and difficulty are measured by it")
        return graders


def main(system: str) -> None:
    """data/S/generations.jsonl -> metrics/S.json, metrics/S_samples.md and, of the scores that have any,
    metrics/S_plots/*.csv."""
    ours, seed = params.read(system, "evaluate", Params), params.seed()
    responses = read(
        Path("data", system, "generations.jsonl"), Response, key=lambda response: response.trace_id
    )
    samples = Samples(ours.samples, seed)
    problems = by_problem(to_traces(progress(responses, "evaluate"), ours.graders))
    table = tabulate(samples.passing(problems), ours.hard_below)
    found: dict[str, Estimate | None] = {}
    drawn: dict[str, str] = {}
    for name in ours.scores:
        found |= score(name).score(table, seed)
        drawn |= score(name).plots(table)
    undefined = [name for name, estimate in found.items() if estimate is None]
    if undefined:
        print(f"evaluate: undefined on these problems, so left out: {', '.join(undefined)}", file=sys.stderr)
    folder = Path("metrics", f"{system}_plots")
    texts = {folder / f"{name}.csv": as_bytes(text) for name, text in drawn.items()}
    texts[Path("metrics", f"{system}_samples.md")] = as_bytes(page(system, samples.chosen()))
    texts[Path("metrics", f"{system}.json")] = as_json(report(len(table), found))
    with replacing(*texts) as files:
        for file, text in zip(files, texts.values(), strict=True):
            file.write(text)
    sweep(folder, texts)


if __name__ == "__main__":
    run(main)
