"""Grades every response, and measures how hard each problem is for the base model."""

import argparse
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from stages.graders import GRADERS
from stages.graders.grading.apply import batches, grade_batch
from stages.graders.grading.tally import Tally
from stages.shared import params
from stages.shared.cli import progress, run
from stages.shared.files import as_json, read, replacing
from stages.shared.rows import Ending, Kind, Response
from stages.spread import engines
from stages.spread.engines import in_order


class Params(engines.Params, params.Rows):
    """How responses are graded, and by how many."""

    # by name, the params of each grader to apply
    graders: Annotated[dict[str, Any], params.members("stages.graders", GRADERS)]


def main(system: str) -> None:
    """data/S/responses.jsonl -> data/S/traces.jsonl and metrics/S_grade.json."""
    section, data, tally = params.read(system, "grade", Params), Path("data", system), Tally()
    responses = read(data / "responses.jsonl", Response, key=lambda response: response.trace_id)
    work = partial(grade_batch, section.graders)
    paths = (data / "traces.jsonl", Path("metrics", f"{system}_grade.json"))
    with replacing(*paths, shard_rows=section.shard_rows) as (traces, metrics):
        graded = in_order(work, batches(progress(responses, "grade")), section)
        with closing(graded):
            for lines, counts in graded:
                traces.write(lines)
                tally.add(counts)
        metrics.write(as_json(tally.metrics()))


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
    row = _response(given)
    verdict = answer.verdict(row, graders.get("answer", answer.Params()))
    print(verdict.outcome)
    print(f"  pred      {verdict.pred}")
    print(f"  found     {verdict.found or '-'}")
    print(f"  compared  {verdict.compared or '-'}")
    print("steps")
    print("\n".join(f"  {number}. {step}" for number, step in enumerate(verdict.steps, 1)))


def _response(given: argparse.Namespace) -> Response:
    """The response on the command line, as a row."""
    return Response(
        id="explained",
        task="",
        kind=Kind(given.kind),
        split="",
        question="",
        answer=given.gold,
        choices=given.choices,
        by="",
        style="",
        messages=[],
        sampler="",
        model="",
        sample=0,
        text=given.response,
        ending=Ending(given.ending),
        tokens=0,
    )


if __name__ == "__main__":
    run(main, {"--explain": explain})
