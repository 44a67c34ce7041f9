"""One job: the workflow that DBOS runs and of which it records each step.

A step that was in flight when the daemon was killed runs again; steps that ended do not.
"""

import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any

from stages.daemon import control, intake, retention
from stages.daemon.child import Ended, Runner, last_words
from stages.daemon.control import Wanted, note
from stages.daemon.experiments import GitFailed
from stages.daemon.intake import Full
from stages.daemon.places import Places, put_json, shown
from stages.daemon.section import Daemon
from stages.daemon.work import Plan, Work
from stages.shared.errors import BadInput


class Jobs:
    """Does one job at a time, as the queue asks; `wanted` says what a person wants of the one in hand.

    `work` is what is done for a job. `crash` is called with the name of each step, for tests.
    """

    def __init__(self, places: Places, section: Daemon, work: Work, crash: Callable[[str], None]) -> None:
        self.places, self.section, self.work, self.crash = places, section, work, crash
        self.runner = Runner(places, self.wanted)
        # asked to leave; the job in hand waits at a checkpoint; a job ended
        self.stopping, self.parked, self.wake = threading.Event(), threading.Event(), threading.Event()
        self.working: str | None = None  # the id of the job in hand
        self.skipping: str | None = None  # the id of a job that is to be skipped

    def wanted(self) -> Wanted:
        """What the job in hand is to do."""
        if self.stopping.is_set():
            return "stop"
        if self.working is not None and self.skipping == self.working:
            return "skip"
        return "pause" if control.paused(self.places) else "run"

    def run(self, job: dict[str, Any]) -> dict[str, Any]:
        """One job, from a file to an experiment."""
        from dbos import DBOS

        def step(name: str, act: Callable[[], Any]) -> Any:
            self.crash(name)
            value = DBOS.run_step({"name": name}, act)
            self.crash(f"{name}ed")
            return value

        self.working = job["id"]
        try:
            put_json(self.places.home / "current.json", job)
            result = self._steps(job, step)
            note(self.places, result["state"], id=job["id"], file=job["name"], why=result.get("why"))
        except (BadInput, GitFailed) as error:
            result = {"state": "failed", "why": str(error)}
            note(self.places, "failed", id=job["id"], file=job["name"], why=str(error))
        finally:
            for name in ("current.json", "stage.json"):
                (self.places.home / name).unlink(missing_ok=True)
            self.working = self.skipping = None
            self.wake.set()
        return result

    def _steps(self, job: dict[str, Any], step: Callable[[str, Callable[[], Any]], Any]) -> dict[str, Any]:
        failures, why = 0, ""
        while failures < self.section.failures:
            plan = Plan(*step("plan", lambda: list(self.work.plan(job))))
            state, why = step("train", partial(self._try, job, plan))
            if state == "trained":
                state, why, kept = step("keep", partial(self._keep, job, plan))
                if state == "kept":
                    step("tidy", self._tidy)
                    intake.forget(self.places, job["sha"])
                    return {"state": "done", **kept}
            if state in ("bad", "skipped", "gone"):
                return {"state": "skipped" if state == "skipped" else "failed", "why": why}
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

    def _try(self, job: dict[str, Any], plan: Plan) -> tuple[str, str]:
        """One try, with the reason: `trained`, `skipped`, `bad` (the data), `gone` (the data), `full` (the
        disk) or `fault`."""
        if not self._room():
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
            return ("full" if self._full() else "fault"), str(error)
        if ended.how == "skipped":
            return "skipped", "skipped"
        if ended.status:
            return ("full" if self._full() else "fault"), last_words(
                ended.tail
            ) or f"exit status {ended.status}"
        return "trained", ""

    def _through(self, act: Callable[[bool], Ended]) -> Ended:
        """Does `act` until it has not been paused; its argument says whether it goes on after a pause."""
        resumed = False
        while True:
            ended = act(resumed)
            if ended.how not in ("paused", "again"):
                return ended
            resumed = ended.how == "paused"
            self._hold()

    def _hold(self) -> None:
        """Returns once the job may go on or is to be skipped; where the daemon leaves, the job stays as it
        is."""
        while (wanted := self.wanted()) in ("pause", "stop"):
            if wanted == "stop":
                self.parked.set()
                threading.Event().wait()  # the process ends; DBOS has the job go on at the next start
            self.stopping.wait(0.1)

    def _room(self) -> bool:
        """Waits until the disk has room; whether the job is still to be done."""
        waiting = self.places.home / "waiting.json"
        while True:
            self._hold()
            if self.wanted() == "skip":
                waiting.unlink(missing_ok=True)
                return False
            why = self._full()
            if not why:
                waiting.unlink(missing_ok=True)
                return True
            if not waiting.exists():
                put_json(waiting, {"why": why})
                note(self.places, "waits", why=why)
            self._wait(1.0)

    def _after_fault(self, job: dict[str, Any], failures: int, why: str) -> None:
        """Notes a failure, and waits where there is to be another try."""
        note(self.places, "fault", id=job["id"], failures=failures, why=why)
        if failures < self.section.failures:
            self._wait(self.section.retry_seconds)

    def _wait(self, seconds: float) -> None:
        """Waits, unless the job is to be skipped; a clock that is set changes nothing."""
        until = monotonic() + seconds
        while monotonic() < until and self.wanted() != "skip":
            self._hold()
            self.stopping.wait(min(0.1, max(0.0, until - monotonic())))

    def _keep(self, job: dict[str, Any], plan: Plan) -> tuple[str, str, dict[str, Any]]:
        """`kept`, `moved` (another student is current by now) or `fault`; the reason; what was kept."""
        try:
            kept = self.work.keep(job, plan)
            if kept is None:
                return "moved", "", {}
            size = int(kept.pop("bytes", 0))
            retention.register(self.places, kept["experiment"], kept["commit"], size, plan.parent)
        except (GitFailed, OSError) as error:
            return ("full" if self._full() else "fault"), str(error), {}
        return "kept", "", kept

    def _tidy(self) -> None:
        """Retention; what it cannot do now it does after the next job."""
        try:
            self.work.tidy()
        except (BadInput, GitFailed, OSError) as error:
            note(self.places, "retention failed", why=str(error))

    def _full(self) -> str:
        """How much room the disk lacks; empty where it has enough."""
        try:
            intake.check_room(self.places, 0, self.section.limits)
        except Full as error:
            return str(error)
        return ""
