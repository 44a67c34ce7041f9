"""The daemon's life: it takes files, answers commands, and has the queue run one job after the other."""

import errno
import os
import signal
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
from stages.daemon.inbox import Inbox
from stages.daemon.intake import Changed, Full
from stages.daemon.lock import end_leftovers, only_one
from stages.daemon.places import Places, put_json, read_json, shown
from stages.daemon.queue import Queue, spooled
from stages.daemon.section import Daemon
from stages.daemon.work import Plan, Work
from stages.shared.errors import BadInput

TICK = 0.2  # seconds between two looks at commands and spool
REST = 10.0  # seconds without a job after which DBOS's threads end


class Conductor:
    """One daemon. `work` is what it has done for a job; `crash` is called with the name of each step, for
    tests."""

    def __init__(
        self, places: Places, section: Daemon, work: Work, crash: Callable[[str], None] = lambda _: None
    ) -> None:
        self.places, self.section, self.work, self.crash = places, section, work, crash
        self.queue = Queue(places, section.database)
        self.inbox = Inbox(places.inbox)
        self.runner = Runner(places, self.wanted)
        self.stopping, self.parked, self.wake = threading.Event(), threading.Event(), threading.Event()
        self.working: str | None = None  # the id of the job in hand
        self.skipping: str | None = None
        self.refused: dict[str, str] = {}
        self.last_job = monotonic()

    # what the main thread does

    def run(self) -> None:
        """Works until it is stopped; then a job in hand waits at a checkpoint for the next start."""
        with only_one(self.places):
            ended = end_leftovers(self.places)
            intake.put_back_leftovers(self.places)
            for name in ("current.json", "stage.json", "waiting.json", "refused.json"):
                (self.places.home / name).unlink(missing_ok=True)
            note(self.places, "start", pid=os.getpid(), leftovers=ended)
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda *_: self.stop("signal"))
            try:
                self._live()
            finally:
                note(self.places, "end")

    def stop(self, reason: str) -> None:
        """Asks the daemon to leave; asked a second time by a signal, it leaves at once."""
        if reason == "signal" and self.stopping.is_set():
            os._exit(130)  # what it started ends with it
        self.stopping.set()
        self.wake.set()

    def wanted(self) -> Wanted:
        """What the job in hand is to do."""
        if self.stopping.is_set():
            return "stop"
        if self.working is not None and self.skipping == self.working:
            return "skip"
        return "pause" if control.paused(self.places) else "run"

    def _live(self) -> None:
        next_look = monotonic()
        self.queue.launch(self.job)
        known = {row.id[:64] for row in self.queue.rows()} | {job["sha"] for _, job in spooled(self.places)}
        for sha in intake.adopt(self.places, known):
            note(self.places, "adopted", id=sha)
        while not self.stopping.is_set():
            try:
                self._obey()
                if monotonic() >= next_look:
                    next_look = monotonic() + self.section.scan_seconds
                    self._look()
                    retention.snapshot(self.places, self.section)
                self._feed()
            except OSError as error:
                if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                    raise
            if self.working is not None:
                self.last_job = monotonic()
            elif self.queue.launched and monotonic() > self.last_job + REST:
                if self.queue.unfinished():
                    self.last_job = monotonic()
                else:
                    self.queue.rest()
            self.wake.wait(TICK)
            self.wake.clear()
        while self.working is not None and not self.parked.is_set():
            self.parked.wait(TICK)  # the job in hand writes its checkpoint first

    def _obey(self) -> None:
        """Follows the commands that wait; each is noted with its reason."""
        for path, command in control.received(self.places):
            what, reason = command.get("command"), str(command.get("reason") or "")
            note(
                self.places,
                str(what),
                reason=reason,
                **{key: command[key] for key in ("job",) if key in command},
            )
            if what == "pause":
                control.set_paused(self.places, reason)
            elif what == "resume":
                control.set_paused(self.places, None)
            elif what == "skip" and command.get("job") == self.working:
                self.skipping = self.working
            elif what == "stop" and command.get("pid") == os.getpid():
                self.stop(reason)
            path.unlink(missing_ok=True)

    def _look(self) -> None:
        """Takes the files of the inbox that are whole."""
        look = self.inbox.look()
        refused = dict(look.refused)
        for arrival in look.whole:
            try:
                job = intake.take(self.places, arrival, self.section.limits, self.crash)
                note(self.places, "taken", file=arrival.name, id=job["id"])
            except (Changed, FileNotFoundError):
                continue
            except BadInput as error:
                refused[arrival.name] = str(error)
            except Full as error:
                refused[arrival.name] = f"waits: {error}"
        if refused != self.refused:
            for name in refused.keys() - self.refused.keys():
                note(self.places, "refused", file=name, why=refused[name])
            put_json(self.places.home / "refused.json", {shown(name): why for name, why in refused.items()})
            self.refused = refused

    def _feed(self) -> None:
        """Gives the spooled jobs to the queue."""
        for path, job in spooled(self.places):
            self.queue.launch(self.job)
            self.last_job = monotonic()
            if not self.queue.enqueue(job):
                self._known(job)
            self.crash("queued")
            path.unlink(missing_ok=True)

    def _known(self, job: dict[str, Any]) -> None:
        """The content of a file is that of a job before; where that one is done, no copy of it is needed."""
        (before,) = self.queue.rows(workflow_ids=[job["id"]])
        if before.job.get("sequence") != job["sequence"]:
            note(self.places, "duplicate", file=job["name"], of=before.job.get("name"), id=job["id"])
        if (before.result or {}).get("state") == "done":
            intake.forget(self.places, job["sha"])

    # what DBOS's thread does: the workflow, whose steps DBOS records

    def job(self, job: dict[str, Any]) -> dict[str, Any]:
        """One job, from a file to an experiment."""
        from dbos import DBOS

        def step(name: str, act: Callable[[], Any]) -> Any:
            self.crash(name)
            value = DBOS.run_step({"name": name}, act)
            self.crash(f"{name}ed")
            return value

        self.working = job["id"]
        put_json(self.places.home / "current.json", job)
        try:
            result = self._steps(job, step)
        finally:
            (self.places.home / "current.json").unlink(missing_ok=True)
            (self.places.home / "stage.json").unlink(missing_ok=True)
        self.working = self.skipping = None
        note(self.places, result["state"], id=job["id"], file=job["name"], why=result.get("why"))
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
                words = last_words(checked.tail, 1).replace(f"{job['sha']}.jsonl", shown(job["name"]))
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
            retention.register(self.places, kept["experiment"], kept["commit"])
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


def progress(places: Places) -> dict[str, Any]:
    """How far the training in hand is: `step` of `steps`, and `loss`; empty where none runs."""
    value = read_json(places.training / "progress.json")
    return value if isinstance(value, dict) else {}
