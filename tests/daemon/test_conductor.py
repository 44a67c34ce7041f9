"""The daemon's life with a stand-in for the work: order, priorities, kills between any two steps, commands, faults."""

import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest
from stages.daemon import control, intake
from stages.daemon.intake import spool
from stages.daemon.lock import MARK, end_leftovers, leftovers, only_one, runs
from stages.daemon.places import Places, read_json
from stages.daemon.queue import Queue
from stages.daemon.section import Limits
from stages.daemon.status import entry
from stages.shared.errors import BadInput

pytest.importorskip("dbos", reason="the queue is DBOS's")
HERE = Path(__file__).parent
ROOT = HERE.parents[1]


class House:
    """A root with a daemon of the system `s`."""

    def __init__(self, root: Path, system: str = "s") -> None:
        self.places = Places(root, system)
        self.places.make()
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, kill_at: str = "", jumps: dict[str, float] | None = None, **section: Any) -> "subprocess.Popen[bytes]":
        paths = [str(ROOT), str(ROOT / "tests"), str(HERE), os.environ.get("PYTHONPATH", "")]
        command = [sys.executable, str(HERE / "stand_in.py"), str(self.places.root), self.places.system, json.dumps(section), kill_at]
        command.append(json.dumps(jumps or {}))
        log = (self.places.root / "log").open("ab")
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
        self.process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=self.places.root)
        return self.process

    def add(self, name: str, text: str, priority: str = "normal", retry: int = 0) -> str:
        """Queues a file; returns its hash."""
        path = self.places.root / name
        path.write_text(text)
        taken = intake.copy_in(self.places, path, Limits(free_gb=0))
        return str(spool(self.places, taken, name, priority, "", retry)["id"])

    def events(self, *wanted: str) -> list[dict[str, Any]]:
        path = self.places.home / "events.jsonl"
        every = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
        return [event for event in every if not wanted or event["event"] in wanted]

    def wait(self, *wanted: str, count: int = 1, seconds: float = 120) -> list[dict[str, Any]]:
        """The events of these kinds, once there are as many."""
        until = monotonic() + seconds
        while len(self.events(*wanted)) < count:
            assert monotonic() < until, (self.events(), (self.places.root / "log").read_text())
            sleep(0.05)
        return self.events(*wanted)

    def stop(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            assert self.process.wait(30) == 0

    def states(self) -> dict[str, str]:
        return {row.job["name"]: entry(row, None)["state"] for row in Queue(self.places, None).rows()}

    def steps(self) -> list[str]:
        path = self.places.home / "steps.log"
        return path.read_text().splitlines() if path.exists() else []

    @property
    def student(self) -> list[str]:
        return read_json(self.places.home / "student.json") or []


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    yield made
    if made.process and made.process.poll() is None:
        made.process.kill()
        made.process.wait()
    end_leftovers(made.places)


def test_high_before_normal_before_low_and_oldest_first(house: House) -> None:
    order = [("l1", "low"), ("n1", "normal"), ("h1", "high"), ("n2", "normal"), ("l2", "low"), ("h2", "high")]
    shas = {name: house.add(name, name, priority) for name, priority in order}
    house.start()
    house.wait("done", count=6)
    house.stop()
    assert house.student == [shas[name] for name in ("h1", "h2", "n1", "n2", "l1", "l2")]
    assert list((house.places.home / "taken").iterdir()) == [] == list((house.places.home / "spool").iterdir())


def test_the_inbox_is_watched_and_the_same_content_is_one_job(house: House) -> None:
    house.start()
    for name in ("high/a.jsonl", "b.jsonl"):
        path = house.places.inbox / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("same\n")
    (house.places.inbox / "out.jsonl").symlink_to("/etc/passwd")
    house.wait("done", "duplicate", count=2)
    assert [event["file"] for event in house.wait("refused")] == ["out.jsonl"]
    house.stop()
    assert len(house.student) == 1
    assert [path.name for path in house.places.inbox.rglob("*") if not path.is_dir()] == ["out.jsonl"]


STEPS = ["copied", "spooled", "queued", "plan", "planed", "train", "trained", "keep", "keeped", "tidy", "tidyed"]


@pytest.mark.parametrize("at", STEPS)
def test_a_kill_before_or_after_any_step_loses_nothing_and_trains_nothing_twice(at: str, house: House) -> None:
    (house.places.inbox / "a.jsonl").write_text("one two three")
    process = house.start(kill_at=at)
    assert process.wait(30) == -signal.SIGKILL
    (house.places.home / "daemon.json").unlink(missing_ok=True)  # as after a power loss that someone tidied up
    house.start()
    house.wait("done")
    house.stop()
    assert house.student == [hashlib.sha256(b"one two three").hexdigest()]
    assert len(house.steps()) == 3 and len(house.events("done")) == 1


def test_a_queue_that_a_power_loss_took_is_made_anew_from_the_copies(house: House) -> None:
    first, second = house.add("a", "a", "low"), house.add("b", "b", "high")
    for path in (house.places.home / "spool").iterdir():
        path.write_text("")  # not written whole
    house.start()
    house.wait("done", count=2)
    house.stop()
    assert house.student == [second, first]
    assert [event["event"] for event in house.events("adopted")] == ["adopted"] * 2


def test_what_was_begun_goes_on_before_a_newer_file_of_a_higher_priority(house: House) -> None:
    first = house.add("a", "sleep " * 30)
    process = house.start()
    house.wait("start")
    while len(house.steps()) < 3:
        sleep(0.02)
    process.kill()
    process.wait()
    second = house.add("b", "b", "high")
    house.start()
    house.wait("done", count=2)
    assert house.student == [first, second]
    assert len(house.steps()) <= 30 + 1 + 1  # of the step in flight alone it is not known whether it was made


def test_pause_and_resume(house: House) -> None:
    house.add("a", "sleep " * 15)
    house.start()
    while len(house.steps()) < 2:
        sleep(0.02)
    control.send(house.places, "pause", "dinner")
    while read_json(house.places.training / "paused.json") is None:
        sleep(0.02)
    steps = len(house.steps())
    sleep(0.5)
    assert len(house.steps()) == steps < 15 and house.events("done") == []
    house.stop()  # a pause outlives the daemon
    house.start()
    house.wait("start", count=2)
    sleep(1.5)
    assert len(house.steps()) == steps
    control.send(house.places, "resume", "back")
    house.wait("done")
    assert len(house.steps()) == 15 and house.events("pause")[0]["reason"] == "dinner"


def test_skip_leaves_the_student_as_it_was_and_the_file_can_be_retried(house: House) -> None:
    before, skipped = house.add("a", "a"), house.add("b", "sleep " * 40)
    after = house.add("c", "c", "low")
    house.start()
    house.wait("done")
    while not any("sleep" in line for line in house.steps()):
        sleep(0.02)
    control.send(house.places, "skip", "too long", job=skipped)
    control.send(house.places, "skip", "of a job that is not in hand", job=before)
    house.wait("done", count=2)
    assert house.student == [before, after]
    assert house.states() == {"a": "done", "b": "skipped", "c": "done"}
    assert house.places.taken(skipped).exists()
    house.places.taken(skipped).write_text("sleep")  # so that the test is short
    spool(house.places, intake.Taken(skipped, 5), "b", "normal", "again", 1)
    house.wait("done", count=3)
    assert house.student == [before, after, skipped]


@pytest.mark.parametrize("then", ["stop", "kill"])
def test_a_skip_outlives_the_daemon(then: str, house: House) -> None:
    """Where the daemon is stopped, or killed, before it could follow the command."""
    sha = house.add("a", "sleep " * 30)
    process = house.start()
    while len(house.steps()) < 2:
        sleep(0.02)
    if then == "kill":
        process.kill()
        process.wait()
    control.send(house.places, "skip", "wrong file", job=sha)
    if then == "stop":
        control.send(house.places, "stop", "update", pid=process.pid)
        assert process.wait(60) == 0
    house.start()
    house.wait("skipped")
    house.stop()
    assert house.states() == {"a": "skipped"} and house.student == [] and house.events("done") == []
    assert read_json(house.places.home / "skipping.json") == []


def test_stop_leaves_the_job_at_a_checkpoint(house: House) -> None:
    house.add("a", "sleep " * 20)
    process = house.start()
    while len(house.steps()) < 2:
        sleep(0.02)
    control.send(house.places, "stop", "of another daemon", pid=1)
    control.send(house.places, "stop", "update", pid=process.pid)
    assert process.wait(60) == 0
    assert leftovers(house.places) == [] and len(house.steps()) < 20
    house.start()
    house.wait("done")
    assert len(house.steps()) == 20


def test_bad_data_is_not_retried_and_a_fault_is_three_times(house: House) -> None:
    house.add("bad", "bad")
    house.add("broken", "one fail")
    good = house.add("good", "good")
    house.start()
    house.wait("failed", count=2)
    house.wait("done")
    house.stop()
    assert house.student == [good]
    assert [event["failures"] for event in house.events("fault")] == [1, 2, 3]
    why = {event["file"]: event["why"] for event in house.events("failed")}
    assert why == {"bad": "check: it is bad", "broken": "failed 3 times; the last time: train: it failed"}


def test_a_job_whose_data_is_deleted_fails_with_the_reason(house: House) -> None:
    sha = house.add("a", "a")
    house.places.taken(sha).unlink()
    house.start()
    assert "data is gone" in house.wait("failed")[0]["why"]
    assert house.events("fault") == []


def test_a_full_disk_makes_jobs_wait_without_counting_as_failures(house: House) -> None:
    house.add("a", "a")
    house.start(limits={"free_gb": 1e9})
    house.wait("waits")
    assert "limits.free_gb" in read_json(house.places.home / "waiting.json")["why"]
    (house.places.inbox / "b.jsonl").write_text("b")
    house.wait("refused")
    house.stop()
    assert (house.places.inbox / "b.jsonl").exists() and house.student == []
    house.start()
    house.wait("done", count=2)
    assert house.events("fault") == [] == house.events("failed")


def test_two_daemons_of_a_system_are_refused_and_two_systems_work_at_once(house: House) -> None:
    other = House(house.places.root, "t")
    try:
        for each in (house, other):
            each.add("a", "sleep " * 10)
            each.start()
        house.wait("start")
        second = House(house.places.root).start()
        assert second.wait(20) == 1
        assert "another daemon of 's' works in this repository" in (house.places.root / "log").read_text()
        house.wait("done")
        other.wait("done")
    finally:
        other.stop()


def test_a_lock_is_never_stale(tmp_path: Path) -> None:
    places = Places(tmp_path, "s")
    with only_one(places):
        assert runs(places)
        (places.home / "daemon.json").unlink()
        with pytest.raises(BadInput, match="another daemon"), only_one(Places(tmp_path, "s")):
            pass
    assert not runs(places)
    (places.home / "daemon.json").write_text('{"pid": 1}')
    with only_one(places):
        pass


def test_what_a_killed_daemon_left_is_ended_and_nothing_else(tmp_path: Path) -> None:
    places = Places(tmp_path, "s")
    places.make()
    sleeping = [sys.executable, "-c", "import time; time.sleep(60)"]
    ours = subprocess.Popen(sleeping, env=os.environ | {MARK: str(places.home.resolve())})
    foreign = subprocess.Popen(sleeping, env=os.environ | {MARK: str(tmp_path / "elsewhere")})
    while leftovers(places) != [ours.pid]:
        sleep(0.02)
    assert end_leftovers(places, 0.5) == 1
    assert ours.wait(5) == -signal.SIGKILL and foreign.poll() is None
    foreign.kill()
    foreign.wait()
