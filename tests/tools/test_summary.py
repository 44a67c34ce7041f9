"""stages/tools/summary.py on a real DVC project with experiments."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from stages.shared.errors import BadInput
from stages.tools.summary import COLUMNS, METRICS, SPLITS, Run, as_tables, tables

from project_tree import ROOT

STAGE = """\
stages:
  report:
    cmd: >-
      mkdir -p metrics/rules_report && echo '{"n": 7, "accuracy": {"student": ${x}, "words": 0.5}, "auroc": {"student": 1.0}}'
      > metrics/rules_report/metrics_test.json
    params: [x]
    metrics: [{metrics/rules_report/metrics_test.json: {cache: false}}]
"""


def metrics(**values: Any) -> bytes:
    return json.dumps({"n": 9} | values).encode()


def rows_of(text: str) -> dict[str, list[dict[str, str]]]:
    """The rows of each table: each begins with its split, and with the names of its columns."""
    found: dict[str, list[dict[str, str]]] = {}
    for table in text.split("\n\n"):
        split, *lines = table.strip().split("\n")
        found[split] = list(csv.DictReader(lines))
    return found


def test_three_tables_a_row_a_run_and_mode() -> None:
    files = {
        "metrics/rules_report/metrics_test.json": metrics(accuracy={"student": 0.98765, "base": 0.5}, auroc={"student": 1}, mcnemar={}),
        "metrics/rules_report/metrics_test_label_only.json": metrics(accuracy={"direct": 0.25}, tokens={"direct": 3}),
        "metrics/rules_report/metrics_validation.json": metrics(accuracy={"student": 0.5}),
        "metrics/rules_report/metrics_train.json": b'{"n": 0}',
        "metrics/rules_report/run_summary.json": b"{}",
    }
    found = rows_of(as_tables(tables(iter([Run("one", files), Run("none", {})]))))
    assert list(found) == list(SPLITS) and found["train"] == []
    assert [[row[name] for name in (*COLUMNS, "accuracy", "auroc", "tokens")] for row in found["test"]] == [
        ["one", "rules", "reasoning", "student", "9", "0.9877", "1.0000", ""],
        ["one", "rules", "reasoning", "base", "9", "0.5000", "", ""],
        ["one", "rules", "label_only", "direct", "9", "0.2500", "", "3.0000"],
    ]
    assert [row["accuracy"] for row in found["validation"]] == ["0.5000"]


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"n": "3"}', b"\xff"])
def test_a_file_that_is_no_report(content: bytes) -> None:
    with pytest.raises(BadInput, match=r"one: metrics/r_report/metrics_test\.json: no metrics of the stage calibrate"):
        tables(iter([Run("one", {"metrics/r_report/metrics_test.json": content})]))


def run(folder: Path, *command: str) -> "subprocess.CompletedProcess[str]":
    names = {f"GIT_{who}_{what}": "a@b" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    environment = names | {"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"], "HOME": str(folder)}
    return subprocess.run([*command], cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_the_experiments_of_a_project(tmp_path: Path) -> None:
    dvc = (sys.executable, "-m", "dvc")
    (tmp_path / "dvc.yaml").write_text(STAGE)
    (tmp_path / "params.yaml").write_text("x: 0.5\n")
    for command in (("git", "init", "-q"), (*dvc, "init", "-q"), ("git", "add", "-A"), ("git", "commit", "-qm", "start")):
        assert run(tmp_path, *command).returncode == 0
    summary = (sys.executable, "-m", "stages.tools.summary", "--output", "summary.csv")
    empty = run(tmp_path, *summary)
    assert (empty.returncode, empty.stderr.startswith("summary: no run has metrics of the stage calibrate")) == (1, True)
    assert not (tmp_path / "summary.csv").exists()
    for name, value in (("first", "0.25"), ("second", "0.75")):
        done = run(tmp_path, *dvc, "exp", "run", "-q", "-S", f"x={value}", "-n", name)
        assert done.returncode == 0, done.stderr
    assert run(tmp_path, *summary).stdout == "train 0 rows; validation 0 rows; test 6 rows\n"
    found = rows_of((tmp_path / "summary.csv").read_text())["test"]
    assert [(row["run"], row["arm"], row["accuracy"]) for row in found] == [
        ("workspace", "student", "0.7500"), ("workspace", "words", "0.5000"),
        ("first", "student", "0.2500"), ("first", "words", "0.5000"),
        ("second", "student", "0.7500"), ("second", "words", "0.5000"),
    ]  # fmt: skip
    assert set(found[0]) == {*COLUMNS, *METRICS}


def test_outside_a_project(tmp_path: Path) -> None:
    done = run(tmp_path, sys.executable, "-m", "stages.tools.summary", "--output", "summary.csv")
    assert done.returncode == 1 and "no DVC repository; run from the project's root" in done.stderr
