"""Measures the student: grades the answers of all arms, then scores them, with 95 % intervals."""

import sys
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Annotated, Any, BinaryIO

from pydantic import Field, ValidationInfo, field_validator

from stages.graders import GRADERS
from stages.graders.grading.apply import to_traces
from stages.scores import SCORES, score
from stages.scores.measures.estimates import Estimates
from stages.scores.measures.needs import Needs, Pair
from stages.scores.measures.nesting import report
from stages.scores.measures.table import Table
from stages.scores.measures.tabulation import by_problem, tabulate
from stages.scores.pages.samples import Columns, Samples, page
from stages.shared import params
from stages.shared.cli import progress, run
from stages.shared.errors import BadInput, unknown
from stages.shared.files import as_bytes, as_json, read, replacing, sweep
from stages.shared.rows import PROBE, Response, Trace, encode

Name = Annotated[str, Field(pattern=r"^[\w-]+$")]  # part of a metric's name, where a dot would nest
TEST = "test"  # the split that the scores are of
ENDS = ("low", "high")  # of an interval
Mark = Annotated[str, Field(min_length=1)]  # the empty text stands in every answer


class SamplesParams(params.Strict):
    """The page of answers to read."""

    # how many problems it shows
    count: int = Field(ge=0)
    # the arms whose answers it shows; null: all
    arms: list[str] | None = Field(default=None, min_length=1)
    # the arm of `arms` of which its table says whether the answers use each set of `marks`; null: it does not
    marked: str | None = None

    @field_validator("marked")
    @classmethod
    def _shown(cls, marked: str | None, fields: ValidationInfo) -> str | None:
        arms = fields.data.get("arms")
        if marked and arms and marked not in arms:
            raise ValueError(unknown("arm", marked, arms))
        return marked


class Params(params.Rows):
    """How the answers are graded, and what is reported of them."""

    # the graders and their params; `answer` must be among them
    graders: Annotated[dict[str, Any], params.members("stages.graders", GRADERS)]
    # the scores and their params, in the order in which the metrics are written
    scores: Annotated[dict[str, Any], params.members("stages.scores", SCORES)]
    # differences between arms, paired by problem: name -> [arm, the arm that is subtracted from it]
    compare: dict[Name, Pair] = Field(default_factory=dict)
    # sets of marks: name -> texts; of every answer it is noted whether it uses any mark of the set
    marks: dict[Name, Annotated[list[Mark], Field(min_length=1)]] = Field(default_factory=dict)
    # a problem is hard where the base model's pass rate is below this; null: only where no arm is the probe
    hard_below: float | None = Field(default=None, gt=0, le=1)
    # the page of answers to read
    samples: SamplesParams
    # what the summary shows: name -> metric; the interval is that of the first
    headline: dict[Name, str] = Field(default_factory=dict)

    @field_validator("graders")
    @classmethod
    def _with_answer(cls, graders: dict[str, Any]) -> dict[str, Any]:
        if "answer" not in graders:
            raise ValueError("'answer' is missing: accuracy and difficulty are measured by it")
        return graders

    @field_validator("marks")
    @classmethod
    def _columns_apart(cls, marks: dict[str, Any], fields: ValidationInfo) -> dict[str, Any]:
        taken = sorted(marks.keys() & fields.data.get("graders", {}).keys())
        if taken:
            raise ValueError(f"expected names that no grader has ({', '.join(taken)})")
        return marks

    @field_validator("headline")
    @classmethod
    def _own_names(cls, headline: dict[str, str]) -> dict[str, str]:
        if taken := sorted(headline.keys() & {"n", *ENDS}):
            raise ValueError(f"expected other names than n, low and high, which the summary has ({taken[0]})")
        return headline

    @field_validator("samples")
    @classmethod
    def _marked_by_something(cls, samples: SamplesParams, fields: ValidationInfo) -> SamplesParams:
        if samples.marked and not fields.data.get("marks", True):
            raise ValueError("marked: expected null, since `marks` names no set of marks")
        return samples


def main(system: str) -> None:
    """data/S/generations.jsonl -> data/S/graded.jsonl, metrics/S.json, metrics/summary/S.json,
    metrics/S_samples.md and metrics/S_plots/*.csv.

    graded.jsonl holds the traces of all arms and splits, in the order of the answers. The scores are of the
    test problems alone. The plots are those of the scores that have any.
    """
    ours, seed = params.read(system, "evaluate", Params), params.seed()
    data, metrics = Path("data", system), Path("metrics")
    answers = read(data / "generations.jsonl", Response, key=lambda response: response.trace_id)
    with (outputs := replacing(data / "graded.jsonl", shard_rows=ours.shard_rows)) as graded:
        traces = _written(to_traces(progress(answers, "evaluate"), ours.graders), graded)
        problems = (rows for rows in by_problem(traces) if rows[0].split == TEST)
        first = next(problems, [])
        arms = list(dict.fromkeys(trace.by for trace in first if trace.by != PROBE))
        check_names(ours, arms, system)
        _check_difficulty(ours, first, system)
        shown = ours.samples.arms or arms
        samples = Samples(ours.samples.count, shown, seed)
        passing = samples.passing(chain([first] if first else [], problems))
        table = tabulate(passing, ours.hard_below, ours.marks, ours.compare)
        texts = _scored(ours, table, seed, metrics, system)
        columns = Columns(shown, ours.samples.marked, ours.marks)
        texts[metrics / f"{system}_samples.md"] = as_bytes(page(system, samples.chosen(), columns))
        for path, text in texts.items():
            outputs.also(path).write(text)
    sweep(metrics / f"{system}_plots", texts)


def _written(traces: Iterable[Trace], file: BinaryIO) -> Iterator[Trace]:
    """The same traces; each is written as it passes."""
    for trace in traces:
        file.write(encode(trace) + b"\n")
        yield trace


def check_names(ours: Params, arms: list[str], system: str) -> None:
    """Raises BadInput where params name what does not exist; every such place is in the one error.

    `arms` are those of the first problem; all problems must have the same.
    """
    if not arms:
        return  # the first problem has no answer but the probe's: tabulate says so
    there = Needs(arms, list(ours.compare), [*ours.marks, *ours.graders])
    wanted = {f"compare.{name}": Needs(arms=pair) for name, pair in ours.compare.items()}
    wanted |= {f"scores.{name}": section.needs() for name, section in ours.scores.items()}
    wanted["samples.arms"] = Needs(arms=ours.samples.arms or ())
    wanted["samples.marked"] = Needs(arms=[ours.samples.marked] if ours.samples.marked else ())
    faults = [
        f"systems.{system}.evaluate.{place}: {unknown(noun.removesuffix('s'), name, choices)}"
        for place, needs in wanted.items()
        for noun, names, choices in zip(Needs._fields, needs, there, strict=True)
        for name in names
        if name not in choices
    ]
    if faults:
        raise BadInput(f"{params.PARAMS}: {'; '.join(faults)}")


def _check_difficulty(ours: Params, first: list[Trace], system: str) -> None:
    """Raises BadInput where the base model was probed and params do not say which problems are hard."""
    if first and first[0].pass_rate is not None and ours.hard_below is None:
        raise BadInput(
            f"{params.PARAMS}: systems.{system}.evaluate.hard_below: is missing: expected the pass rate of "
            f"{PROBE!r} below which a problem is hard"
        )


def _scored(ours: Params, table: Table, seed: int, folder: Path, system: str) -> dict[Path, bytes]:
    """The files of metrics and plots; says on stderr which metrics are undefined."""
    metrics: Estimates = {}
    plots: dict[str, str] = {}
    for name, section in ours.scores.items():
        metrics |= score(name).score(table, section, seed)
        plots |= score(name).plots(table, section)
    undefined = [name for name, estimate in metrics.items() if estimate is None]
    if undefined:
        print(f"evaluate: undefined on these problems, so left out: {', '.join(undefined)}", file=sys.stderr)
    texts = {folder / f"{system}_plots" / f"{name}.csv": as_bytes(text) for name, text in plots.items()}
    if not texts:  # git keeps no empty folder, and a clone without the folder would be out of date
        texts[folder / f"{system}_plots" / ".gitkeep"] = b""
    values = report(len(table), metrics)
    texts[folder / f"{system}.json"] = as_json(values)
    texts[folder / "summary" / f"{system}.json"] = as_json(_summary(values, ours.headline))
    return texts


def _summary(values: dict[str, Any], headline: Mapping[str, str]) -> dict[str, Any]:
    """The number of problems, the metrics of `headline` by its names, and the interval of the first.

    A metric that these problems leave undefined is left out, and told on stderr.
    """
    summary: dict[str, Any] = {"n": values["n"]}
    for place, (name, metric) in enumerate(headline.items()):
        value, interval = (_value(nest, metric) for nest in (values, values["interval"]))
        if value is None:
            print(f"evaluate: headline.{name}: no metric {metric} on these problems", file=sys.stderr)
            continue
        summary[name] = value
        summary |= dict(zip(ENDS, interval, strict=True)) if place == 0 else {}
    return summary


def _value(nest: Any, metric: str) -> Any:
    for part in metric.split("."):
        nest = nest.get(part) if isinstance(nest, dict) else None
    return nest


if __name__ == "__main__":
    run(main)
