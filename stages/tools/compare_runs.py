"""Two experiments of a system beside each other: changed params, flipped problems, a paired test of each arm.

    python -m stages.tools.compare_runs glyph more-steps                more-steps against the workspace
    python -m stages.tools.compare_runs glyph more-steps --with main    more-steps against main

An experiment is anything that DVC knows by name: an experiment, a branch, a commit; without --with it is
compared with the workspace. The page is data/glyph/compare-more-steps.html. Only problems that both answered
count. The held-out answers come from the DVC cache: those of an experiment that somebody pushed are there
after `dvc exp pull` and `dvc pull`.
"""

import argparse
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
from ruamel.yaml import YAML

from stages.pages.page import page
from stages.pages.result_table import flat
from stages.pages.sections import Cell, Section, Table, number
from stages.pages.trace_table import TraceTable
from stages.scores.binary.mcnemar import mcnemar
from stages.scores.measures.intervals import difference
from stages.scores.measures.table import Flags
from stages.shared.cli import guard
from stages.shared.errors import BadInput
from stages.shared.files import as_bytes, replacing
from stages.shared.rows import PROBE, Trace
from stages.shared.shards import content_of
from stages.tools.lineage import decoded

WORKSPACE = "workspace"


class Run(NamedTuple):
    """The params of one experiment, and its answers to the test problems by arm and id of the problem."""

    name: str
    params: dict[str, Any]
    answers: dict[str, dict[str, Trace]]


def run_of(name: str, system: str) -> Run:
    """The experiment called `name`. Raises BadInput where DVC knows none, or its answers are not in the
    cache."""
    graded = f"data/{system}/graded.jsonl"
    if name == WORKSPACE:
        files = {path: _read(Path(path)) for path in ("params.yaml", graded)}
    else:
        files = _committed(name, ("params.yaml", graded))
    params = YAML(typ="safe", pure=True).load(files["params.yaml"])
    answers: dict[str, dict[str, Trace]] = {}
    for line in files[graded].splitlines():
        trace = decoded(line, Trace)
        if trace.split == "test" and trace.by != PROBE:
            answers.setdefault(trace.by, {})[trace.id] = trace
    return Run(name, params, answers)


def _read(path: Path) -> bytes:
    try:
        return content_of(path)
    except FileNotFoundError:
        raise BadInput(f"{path}: no such file; run the stage that makes it (`dvc repro`)") from None


def _committed(name: str, paths: Iterable[str]) -> dict[str, bytes]:
    from dvc.api import DVCFileSystem
    from dvc.exceptions import DvcException

    try:
        files = DVCFileSystem(".", rev=name)
        return {path: _content(files, f"/{path}") for path in paths}
    except FileNotFoundError as error:
        where = f"{name}: {error.filename or error}"
        raise BadInput(f"{where}: not in the cache; `dvc exp pull` and `dvc pull` fetch it") from None
    except DvcException as error:
        raise BadInput(f"{name}: {error}; `dvc exp show` lists the experiments") from None


def _content(files: Any, path: str) -> bytes:
    """A file of a commit, or all shards of a folder."""
    parts = sorted(files.ls(path, detail=False)) if files.isdir(path) else [path]
    return b"".join(files.read_bytes(part) for part in parts)


def changed(here: Mapping[str, Any], there: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """The params that differ, with the value of each side; one that a side lacks is a dash."""
    ours, theirs = dict(flat(here)), dict(flat(there))
    return [
        (key, str(ours.get(key, "–")), str(theirs.get(key, "–")))
        for key in dict.fromkeys([*ours, *theirs])
        if ours.get(key, "–") != theirs.get(key, "–")
    ]


class Paired(NamedTuple):
    """An arm in two runs, on the problems that both answered: where its answers are right."""

    arm: str
    ours: Flags
    theirs: Flags


def paired(here: Run, there: Run) -> list[Paired]:
    """The arms of both runs. Raises BadInput where the two have no arm or no problem in common."""
    pairs = []
    for arm, answers in here.answers.items():
        others = there.answers.get(arm, {})
        ids = [name for name in answers if name in others]
        if ids:
            pairs.append(Paired(arm, _right(answers, ids), _right(others, ids)))
    if not pairs:
        raise BadInput(
            f"{here.name} and {there.name}: no arm answered the same problem in both; they have the arms "
            f"{', '.join(here.answers)} and {', '.join(there.answers)}"
        )
    return pairs


def _right(answers: Mapping[str, Trace], ids: list[str]) -> Flags:
    return np.array([answers[name].grades.get("answer") == 1 for name in ids], dtype=np.bool_)


def sections(here: Run, there: Run) -> list[Section]:
    """The overview: a row for each arm, a row for each param that differs."""
    head = ["arm", "problems", here.name, there.name, "difference", "95 % interval", "p"]
    head += [f"right in {run.name} only" for run in (here, there)]
    rows = [_row(pair, here, there) for pair in paired(here, there)]
    note = (
        "Right answers of each arm, on the problems that both runs answered. p: McNemar's exact test. "
        "A count of problems that only one of the two has right leads to them."
    )
    differing = [[Cell(text) for text in row] for row in changed(here.params, there.params)]
    params = Table(["param", here.name, there.name], differing)
    return [
        Section("results", "Results", note, [Table(head, rows)]),
        Section(
            "params", "Changed params", f"{len(differing)} params differ.", [params] if differing else []
        ),
    ]


def _row(pair: Paired, here: Run, there: Run) -> list[Cell]:
    test, gap = mcnemar(pair.ours, pair.theirs), difference(pair.theirs, pair.ours)
    value, low, high = gap or (0.0, 0.0, 0.0)
    names = [_named(pair.arm, run) for run in (here, there)]
    return [
        Cell(pair.arm),
        Cell(f"{len(pair.ours):,}", look="number"),
        *(Cell(number(float(flags.mean())), look="number") for flags in (pair.ours, pair.theirs)),
        Cell(number(value), look="number"),
        Cell(f"{number(low)} to {number(high)}", look="number"),
        Cell(f"{test['p']:.2g}", look="number"),
        Cell(str(test["only_first"]), {"better": names[0], "worse": names[1]}, "number"),
        Cell(str(test["only_second"]), {"better": names[1], "worse": names[0]}, "number"),
    ]


def _named(arm: str, run: Run) -> str:
    return f"{arm} in {run.name}"


def rows(here: Run, there: Run) -> dict[str, Any]:
    """The answers of both runs as rows of the page: those of an arm side by side."""
    table = TraceTable()
    arms = [arm for arm in here.answers if arm in there.answers]
    for name in dict.fromkeys(name for arm in arms for name in here.answers[arm]):
        for arm in arms:
            for run in (here, there):
                if trace := run.answers[arm].get(name):
                    table.add(msgspec.structs.replace(trace, by=_named(arm, run)), "")
    named = [_named(arm, run) for arm in arms for run in (here, there)]
    return table.data() | {"arms": named, "students": [], "not_shown": {}, "left_out": 0}


def main() -> None:
    """Reads the command line and writes the page."""
    parser = argparse.ArgumentParser(prog="python -m stages.tools.compare_runs", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("system", help="a section of params.yaml: systems.<system>")
    parser.add_argument("experiment", help="an experiment, a branch or a commit")
    parser.add_argument("--with", dest="other", default=WORKSPACE, help="what it is compared with")
    parser.add_argument("--output", type=Path, help="the HTML file that is written")
    given = parser.parse_args()

    def act() -> None:
        here, there = run_of(given.other, given.system), run_of(given.experiment, given.system)
        file_name = re.sub(r"[^\w.-]", "_", given.experiment)
        output = given.output or Path("data", given.system, f"compare-{file_name}.html")
        title = f"{given.system}: {there.name} against {here.name}"
        text = page(title, sections(here, there), rows(here, there) | {"system": given.system})
        with replacing(output) as file:
            file.write(as_bytes(text))
        print(output)

    guard("compare_runs", act)


if __name__ == "__main__":
    main()
