"""The classifications of all experiments in one table a split: what the stage `calibrate` wrote in each.

    python -m stages.tools.summary --output summary.csv

The file holds three tables, of train, validation and test; each begins with the name of its split. A row is
an arm of a run in a mode (reasoning or label_only). Numbers have four decimals. Runs are the workspace and
the experiments of DVC. A run without a classifier has no row.
"""

import argparse
import csv
import io
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from stages.shared.cli import guard
from stages.shared.errors import BadInput
from stages.shared.files import as_bytes, replacing

SPLITS = ("train", "validation", "test")
MODES = {"": "reasoning", "_label_only": "label_only"}
COLUMNS = ("run", "classifier", "mode", "arm", "n")
METRICS = (
    "accuracy",
    "macro_f1",
    "balanced_accuracy",
    "precision_positive",
    "recall_positive",
    "f1_positive",
    "mcc",
    "auroc",
    "auprc",
    "brier",
    "ece",
    "ece_uncalibrated",
    "aurc",
    "coverage",
    "risk",
    "stated_accuracy",
    "stated_macro_f1",
    "invalid_rate",
    "rule_precision",
    "rule_recall",
    "tokens",
)
WORKSPACE = "workspace"


class Run(NamedTuple):
    """A run, and the files of metrics in it: of each its path from the root and its content."""

    name: str
    files: Mapping[str, bytes]


def runs(root: Path, all_commits: bool) -> Iterator[Run]:
    """The workspace, then the experiments of the last commit (or of all commits), by name."""
    from dvc.api import DVCFileSystem
    from dvc.exceptions import NotDvcRepoError
    from dvc.repo import Repo

    pattern = "metrics/*_report/metrics_*.json"
    paths = sorted(root.glob(pattern))
    yield Run(WORKSPACE, {path.relative_to(root).as_posix(): path.read_bytes() for path in paths})
    try:
        repository = Repo(str(root))
    except NotDvcRepoError:
        raise BadInput(f"{root.resolve()}: no DVC repository; run from the project's root") from None
    with repository as repo:
        listed = repo.experiments.ls(all_commits=all_commits) if not repo.config["core"]["no_scm"] else {}
    for name, revision in sorted((name, sha) for named in listed.values() for name, sha in named):
        files = DVCFileSystem(str(root), rev=revision)
        held = sorted(str(path).lstrip("/") for path in files.glob(f"/{pattern}"))
        yield Run(name, {path: files.read_bytes(f"/{path}") for path in held})


def tables(runs: Iterator[Run]) -> dict[str, list[list[str]]]:
    """The rows of each split."""
    rows: dict[str, list[list[str]]] = {split: [] for split in SPLITS}
    for run in runs:
        for path, content in run.files.items():
            folder, file = path.split("/")[-2:]
            for split in SPLITS:
                for ending, mode in MODES.items():
                    if file == f"metrics_{split}{ending}.json":
                        values = _metrics(content, f"{run.name}: {path}")
                        start = [run.name, folder.removesuffix("_report"), mode]
                        rows[split] += [[*start, *cells] for cells in _arms(values)]
    return rows


def _metrics(content: bytes, where: str) -> dict[str, Any]:
    try:
        values = json.loads(content)
    except ValueError:
        values = None
    if not isinstance(values, dict) or not isinstance(values.get("n"), int):
        raise BadInput(f"{where}: no metrics of the stage calibrate: expected a mapping with the key n")
    return values


def _arms(values: Mapping[str, Any]) -> Iterator[list[str]]:
    """For each arm its name, the number of problems and the metrics; empty where the arm lacks one."""
    for arm in values.get("accuracy", {}):
        numbers = (values.get(metric, {}).get(arm) for metric in METRICS)
        yield [arm, str(values["n"]), *("" if number is None else f"{number:.4f}" for number in numbers)]


def as_tables(rows: Mapping[str, list[list[str]]]) -> str:
    """The three tables below each other, an empty line between two of them."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for number, split in enumerate(SPLITS):
        writer.writerows([[]] if number else [])
        writer.writerows([[split], [*COLUMNS, *METRICS], *rows[split]])
    return text.getvalue()


def main() -> None:
    """Reads the command line and writes the tables."""
    parser = argparse.ArgumentParser(
        prog="python -m stages.tools.summary",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--output", type=Path, required=True, help="the CSV file that is written")
    parser.add_argument(
        "--all-commits", action="store_true", help="experiments of all commits, not of the last"
    )
    given = parser.parse_args()
    guard("summary", lambda: _summarise(given.output, given.all_commits))


def _summarise(output: Path, all_commits: bool) -> None:
    rows = tables(runs(Path(), all_commits))
    if not any(rows.values()):
        raise BadInput(
            "no run has metrics of the stage calibrate; run `dvc repro` with an entry of classifiers"
        )
    with replacing(output) as file:
        file.write(as_bytes(as_tables(rows)))
    print("; ".join(f"{split} {len(rows[split])} rows" for split in SPLITS))


if __name__ == "__main__":
    main()
