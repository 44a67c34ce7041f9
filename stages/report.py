"""The report of a system: one HTML file with its results, its rows and what became of them."""

import json
from collections.abc import Iterator
from hashlib import sha256
from heapq import nsmallest
from itertools import chain, groupby
from pathlib import Path
from typing import Any

import msgspec
from pydantic import Field, field_validator

from stages.pages.overview import Evidence, overview
from stages.pages.page import page
from stages.pages.pair_sections import PairTally, routed
from stages.pages.result_table import Result, is_bar
from stages.pages.tallies import ArmTally, TeacherTally
from stages.pages.trace_table import TraceTable
from stages.shared import params
from stages.shared.cli import progress, run
from stages.shared.errors import BadInput
from stages.shared.files import as_bytes, read, replacing
from stages.shared.routes import Route
from stages.shared.rows import Chat, Trace
from stages.shared.shards import has_rows


class Wanted(params.Strict):
    """A metric that the page shows first."""

    # its name in metrics/S.json, whose dots nest: accuracy.student
    metric: str = Field(min_length=1)
    # what it is, in words ("": its name)
    what: str = ""
    # what it is held against: `>= number`, `<= number`, or "" for nothing
    bar: str = ""

    @field_validator("bar")
    @classmethod
    def _readable(cls, bar: str) -> str:
        if not is_bar(bar):
            raise ValueError("expected `>= number` or `<= number`")
        return bar


class Params(params.Strict):
    """What the page shows."""

    # a folder that a stage of another family writes of this system, which DVC then makes this stage wait for:
    # metrics/N_report of a classifier, metrics/N_plots of a pair; what lies in metrics/N* is shown as well
    root: str = "stages/pages/__init__.py"
    # the metrics that the page shows first, in this order
    results: list[Wanted] = Field(default=[])
    # at most so many problems have rows on the page, drawn by a hash of their ids; null: all
    problems: int | None = Field(default=10_000, ge=1)


class Dropped(msgspec.Struct):
    """What data/S/dropped.jsonl says of an answer, as far as it is read here."""

    trace: str
    reason: str


class Named(msgspec.Struct):
    """The id of a row's problem."""

    id: str


def main(system: str) -> None:
    """data/S/{judged,kept,dropped,graded}.jsonl, data/S/chats/, models/students/S/, metrics/S*.json,
    metrics/S_paths.csv and metrics/S_plots/ -> data/S/report.html. Where params name the plots of a pair N,
    also data/S/pair_graded/N.jsonl and data/S/routes/N.jsonl.

    The curves of the students (metrics/N_train, metrics/N_practise) are outputs of the stages that write the
    model folders, so they change with these. Every row is counted; `problems` bounds those that are shown.
    """
    ours = params.read(system, "report", Params)
    data = Path("data", system)
    fates = _fates(data)
    table = TraceTable(_shown(data, ours.problems))
    teacher, arms = TeacherTally(), ArmTally()
    for trace in progress(read(data / "judged.jsonl", Trace), "report"):
        fate = fates.get(trace.trace_id, "kept")
        teacher.add(trace, fate)
        table.add(trace, fate)
    for trace in progress(read(data / "graded.jsonl", Trace), "report"):
        if trace.split == "test":
            arms.add(trace)
        table.add(trace, "")
    pair = _pair(data, Path(ours.root), table)
    students = params.models_of(system)
    others = _chats(table, data, students)
    wanted = [Result(row.metric, row.what, row.bar) for row in ours.results]
    sections = overview(wanted, _evidence(system, ours.root, students), teacher, arms, pair)
    rows = table.data() | {"system": system, "arms": arms.arms(), "students": students, "not_shown": others}
    rows |= {"left_out": _left_out(data, table)}
    with replacing(data / "report.html") as file:
        file.write(as_bytes(page(f"{system}: report", sections, rows)))


def _pair(data: Path, root: Path, table: TraceTable) -> PairTally:
    """Adds the answers of the pair that writes `root`; its students are called `N first` and `N second`.

    The stage that writes `root` writes a hash of these rows and routes into it, so all change together.
    """
    tally, name = PairTally(), root.name.removesuffix("_plots")
    if root.parent != Path("metrics") or name == root.name:
        return tally
    answers, routes = data / "pair_graded" / f"{name}.jsonl", data / "routes" / f"{name}.jsonl"
    if not has_rows(answers):
        raise BadInput(f"{answers}: no rows; `dvc repro evaluate_pair@{name}` makes them beside {root}")
    of_problem = {route.id: route for route in _rows(routes, Route)}
    rows = progress(read(answers, Trace), "report")
    for problem, given in groupby(rows, key=lambda row: row.id):
        for trace, route in routed(list(given), of_problem.get(problem)):
            tally.add(trace, route)
            table.add(msgspec.structs.replace(trace, by=f"{name} {trace.by}"), "", route)
    return tally


def _fates(data: Path) -> dict[str, str]:
    """By trace: the reason why it was dropped, or `hard` where it was kept for its problem alone."""
    fates = {row.trace: row.reason for row in _rows(data / "dropped.jsonl", Dropped)}
    return fates | {trace.trace_id: "hard" for trace in read(data / "kept.jsonl", Trace) if trace.hard}


def _rows(path: Path, noun: type[Any]) -> Iterator[Any]:
    """The rows of a file that may be empty."""
    return read(path, noun) if has_rows(path) else iter(())


def _problem_ids(data: Path) -> set[str]:
    files = (data / "judged.jsonl", data / "graded.jsonl")
    return {row.id for row in chain.from_iterable(read(path, Named) for path in files)}


def _shown(data: Path, most: int | None) -> set[str] | None:
    """The problems with rows on the page: those with the smallest hashes; None: all."""
    if most is None:
        return None
    ids = _problem_ids(data)
    if len(ids) <= most:
        return None
    return set(nsmallest(most, ids, key=lambda name: sha256(name.encode("utf-8", "surrogatepass")).digest()))


def _left_out(data: Path, table: TraceTable) -> int:
    """How many problems have no row on the page."""
    return 0 if table.shown is None else len(_problem_ids(data)) - len(table.shown)


def _chats(table: TraceTable, data: Path, students: list[str]) -> dict[str, int]:
    """Adds the chats of every student; by student how many there are that come from no answer on the page."""
    others: dict[str, int] = {}
    for student in students:
        chats = _rows(data / "chats" / f"{student}.jsonl", Chat)
        others[student] = sum(not table.chat(student, chat) for chat in chats)
    return others


def _evidence(system: str, root: str, students: list[str]) -> Evidence:
    metrics = Path("metrics")
    models = {name: Path("models/students", system, name) / "student.json" for name in students}
    curves = {name: _curves(metrics / f"{name}_train" / "plots/metrics") for name in students}
    validation = {name: metrics / f"{name}_train" / "validation.csv" for name in students}
    further, plots = _further(Path(root))
    return Evidence(
        metrics=_json(metrics / f"{system}.json"),
        teacher=_json(metrics / f"{system}_teacher.json"),
        paths=(metrics / f"{system}_paths.csv").read_text(),
        plots=_texts(metrics / f"{system}_plots", "csv"),
        models={name: _json(path) for name, path in models.items() if path.is_file()},
        curves={name: files for name, files in curves.items() if files},
        validation={name: path.read_text() for name, path in validation.items() if path.is_file()},
        further=further,
        further_plots=plots,
    )


def _curves(folder: Path) -> dict[str, str]:
    return _texts(folder, "tsv")


def _texts(folder: Path, ending: str) -> dict[str, str]:
    """The files of a folder with this ending, by name; a folder that is not there has none."""
    return {path.stem: path.read_text() for path in sorted(folder.glob(f"*.{ending}"))}


def _further(root: Path) -> tuple[dict[str, Any], dict[str, str]]:
    """The metrics and the CSV files of the entry N that writes metrics/N_report or metrics/N_plots."""
    name, _, kind = root.name.rpartition("_")
    if root.parent != Path("metrics") or kind not in ("report", "plots"):
        return {}, {}
    if not root.is_dir():
        raise BadInput(f"{root}: no such folder; systems.*.report.root names one that a stage writes")
    files = sorted({root.parent / f"{name}.json", *root.glob("*.json")})
    metrics = {path.stem: _json(path) for path in files if path.is_file()}
    return metrics, _texts(root.parent / f"{name}_curves", "csv") | _texts(
        root.parent / f"{name}_plots", "csv"
    )


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError:
        raise BadInput(f"{path}: no such file; run the stage that makes it (`dvc repro`)") from None
    except ValueError as error:
        raise BadInput(f"{path}: malformed JSON: {error}") from None


if __name__ == "__main__":
    run(main)
