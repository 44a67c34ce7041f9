"""What befalls a daemon from outside: a full disk, a clock that is set, a power loss, an error that nobody foresaw."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest
from stages.daemon import control
from stages.daemon.full_disk import is_full
from stages.daemon.lock import end_leftovers, leftovers
from stages.daemon.places import read_json
from stages.daemon.section import Daemon
from stages.daemon.status import status
from stand_in import fill
from test_conductor import House

pytest.importorskip("dbos", reason="the queue is DBOS's")
SECTION: dict[str, Any] = {"student": "x", "read": {}}


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    yield from _house(tmp_path)


@pytest.fixture
def small(tmp_path: Path) -> Iterator[House]:
    """A root on a disk of 16 MB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "athanor", str(disk)], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"no small disk can be mounted here: {done.stderr.strip()}")
    try:
        yield from _house(disk)
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


def _house(root: Path) -> Iterator[House]:
    made = House(root)
    yield made
    if made.process and made.process.poll() is None:
        made.process.kill()
        made.process.wait()
    end_leftovers(made.places)


def state(house: House, **section: Any) -> dict[str, Any]:
    return status(house.places, Daemon(**SECTION | section))


def until(house: House, expected: str, seconds: float = 30, **section: Any) -> list[str]:
    """Asks for the status until it is the expected one; returns the others in the order in which they were seen."""
    seen: list[str] = []
    end = monotonic() + seconds
    while (said := state(house, **section)["state"]) != expected:
        assert monotonic() < end, (said, house.events(), (house.places.root / "log").read_text())
        seen.append(said)
        sleep(0.02)
    return seen


def steps(house: House, count: int) -> None:
    end = monotonic() + 30
    while len(house.steps()) < count:
        assert monotonic() < end, (house.events(), (house.places.root / "log").read_text())
        sleep(0.02)


def test_a_disk_that_fills_up_during_a_job_costs_a_wait_alone(small: House) -> None:
    limits = {"free_gb": 0.002}
    first = small.add("a", "sleep " * 12)
    small.start(limits=limits)
    steps(small, 3)
    ballast = small.places.root / "ballast"
    fill(ballast)
    until(small, "waiting", limits=limits)
    assert "limits.free_gb" in state(small, limits=limits)["reason"] and small.student == []
    sleep(1)
    assert small.process and small.process.poll() is None
    ballast.unlink()
    small.wait("done")
    second = small.add("b", "b")
    small.wait("done", count=2)
    small.stop()
    assert small.student == [first, second]
    assert small.events("fault", "failed") == [] and small.states() == {"a": "done", "b": "done"}


@pytest.mark.parametrize("at", ["keep", "tidyed"])
def test_a_queue_that_could_not_record_a_step_is_started_anew(at: str, small: House) -> None:
    """The disk is full before the step `keep`, or as the end of the job is to be recorded, so the queue does not know of them."""
    sha = small.add("a", "one two")
    marker = small.places.root / "full"
    small.start(limits={"free_gb": 0.002}, fill_at=at, rest=1.0)
    end = monotonic() + 30
    while not marker.exists():
        assert monotonic() < end, (small.events(), (small.places.root / "log").read_text())
        sleep(0.02)
    sleep(1.5)
    marker.unlink()
    small.wait("done", seconds=60)
    end = monotonic() + 60
    while small.states() != {"a": "done"}:
        assert monotonic() < end, (small.states(), small.events(), (small.places.root / "log").read_text())
        sleep(0.1)
    small.stop()
    assert small.student == [sha] and small.events("fault", "failed") == []


def test_a_start_on_a_full_disk_says_so(small: House) -> None:
    log = small.places.root.parent / "said"  # on a disk with room
    (small.places.root / "log").symlink_to(log)
    small.add("a", "a")
    fill(small.places.root / "ballast")
    process = small.start(limits={"free_gb": 0})
    assert process.wait(30) == 1
    assert "BadInput: make room, then start again: " in log.read_text().splitlines()[-1]
    (small.places.root / "ballast").unlink()
    small.start(limits={"free_gb": 0})
    small.wait("done")


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (OSError(28, "No space left on device"), True),
        (OSError(122, "Disk quota exceeded"), True),
        (OSError("train: [Errno 28] No space left on device"), True),
        (RuntimeError("(sqlite3.OperationalError) database or disk is full"), True),
        (OSError(5, "Input/output error"), False),
        (RuntimeError("full"), False),
    ],
)
def test_what_counts_as_a_full_disk(error: Exception, expected: bool) -> None:
    assert is_full(error) is expected


def test_a_daemon_is_paused_once_its_checkpoint_is_on_disk(house: House) -> None:
    """Before that it is pausing, whatever the training says of itself."""
    house.add("a", "slow " * 30)
    house.start()
    steps(house, 2)
    control.send(house.places, "pause", "dinner")
    house.wait("pause")
    assert set(until(house, "paused")) == {"pausing"}
    assert read_json(house.places.training / "paused.json") and leftovers(house.places) == []
    control.send(house.places, "resume", "")
    house.wait("resume")
    steps(house, 4)
    assert state(house)["state"] == "working"


def test_a_clock_that_is_set_changes_neither_order_nor_result(house: House) -> None:
    """By thirty years ahead and back, while jobs run."""
    order = [("l", "low"), ("n", "normal"), ("h", "high")]
    shas = {name: house.add(name, name, priority) for name, priority in order}
    house.start(jumps={"planed": 1e9, "trained": -1e9, "keeped": 2e8, "tidyed": -2e8})
    house.wait("done", count=3)
    last = house.add("z", "z", "high")
    house.wait("done", count=4)
    house.stop()
    house.start()  # by the right clock
    house.wait("start", count=2)
    after = house.add("y", "y")
    house.wait("done", count=5)
    assert house.student == [*(shas[name] for name in ("h", "n", "l")), last, after]
    assert house.events("fault", "failed", "adopted") == []


@pytest.mark.parametrize("stale", [True, False])
def test_a_power_loss_needs_no_hand(stale: bool, house: House) -> None:
    """Everything is killed at once; what says who worked is gone, or is of a process that never was the daemon."""
    first = house.add("a", "sleep " * 15)
    process = house.start()
    steps(house, 3)
    for pid in [process.pid, *leftovers(house.places)]:
        os.kill(pid, signal.SIGKILL)
    process.wait()
    for name in ("daemon.json", "current.json", "stage.json"):
        path = house.places.home / name
        path.write_text(json.dumps({"pid": os.getppid(), "id": "of no job"})) if stale else path.unlink(missing_ok=True)
    if stale:
        (house.places.home / "held.json").write_text("{}")
        (house.places.home / "taken/1.partial").write_text("half")
        (house.places.home / "spool/000000009999.json").write_text("")
        (house.places.training / "pause").touch()
    second = house.add("b", "b", "high")
    house.start()
    house.wait("done", count=2)
    house.stop()
    assert house.student == [first, second] and len(house.steps()) <= 15 + 1 + 1


def test_an_error_that_nobody_foresaw_ends_the_job_with_a_reason(house: House) -> None:
    sha = house.add("a", "a")
    (house.places.home / "student.json").write_text("5")  # not the list that the stand-in expects
    house.start()
    assert house.wait("failed")[0]["why"].startswith("TypeError: ")
    house.stop()
    assert house.states() == {"a": "failed"} and house.places.taken(sha).exists()
    assert "Traceback" in (house.places.home / "logs" / f"{sha}.log").read_text()
