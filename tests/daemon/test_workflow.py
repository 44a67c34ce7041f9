"""One job without the queue: what is recorded, what counts as a failure, and what an error of DBOS leaves behind."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from stages.daemon import conductor
from stages.daemon.child import Ended
from stages.daemon.conductor import Conductor
from stages.daemon.places import Places
from stages.daemon.section import Daemon, Limits
from stages.daemon.work import Plan

pytest.importorskip("dbos", reason="the queue is DBOS's")
JOB = {"id": "a" * 64, "sha": "a" * 64, "name": "a.jsonl"}
FULL = "OSError: [Errno 28] No space left on device: '/dev/shm/torch_1'"


class Script:
    """Work of which every training ends as `ended` says; `plans` has the plans by which it was trained."""

    def __init__(self, ended: Ended) -> None:
        self.ended, self.plans = ended, list[Plan]()

    def begin(self) -> None:
        pass

    def plan(self, *_: Any) -> Plan:
        return Plan("base", None, "of now")

    def check(self, *_: Any) -> Ended:
        return Ended("ended", 0, "")

    def train(self, job: Any, plan: Plan, *_: Any) -> Ended:
        self.plans.append(plan)
        assert len(self.plans) < 10, "it is trained again and again"
        return self.ended

    def keep(self, *_: Any) -> dict[str, Any]:
        return {"experiment": "e", "commit": "c", "loss": None, "steps": None}

    def tidy(self) -> None:
        pass


def conductor_of(root: Path, work: Script) -> Conductor:
    places = Places(root, "s")
    places.make()
    return Conductor(places, Daemon(student="x", read={}, retry_seconds=0, limits=Limits(free_gb=0)), work)


def test_words_of_a_full_disk_count_as_a_failure_where_the_disk_has_room(tmp_path: Path) -> None:
    """Such as those of a full /dev/shm, of which the daemon cannot see that it has no room."""
    work = Script(Ended("ended", 1, FULL))
    result = conductor_of(tmp_path, work).jobs._steps(JOB, lambda name, act: act())
    assert len(work.plans) == 3
    assert (result["state"], result["why"]) == ("failed", f"failed 3 times; the last time: {FULL}")


def test_a_plan_that_an_earlier_version_recorded_is_kept(tmp_path: Path) -> None:
    """Which recorded the step `plan` as base, parent and name alone."""
    work = Script(Ended("ended", 0, ""))

    def step(name: str, act: Callable[[], Any]) -> Any:
        return ["before", "parent", "of then"] if name == "plan" else act()

    assert conductor_of(tmp_path, work).jobs._steps(JOB, step)["state"] == "done"
    assert work.plans == [Plan("before", "parent", "of then")]


@pytest.mark.parametrize("error", ["DBOSUnexpectedStepError", "DBOSWorkflowCancelledError"])
def test_no_job_is_in_hand_after_an_error_of_the_queue(error: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise the daemon would say that it works, and a stop would wait for the job's checkpoint for ever."""
    from dbos import DBOS, _error

    raised = {
        "DBOSUnexpectedStepError": _error.DBOSUnexpectedStepError("a", 1, "plan", "train"),
        "DBOSWorkflowCancelledError": _error.DBOSWorkflowCancelledError("cancelled"),
    }[error]

    def refuse(*_: Any, **__: Any) -> None:
        raise raised

    monkeypatch.setattr(DBOS, "run_step", refuse)
    jobs = conductor_of(tmp_path, Script(Ended("ended", 0, ""))).jobs
    with pytest.raises(type(raised)):
        jobs.run(JOB)
    assert jobs.working is None and jobs.wake.is_set() and not (jobs.places.home / "current.json").exists()


class Queue:
    """A queue whose database has no room for the first launches; `tries` counts them."""

    def __init__(self, failures: int) -> None:
        self.launched, self.failures, self.tries = True, failures, 0

    def launch(self, job: Any) -> None:
        self.tries += 1
        if self.tries <= self.failures:
            raise OSError(28, "No space left on device")
        self.launched = True

    def rest(self) -> None:
        self.launched = False


def test_a_queue_that_could_not_be_started_anew_is_tried_again_after_a_while(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The room lacks where the daemon cannot see it, as on the disk of a Postgres server."""
    clock = [0.0]
    monkeypatch.setattr(conductor, "monotonic", lambda: clock[0])
    daemon, queue = conductor_of(tmp_path, Script(Ended("ended", 0, ""))), Queue(failures=2)
    monkeypatch.setattr(daemon, "queue", queue)
    daemon.jobs.unrecorded.set()
    for _ in range(2):
        with pytest.raises(OSError, match="No space"):
            daemon._rest()
        daemon._rest()  # too soon
        daemon._feed()
        assert daemon.jobs.unrecorded.is_set() and not queue.launched
        clock[0] += conductor.AGAIN
    assert queue.tries == 2
    daemon._rest()
    assert queue.launched and queue.tries == 3 and not daemon.jobs.unrecorded.is_set()
