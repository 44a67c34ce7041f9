"""One job: the workflow that DBOS runs and of which it records each step.

A step that was in flight when the daemon was killed runs again; steps that ended do not.
"""

import threading
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Literal, NoReturn

from stages.daemon import intake, retention
from stages.daemon.child import Ended, Runner, last_words
from stages.daemon.control import note
from stages.daemon.experiments import GitFailed
from stages.daemon.full_disk import is_full, unless_full
from stages.daemon.places import Places, put_json, shown
from stages.daemon.section import Daemon
from stages.daemon.waiting import Waiting
from stages.daemon.work import Plan, Work
from stages.shared.errors import BadInput

Step = Callable[[str, Callable[[], Any]], Any]  # does what DBOS has not recorded under this name


class Jobs(Waiting):
    """Does one job at a time, as the queue asks.

    `work` is what is done for a job. `crash` is called with the name of each step, for tests.
    """

    def __init__(self, places: Places, section: Daemon, work: Work, crash: Callable[[str], None]) -> None:
        super().__init__(places, section)
        self.work, self.crash = work, crash
        self.runner = Runner(places, self.wanted)
        self.wake = threading.Event()  # a job ended
        self.unrecorded = threading.Event()  # the queue could not record a step of the job in hand

    def run(self, job: dict[str, Any]) -> dict[str, Any]:
        """One job, from a file to an experiment."""
        from dbos import DBOS

        def step(name: str, act: Callable[[], Any]) -> Any:
            self.crash(name)
            try:
                value = DBOS.run_step({"name": name}, act)
            except Exception as error:
                if not is_full(error):
                    raise
                self._leave(job, str(error))
            self.crash(f"{name}ed")
            return value

        self.working = job["id"]
        try:
            with unless_full():
                put_json(self.places.home / "current.json", job)
            result = self._result(job, step)
            note(self.places, result["state"], id=job["id"], file=job["name"], why=result.get("why"))
            if job["id"] in self.skipping():
                self.skipped(job["id"])
        finally:
            self._put_down()
        return result

    def _result(self, job: dict[str, Any], step: Step) -> dict[str, Any]:
        """What became of the job. Raises what DBOS raises of itself, such as that the job was cancelled."""
        from dbos._error import DBOSException

        try:
            return self._steps(job, step)
        except DBOSException:
            raise
        except Exception as error:  # an error that DBOS records would be a state without a reason
            self._log_error(job)
            return {"state": "failed", "why": f"{type(error).__name__}: {error}", "log": self._log(job)}

    def _put_down(self) -> None:
        """No job is in hand any more."""
        for name in ("current.json", "stage.json", "held.json", "waiting.json"):
            (self.places.home / name).unlink(missing_ok=True)
        self.working = None
        self.wake.set()

    def _leave(self, job: dict[str, Any], why: str) -> NoReturn:
        """The queue could not record a step, so the job stays as it is. The conductor starts the queue anew,
        and DBOS has the job go on; an error, or a return, would end the job for good."""
        note(self.places, "not recorded", id=job["id"], why=why)
        self._put_down()
        self.unrecorded.set()
        while True:
            threading.Event().wait()

    def _log_error(self, job: dict[str, Any]) -> None:
        """Adds the traceback of the error in hand to the job's log."""
        with unless_full(), (self.places.folder("logs") / f"{job['id']}.log").open("a") as file:
            file.write(traceback.format_exc())

    def _steps(self, job: dict[str, Any], step: Step) -> dict[str, Any]:
        failures, why = 0, ""
        while failures < self.section.failures:
            planned = step("plan", partial(self._plan, job))
            if isinstance(planned[-1], str):  # the plan alone, as earlier versions recorded this step
                planned = "planned", "", planned
            state, why, planned = planned
            if state == "planned":
                plan = Plan(*planned)
                state, why = step("train", partial(self._try, job, plan))
            if state == "trained":
                state, why, kept = step("keep", partial(self._keep, job, plan))
                if state == "kept":
                    step("tidy", self._tidy)
                    intake.forget(self.places, job["sha"])
                    return {"state": "done", **kept}
            if state in ("bad", "skipped", "gone"):
                return {"state": "skipped" if state == "skipped" else "failed", "why": why}
            if state == "full":
                step("wait", partial(self.wait_for_room, why, self.section.retry_seconds))
            if state == "fault":
                failures += 1
                step("wait", partial(self._after_fault, job, failures, why))
        return {
            "state": "failed",
            "why": f"failed {failures} times; the last time: {why}",
            "log": self._log(job),
        }

    def _log(self, job: dict[str, Any]) -> str:
        return str(Path("logs") / f"{job['id']}.log")

    def _plan(self, job: dict[str, Any]) -> tuple[str, str, list[Any]]:
        """`planned` or `fault`; the reason; the plan."""
        try:
            return "planned", "", list(self.work.plan(job))
        except (GitFailed, OSError) as error:
            return "fault", str(error), []

    def _try(self, job: dict[str, Any], plan: Plan) -> tuple[str, str]:
        """One try, with the reason: `trained`, `skipped`, `bad` (the data), `gone` (the data), `full` (the
        disk) or `fault`."""
        if not self.room():
            return "skipped", "skipped"
        try:
            checked = self._through(lambda resumed: self.work.check(job, self.runner))
            if checked.how == "skipped":
                return "skipped", "skipped"
            if checked.status:
                if not self.places.taken(job["sha"]).is_file():
                    return "gone", "the job's data is gone; drop the file into the inbox again, then retry"
                bug = checked.status != 1 or "Traceback (most recent call last)" in checked.tail
                words = last_words(checked.tail, 1)
                for path in (str(self.places.taken(job["sha"]).resolve()), f"{job['sha']}.jsonl"):
                    words = words.replace(path, shown(job["name"]))
                return ("fault" if bug else "bad"), words
            ended = self._through(lambda resumed: self.work.train(job, plan, self.runner, resumed))
        except BadInput as error:
            return "gone", str(error)
        except (GitFailed, OSError) as error:
            return self._kind(), str(error)
        if ended.how == "skipped":
            return "skipped", "skipped"
        if ended.status:
            why = last_words(ended.tail) or f"exit status {ended.status}"
            return self._kind(), why
        return "trained", ""

    def _kind(self) -> Literal["full", "fault"]:
        """`full` while the disk lacks room, which the job waits for. An error that says so while the disk has
        room is a `fault`: /tmp, /dev/shm or a quota may be full, and each new try may fail like the last."""
        return "full" if self.lack() else "fault"

    def _through(self, act: Callable[[bool], Ended]) -> Ended:
        """Does `act` until it has not been paused; its argument says whether it goes on after a pause."""
        resumed = False
        while True:
            ended = act(resumed)
            if ended.how not in ("paused", "again"):
                return ended
            resumed = ended.how == "paused"
            self.hold()

    def _after_fault(self, job: dict[str, Any], failures: int, why: str) -> None:
        """Notes a failure, and waits where there is to be another try."""
        note(self.places, "fault", id=job["id"], failures=failures, why=why)
        if failures < self.section.failures:
            self.wait(self.section.retry_seconds)

    def _keep(self, job: dict[str, Any], plan: Plan) -> tuple[str, str, dict[str, Any]]:
        """`kept`, `moved` (another student is current by now) or `fault`; the reason; what was kept."""
        try:
            kept = self.work.keep(job, plan)
            if kept is None:
                return "moved", "", {}
            size = int(kept.pop("bytes", 0))
            retention.register(self.places, kept["experiment"], kept["commit"], size, plan.parent)
        except (GitFailed, OSError) as error:
            return self._kind(), str(error), {}
        return "kept", "", kept

    def _tidy(self) -> None:
        """Retention; what it cannot do now it does after the next job."""
        try:
            self.work.tidy()
        except (BadInput, GitFailed, OSError) as error:
            note(self.places, "retention failed", why=str(error))
