"""stages/tools/compare_runs.py: two runs beside each other, and experiments of a real DVC project."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from stages.shared.errors import BadInput
from stages.tools.compare_runs import Run, changed, rows, sections

from project_tree import ROOT
from report_project import graded, lay, row

STAGE = """\
stages:
  evaluate:
    cmd: cp ${answers} data/s/graded.jsonl
    params: [answers]
    outs: [data/s/graded.jsonl]
"""


def run_of(name: str, right: str) -> Run:
    """Answers of one arm to the problems 0, 1, ...: right where `right` has a 1."""
    answers = {f"sums-test-{number}": row(number, "test", "student", f"{name} {number}", hit == "1") for number, hit in enumerate(right)}
    return Run(name, {"seed": 0, "steps": {"a": len(name)}}, {"student": answers})


def test_flips_and_the_paired_test() -> None:
    here, there = run_of("here", "1100000000"), run_of("there", "1011111111")
    cells = [cell.text for cell in sections(here, there)[0].blocks[0].rows[0]]  # type: ignore[union-attr]
    assert cells[:5] == ["student", "10", "0.2", "0.9", "0.7"] and cells[6:] == ["0.039", "1", "8"]
    flipped = sections(here, there)[0].blocks[0].rows[0][-1].rows  # type: ignore[union-attr]
    assert flipped == {"better": "student in there", "worse": "student in here"}
    assert rows(here, there)["arms"] == ["student in here", "student in there"]
    assert len(rows(here, there)["answers"]) == 20 and len(rows(here, there)["problems"]) == 10


def test_only_problems_that_both_answered_count() -> None:
    cells = [cell.text for cell in sections(run_of("here", "111"), run_of("there", "01"))[0].blocks[0].rows[0]]  # type: ignore[union-attr]
    assert cells[:4] == ["student", "2", "1", "0.5"]


def test_runs_without_a_common_arm() -> None:
    here, there = run_of("here", "1"), run_of("there", "1")
    with pytest.raises(BadInput, match="no arm answered the same problem in both; they have the arms student and other"):
        sections(here, there._replace(answers={"other": there.answers["student"]}))


def test_the_params_that_differ() -> None:
    assert changed({"a": {"b": 1, "c": [1]}, "d": 2}, {"a": {"b": 2, "c": [1]}, "e": None}) == [
        ("a.b", "1", "2"), ("d", "2", "–"), ("e", "–", "None"),
    ]  # fmt: skip


def run(folder: Path, *command: str) -> "subprocess.CompletedProcess[str]":
    names = {f"GIT_{who}_{what}": "a@b" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    environment = names | {"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"], "HOME": str(folder)}
    return subprocess.run([*command], cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_experiments_of_a_project(tmp_path: Path) -> None:
    lay(tmp_path)
    (tmp_path / "data/s/graded.jsonl").rename(tmp_path / "few.jsonl")
    lines = (tmp_path / "few.jsonl").read_text().splitlines()
    better = [line.replace('"answer":0.0', '"answer":1.0') for line in lines]
    (tmp_path / "more.jsonl").write_text("\n".join(better) + "\n")
    (tmp_path / "dvc.yaml").write_text(STAGE)
    (tmp_path / "params.yaml").write_text("answers: few.jsonl\n")
    (tmp_path / ".gitignore").write_text("/data\n/metrics\n/models\n/.cache\n")
    dvc = (sys.executable, "-m", "dvc")
    for command in (
        ("git", "init", "-q"),
        (*dvc, "init", "-q"),
        (*dvc, "repro", "-q"),
        ("git", "add", "-A"),
        ("git", "commit", "-qm", "one"),
    ):
        done = run(tmp_path, *command)
        assert done.returncode == 0, done.stderr
    assert run(tmp_path, *dvc, "exp", "run", "-q", "-S", "answers=more.jsonl", "-n", "better").returncode == 0
    compare = (sys.executable, "-m", "stages.tools.compare_runs", "s", "better", "--with", "HEAD")
    done = run(tmp_path, *compare)
    assert (done.returncode, done.stdout) == (0, "data/s/compare-better.html\n"), done.stderr
    text = (tmp_path / "data/s/compare-better.html").read_text()
    assert "<td>answers</td><td>few.jsonl</td><td>more.jsonl</td>" in text.replace("\n", "")
    assert "#traces?better=base+in+better&amp;worse=base+in+HEAD" in text
    held = json.loads(text.split('<script id="rows-data" type="application/json">')[1].split("</script>")[0])
    assert len(held["answers"]) == 2 * len(graded())
    missing = run(tmp_path, *compare[:4], "nobody")
    assert missing.returncode == 1 and "compare_runs: nobody: unknown Git revision 'nobody'; `dvc exp show` lists" in missing.stderr
