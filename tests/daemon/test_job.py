"""A file's way to an experiment of DVC, with a tiny model that is trained for real: paused, stopped, rolled back, repeated."""

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest
from daemon_tree import DAEMON, STUDENT, SYSTEM, daemon, jobs, make_project, rows, run, started
from stages.daemon import control, experiments, retention
from stages.daemon.places import Places
from stages.daemon.section import Daemon

from tiny import make

pytest.importorskip("dbos", reason="the queue is DBOS's")
MODEL = f"models/students/{SYSTEM}/{STUDENT}"


def events(root: Path, *wanted: str) -> list[dict[str, Any]]:
    path = Places(root, SYSTEM).home / "events.jsonl"
    every = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    return [event for event in every if event["event"] in wanted]


def wait(root: Path, *wanted: str, count: int = 1, seconds: float = 240) -> None:
    until = monotonic() + seconds
    while len(events(root, *wanted)) < count:
        logs = [path.read_text()[-2000:] for path in (Places(root, SYSTEM).home / "logs").glob("*.log")]
        assert monotonic() < until, (events(root, *wanted), logs)
        sleep(0.1)


def student(root: Path) -> Any:
    commit = experiments.current(root, SYSTEM)
    return commit and experiments.out_at(root, commit, f"update@{STUDENT}", MODEL)["md5"]


@pytest.fixture
def begin() -> Iterator[Callable[[Path], "subprocess.Popen[str]"]]:
    """Starts a daemon, which ends with the test at the latest."""
    processes: list[subprocess.Popen[str]] = []

    def start(root: Path) -> "subprocess.Popen[str]":
        processes.append(started(root))
        return processes[-1]

    yield start
    for process in processes:
        process.kill()


def test_a_file_becomes_an_experiment(tmp_path: Path, begin: Callable[[Path], "subprocess.Popen[str]"]) -> None:
    """Two files; the first is trained without a pause in one project, and with one, and a restart, in another; a third one there."""
    whole, mine = (make_project(tmp_path / name / "project", make(tmp_path / name)) for name in ("whole", "mine"))
    files = {name: rows([f"{name} {number}" for number in range(6)]) for name in ("first", "second", "third")}
    (tmp_path / "odd").mkdir()
    for name, text in files.items():
        (tmp_path / "odd" / f"{name}\n.jsonl").write_text(text)
    for name in ("first", "second"):
        daemon(whole, "add", str(tmp_path / "odd" / f"{name}\n.jsonl"))
    process = begin(whole)
    wait(whole, "done", count=2)
    daemon(whole, "stop", "--reason", "enough")
    assert process.wait(30) == 0
    _check_history(whole)

    daemon(mine, "add", str(tmp_path / "odd" / "first\n.jsonl"), "--priority", "high")
    process = begin(mine)
    control.set_paused(Places(mine, SYSTEM), "before it began")
    marker = Places(mine, SYSTEM).training / "paused.json"
    wait(mine, "start")
    sleep(1)
    daemon(mine, "resume", "--reason", "now")
    while not (Places(mine, SYSTEM).training / "progress.json").exists():
        sleep(0.05)
        assert process.poll() is None
    daemon(mine, "pause", "--reason", "dinner")
    shown = run(mine, "dvc", "repro", "--single-item", f"format@{STUDENT}")  # waits for nothing
    assert "didn't change, skipping" in shown and "main" in run(mine, "dvc", "exp", "show", "--csv")
    wait(mine, "pause", "done")
    until = monotonic() + 60
    while not marker.exists() and not events(mine, "done") and monotonic() < until:
        sleep(0.1)
    said = json.loads(daemon(mine, "status", "--json").stdout)
    while said["state"] == "pausing" and monotonic() < until:  # the training has paused, and DVC is still about to end
        said = json.loads(daemon(mine, "status", "--json").stdout)
    assert (said["state"], said["reason"]) == ("paused", "dinner")
    assert json.loads(marker.read_text())["step"] % 10 == 0 and events(mine, "done") == []
    daemon(mine, "stop")
    assert process.wait(60) == 0
    process = begin(mine)
    daemon(mine, "resume")
    daemon(mine, "add", str(tmp_path / "odd" / "second\n.jsonl"))
    wait(mine, "done", count=2)
    daemon(mine, "stop")
    process.wait(30)
    assert student(mine) == student(whole)
    _check_rollback(mine)
    process = begin(mine)
    daemon(mine, "add", str(tmp_path / "odd" / "third\n.jsonl"))
    wait(mine, "done", count=3)
    daemon(mine, "stop")
    process.wait(30)
    _check_retention(mine)


def _check_history(root: Path) -> None:
    """Experiments, their metrics, and a working tree that nobody touched."""
    first, second = experiments.experiments(root)
    assert first.name.startswith("first-20") and second.commit == experiments.current(root, SYSTEM)
    assert run(root, "git", "status", "--short") == ""
    shown = run(root, "dvc", "exp", "show", "--json")
    assert first.name in shown and second.name in shown
    compared = json.loads(run(root, "dvc", "metrics", "diff", "--all", "--json", first.name, second.name))
    admitted = compared[f"metrics/{STUDENT}_admit.json"]
    assert admitted["rows"] == {"old": 6, "new": 6, "diff": 0} and admitted["older"]["new"] == 3
    accuracy = json.loads(run(root, "git", "show", f"{second.commit}:metrics/{STUDENT}.json"))
    assert accuracy["n"] == 1 and accuracy["accuracy"]["after"] == 0.0 == accuracy["accuracy"]["before"]
    counted = json.loads(run(root, "git", "show", f"{second.commit}:updates/{STUDENT}/arrived.json"))
    assert counted["file"] == "second\n.jsonl"
    listed = jobs(root)
    assert [(job["state"], job["experiment"]) for job in listed] == [("done", first.name), ("done", second.name)]
    run(root, "dvc", "exp", "apply", second.name)
    described = json.loads((root / MODEL / "student.json").read_text())
    assert described["rows"] == 9 and described["base"]["model"] == f"updates/{STUDENT}/last"


def _check_rollback(root: Path) -> None:
    first, second = experiments.experiments(root)
    assert "no experiment 'fourth'" in daemon(root, "rollback", "fourth", check=False).stderr
    daemon(root, "rollback", first.name, "--reason", "the second made it worse")
    assert experiments.current(root, SYSTEM) == first.commit
    daemon(root, "rollback", "start")
    assert experiments.current(root, SYSTEM) is None
    daemon(root, "rollback", second.commit)
    assert experiments.current(root, SYSTEM) == second.commit


def _check_retention(root: Path) -> None:
    """With no room for old weights those of the first go; the second stays, since the third, the current one, started from it, as do
    those that a person named."""
    first, second, third = experiments.experiments(root)
    places, section = Places(root, SYSTEM), Daemon(**DAEMON | {"retention": {"newest_gb": 0, "daily_gb": 0}})
    run(root, "git", "branch", "named", first.commit)
    assert retention.plan(places, section) == []
    run(root, "git", "branch", "--delete", "--force", "named")
    assert [each.name for each in retention.plan(places, section)] == [first.name]
    assert retention.has_weights(places, section, first.commit)
    assert [each.name for each in retention.drop(places, section)] == [first.name]
    assert not retention.has_weights(places, section, first.commit)
    assert retention.has_weights(places, section, second.commit) and retention.has_weights(places, section, third.commit)
    assert retention.drop(places, section) == []
    assert "were deleted by retention" in daemon(root, "rollback", first.name, check=False).stderr
    run(root, "dvc", "exp", "apply", third.name)  # nothing that another one needs is gone
