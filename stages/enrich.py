"""Puts all answers of the teacher to a problem into one row, the right ones apart, and counts them by task
and style."""

import argparse
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from stages.graders import GRADERS, answer
from stages.graders.grading.apply import problems
from stages.scores.measures.nesting import report
from stages.scores.pages.path_table import PathTable
from stages.shared import params
from stages.shared.cli import progress, run
from stages.shared.enriched import Paths, correct, regraded, together
from stages.shared.errors import BadInput
from stages.shared.files import as_bytes, as_json, read, replacing, sweep
from stages.shared.rows import Response, Trace, encode


class Params(params.Rows):
    """Whose answers are put together."""

    by: str = Field(default="teacher", min_length=1)  # the `by` of the traces that are taken


class Graders(params.Strict, extra="ignore"):
    """Of the section `grade`, what `--regenerate` needs."""

    graders: Annotated[dict[str, Any], params.members("stages.graders", GRADERS)]


def main(system: str) -> None:
    """data/S/judged.jsonl -> data/S/paths/enriched_<task>.jsonl, correct_<task>.jsonl and the table
    metrics/S_paths.json, .md and .csv."""
    section, data, table = params.read(system, "enrich", Params), Path("data", system), PathTable()
    traces = progress(read(data / "judged.jsonl", Trace, key=lambda trace: trace.trace_id), "enrich")
    metrics_of = [Path("metrics", f"{system}_paths.{ending}") for ending in ("json", "md", "csv")]
    outs, by = replacing(*metrics_of, shard_rows=section.shard_rows), section.by
    with outs as (metrics, page, plot):
        for row in enriched(traces, by):
            table.add(row)
            outs.also(data / "paths" / f"enriched_{row.task}.jsonl").write(encode(row) + b"\n")
            _put_correct(outs.also(data / "paths" / f"correct_{row.task}.jsonl"), row)
        if not table.problems:
            raise BadInput(f"{data / 'judged.jsonl'}: no answer by {by!r}: see systems.{system}.enrich.by")
        metrics.write(as_json(report(table.problems["all"], table.estimates())))
        page.write(as_bytes(table.page(system)))
        plot.write(as_bytes(table.as_csv()))
    sweep(data / "paths", outs.parts)


def enriched(traces: Iterable[Trace], by: str) -> Iterator[Paths]:
    """A row for each problem that `by` answered, in their order; memory does not grow with them."""
    for rows in problems(traces):
        for name in {row.task for row in rows} | {row.style for row in rows}:
            if not re.fullmatch(r"\w[\w-]*", name):
                raise BadInput(
                    f"problem {rows[0].id!r}: {name!r} is no name of a task or style: a letter or digit, "
                    "then these, _ and -"
                )
        if mine := [row for row in rows if row.by == by]:
            yield together(mine)


def _put_correct(file: Any, row: Paths) -> bool:
    """Writes the right answers of `row`, if there are any, and returns whether there are."""
    right = correct(row)
    if right:
        file.write(encode(right) + b"\n")
    return right is not None


def regenerate(arguments: list[str]) -> None:
    """FOLDER: rebuilds its correct_*.jsonl from its enriched_*.jsonl alone, graded anew, without a call"""
    parser = argparse.ArgumentParser(
        prog="python -m stages.enrich --regenerate", description="Rebuilds correct_*.jsonl, graded anew."
    )
    parser.add_argument(
        "folder", type=Path, help="one with enriched_*.jsonl files, such as data/<system>/paths"
    )
    parser.add_argument(
        "--system", help="take its params of the grader `answer` (by default: as if none were written)"
    )
    given = parser.parse_args(arguments)
    graders = params.read(given.system, "grade", Graders).graders if given.system else {}
    chosen = graders.get("answer", answer.Params())

    def grade(response: Response) -> tuple[str | None, bool]:
        graded = answer.grade(response, chosen)
        return graded.pred, graded.score == 1

    files = sorted(given.folder.glob("enriched_*.jsonl"))
    if not files:
        raise BadInput(
            f"{given.folder}: no enriched_*.jsonl here; name the folder that the stage enrich writes, "
            "data/<system>/paths"
        )
    summaries, outs = [], replacing()
    with outs:
        for path in files:
            file = outs.also(path.with_name(path.name.replace("enriched", "correct", 1)))
            rows = right = changed = 0
            for row in progress(read(path, Paths, key=lambda row: row.id), path.stem):
                new = regraded(row, grade)
                rows += 1
                right += _put_correct(file, new)
                changed += new.correct_flags != row.correct_flags
            summaries.append(
                f"{path}: {rows} problems, {right} with a right answer; "
                f"{changed} graded otherwise than before"
            )
    print("\n".join(summaries))


if __name__ == "__main__":
    run(main, {"--regenerate": regenerate})
