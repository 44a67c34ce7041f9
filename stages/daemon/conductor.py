"""The daemon's life: it takes files, answers commands, and has the queue run one job after the other."""

import os
import signal
from collections.abc import Callable
from time import monotonic
from typing import Any

from stages.daemon import control, intake, retention
from stages.daemon.control import note
from stages.daemon.full_disk import full_is_bad_input, is_full
from stages.daemon.inbox import Inbox
from stages.daemon.intake import Changed, Full
from stages.daemon.lock import MARK, end_leftovers, only_one
from stages.daemon.places import Places, put_json, shown
from stages.daemon.queue import Queue, spooled
from stages.daemon.section import Daemon
from stages.daemon.work import Work
from stages.daemon.workflow import Jobs
from stages.shared.errors import BadInput

TICK = 0.2  # seconds between two looks at commands and spool
REST = 10.0  # seconds without a job after which DBOS's threads end
AGAIN = 5.0  # seconds between two tries to start the queue anew
RECORD = 5.0  # seconds that a daemon waits, as it leaves, for what became of its last job to be recorded


class Conductor:
    """One daemon. `work` is what it has done for a job; `crash` is called with the name of each step, for
    tests."""

    def __init__(
        self, places: Places, section: Daemon, work: Work, crash: Callable[[str], None] = lambda _: None
    ) -> None:
        self.places, self.section, self.crash = places, section, crash
        self.queue = Queue(places, section.database)
        self.inbox = Inbox(places.inbox)
        self.jobs = Jobs(places, section, work, crash)
        self.refused: dict[str, str] = {}
        self.last_job = monotonic()
        self.next_try = self.last_job  # before that the queue is not started anew
        self.pending = False  # at the last look a job ran by the queue's account, and none was in hand

    def run(self) -> None:
        """Works until it is stopped; then a job in hand waits at a checkpoint for the next start. Raises
        BadInput where the disk is full at the start."""
        with full_is_bad_input(), only_one(self.places):
            ended = end_leftovers(self.places)
            intake.put_back_leftovers(self.places)
            self.jobs.work.begin()
            os.environ[MARK] = str(self.places.home.resolve())  # of git, which this process runs itself
            for name in ("current.json", "stage.json", "held.json", "waiting.json", "refused.json"):
                (self.places.home / name).unlink(missing_ok=True)
            note(self.places, "start", pid=os.getpid(), leftovers=ended)
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda *_: self.stop("signal"))
            try:
                self._live()
            finally:
                note(self.places, "end")
            print(f"daemon of {self.places.system}: ended", flush=True)

    def stop(self, reason: str) -> None:
        """Asks the daemon to leave; asked a second time by a signal, it leaves at once."""
        if reason == "signal" and self.jobs.stopping.is_set():
            os._exit(130)  # what it started ends with it
        self.jobs.stopping.set()
        self.jobs.wake.set()

    def _live(self) -> None:
        next_look = monotonic()
        self._launch()
        inbox = self.places.inbox.relative_to(self.places.root)
        print(f"daemon of {self.places.system}: works; inbox {inbox}; Ctrl-C ends it", flush=True)
        known = {row.id[:64] for row in self.queue.rows()} | {job["sha"] for _, job in spooled(self.places)}
        for sha in intake.adopt(self.places, known):
            note(self.places, "adopted", id=sha)
        while not self.jobs.stopping.is_set():
            try:
                self._obey()
                if monotonic() >= next_look:
                    next_look = monotonic() + self.section.scan_seconds
                    self._look()
                    retention.snapshot(self.places, self.section)
                self._feed()
                self._rest()
            except Exception as error:
                if not is_full(error):
                    raise
            self.jobs.wake.wait(TICK)
            self.jobs.wake.clear()
        while self.jobs.working is not None and not self.jobs.parked.is_set():
            self.jobs.parked.wait(TICK)  # the job in hand writes its checkpoint first
        until = monotonic() + RECORD
        while self.queue.unfinished("PENDING") and not self.jobs.parked.is_set() and monotonic() < until:
            self.jobs.parked.wait(TICK)  # DBOS records what became of the last job

    def _launch(self) -> None:
        """Starts the queue. Raises BadInput where the disk is full or the database cannot be reached."""
        from sqlalchemy.exc import DBAPIError

        try:
            self.queue.launch(self.jobs.run)
        except DBAPIError as error:
            why = " ".join(str(error.orig).split())
            hint = "make room, then start again" if is_full(error) else "the queue's database does not answer"
            raise BadInput(f"{hint}: {why}") from None

    def _rest(self) -> None:
        """Ends DBOS's threads after a while without a job. Starts the queue anew where it could not record
        what became of a job: DBOS then has the job go on from the last step that is recorded."""
        if self.jobs.working is not None:
            self.last_job = monotonic()
        elif self.jobs.unrecorded.is_set():
            if monotonic() >= self.next_try and not self.jobs.lack():
                self.next_try = monotonic() + AGAIN
                self._anew()
        elif self.queue.launched and monotonic() > self.last_job + REST:
            pending = self.queue.unfinished("PENDING")
            if self.pending and pending and self.jobs.working is None:
                self.jobs.unrecorded.set()  # the job ended, and the queue does not know
            elif not pending and not self.queue.unfinished():
                self.queue.rest()
            self.pending, self.last_job = pending, monotonic()

    def _anew(self) -> None:
        """Starts the queue anew. Where that fails, it is still to be done."""
        self.jobs.unrecorded.clear()  # before the launch, after which the job may set it again at once
        try:
            self.queue.rest()
            self.queue.launch(self.jobs.run)
        except Exception:
            self.jobs.unrecorded.set()
            raise

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
            elif what == "skip" and command.get("job"):
                self.jobs.skip(str(command["job"]))
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
        """Gives the spooled jobs to the queue, unless that is to be started anew first."""
        if self.jobs.unrecorded.is_set():
            return
        for path, job in spooled(self.places):
            self.queue.launch(self.jobs.run)
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
