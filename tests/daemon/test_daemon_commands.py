"""`python -m stages.daemon` while no daemon runs: what it leaves for the next one, what it shows, and what it refuses."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML
from stages.daemon import control, retention
from stages.daemon.__main__ import main
from stages.daemon.places import Places
from stages.daemon.queue import spooled

from project_tree import ROOT

READ = {"conversations": {"file": "arrived.jsonl"}}


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Places:
    monkeypatch.chdir(tmp_path)
    with (tmp_path / "params.yaml").open("w") as file:
        YAML().dump({"daemon": {"s": {"student": "x", "read": READ, "limits": {"free_gb": 0.0}}}}, file)
    (tmp_path / "a.jsonl").write_text("{}\n")
    return Places(tmp_path, "s")


def ask(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    monkeypatch.setattr(sys, "argv", ["daemon", *arguments])
    main()


def test_a_file_is_queued_and_stays(places: Places, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    ask(monkeypatch, "s", "add", "a.jsonl", "--priority", "high", "--reason", "urgent")
    ((_, job),) = spooled(places)
    assert (job["name"], job["priority"], job["reason"], job["bytes"]) == ("a.jsonl", "high", "urgent", 3)
    assert (places.root / "a.jsonl").exists()
    assert "no daemon runs" in capsys.readouterr().out
    ask(monkeypatch, "s", "list", "--json")
    (listed,) = json.loads(capsys.readouterr().out)
    assert (listed["state"], listed["name"], listed["id"]) == ("queued", "a.jsonl", job["id"])


def test_the_same_content_is_told(places: Places, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    (places.root / "b.jsonl").write_text("{}\n")
    ask(monkeypatch, "s", "add", "a.jsonl")
    ask(monkeypatch, "s", "add", "b.jsonl")
    assert "b.jsonl has the content of a.jsonl, which is queued\n" in capsys.readouterr().out


def test_a_daemon_without_a_student_is_not_started(places: Places, tmp_path: Path) -> None:
    """Every file would fail for a reason that has nothing to do with it."""
    command = [sys.executable, "-m", "stages.daemon", "s", "start"]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "GIT_CEILING_DIRECTORIES": str(tmp_path.parent)}

    def refusal() -> str:
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert done.returncode == 1 and done.stderr.count("\n") == 1
        return done.stderr

    assert "daemon: git rev-parse: fatal: not a git repository" in refusal()
    for arguments in (("init", "--quiet"), ("commit", "--quiet", "--allow-empty", "--message", "first")):
        subprocess.run(["git", "-c", "user.name=t", "-c", "user.email=t@example.com", *arguments], cwd=tmp_path, check=True)
    assert "has no models/students/s/x of the stage train@x; run `dvc repro train@x` and commit dvc.lock" in refusal()


def test_a_pause_waits_for_the_daemon(places: Places, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    ask(monkeypatch, "s", "pause", "--reason", "holidays")
    assert "the next one starts paused" in capsys.readouterr().out
    ask(monkeypatch, "s", "status", "--json")
    said = json.loads(capsys.readouterr().out)
    assert (said["state"], said["reason"], said["file"]) == ("stopped", "holidays", None)
    ask(monkeypatch, "s", "resume")
    assert control.paused(places) is None
    events = [json.loads(line)["event"] for line in (places.home / "events.jsonl").read_text().splitlines()]
    assert events == ["pause", "resume"]


def test_the_screen_shows_hostile_names_in_one_line(
    places: Places, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (places.root / "[red]two\nlines\x1b[2J.jsonl").write_text("{}\n")
    ask(monkeypatch, "s", "add", "[red]two\nlines\x1b[2J.jsonl")
    ask(monkeypatch, "s", "status")
    ask(monkeypatch, "s", "list")
    out = capsys.readouterr().out
    assert "[red]two\\nlines\\x1b[2J.jsonl" in out and "\x1b" not in out
    assert "1 queued" in out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("t", "status"), "unknown daemon 't'"),
        (("s", "skip"), "skip: no daemon of 's' runs"),
        (("s", "stop"), "stop: no daemon of 's' runs"),
        (("s", "add"), "expected the path of a .jsonl file, got None"),
        (("s", "add", "a.txt"), "expected the path of a .jsonl file, got 'a.txt'"),
        (("s", "add", "none.jsonl"), "none.jsonl: No such file"),
        (("s", "add", "link.jsonl"), "link.jsonl: a link"),
        (("s", "retry", "abc"), "expected the id or the name of one job, got 'abc' (0 fit)"),
        (("s", "retry"), "expected the id or the name of one job, got None"),
    ],
)
def test_what_is_refused(arguments: tuple[str, ...], words: str, places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    (places.root / "link.jsonl").symlink_to("a.jsonl")
    with pytest.raises(SystemExit) as ended:
        ask(monkeypatch, *arguments)
    assert str(ended.value.code).startswith("daemon: ") and words in str(ended.value.code)


def test_a_queued_job_is_not_retried(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    ask(monkeypatch, "s", "add", "a.jsonl")
    with pytest.raises(SystemExit) as ended:
        ask(monkeypatch, "s", "retry", "a.jsonl")
    assert "a.jsonl is queued; failed and skipped jobs can be retried" in str(ended.value.code)


def test_faults_of_the_section_are_told_at_once(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    (places.root / "params.yaml").write_text("daemon: {s: {student: 1, replai: 2, failures: 0}}\n")
    with pytest.raises(SystemExit) as ended:
        ask(monkeypatch, "s", "status")
    for fault in ("daemon.s.student: ", "daemon.s.replai: unknown key", "daemon.s.failures: ", "daemon.s.read: is missing"):
        assert fault in str(ended.value.code)


def test_commands_keep_their_order(places: Places) -> None:
    places.make()
    for number in range(12):
        control.send(places, "pause", str(number))
    (places.home / "commands/000000000000.json").write_text("{")  # written by a process that was killed
    assert [command.get("reason") for _, command in control.received(places)] == [None, *map(str, range(12))]


def test_a_snapshot_is_made_once_a_day(places: Places) -> None:
    from stages.daemon.section import Daemon

    places.make()
    section = Daemon(student="x", read=READ)
    folder = retention.snapshot(places, section)
    assert folder is not None and json.loads((folder / "current.json").read_text())["commit"] is None
    assert retention.snapshot(places, section) is None
