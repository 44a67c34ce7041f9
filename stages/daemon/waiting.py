"""When the job in hand goes on, when it waits, and for what."""

import threading
from time import monotonic

from stages.daemon import control, intake
from stages.daemon.control import Wanted, note
from stages.daemon.full_disk import unless_full
from stages.daemon.places import Places, put_json, read_json
from stages.daemon.section import Daemon


class Waiting:
    """What a person wants of the job in hand, and the waits that follow from that and from the disk."""

    def __init__(self, places: Places, section: Daemon) -> None:
        self.places, self.section = places, section
        # asked to leave; the job in hand waits at a checkpoint
        self.stopping, self.parked = threading.Event(), threading.Event()
        self.working: str | None = None  # the id of the job in hand

    def skipping(self) -> list[str]:
        """The ids of the jobs that are to be skipped. They are on disk: a kill, or a stop that comes before
        the job has ended, does not undo a skip."""
        value = read_json(self.places.home / "skipping.json")
        return list(value) if isinstance(value, list) else []

    def skip(self, job: str) -> None:
        """Has a job that is in hand, or was when the daemon ended, be skipped."""
        put_json(self.places.home / "skipping.json", sorted({*self.skipping(), job}))

    def skipped(self, job: str) -> None:
        """Forgets a skip, since the job has ended."""
        left = [each for each in self.skipping() if each != job]
        with unless_full():
            put_json(self.places.home / "skipping.json", left)

    def wanted(self) -> Wanted:
        """What the job in hand is to do."""
        if self.stopping.is_set():
            return "stop"
        if self.working is not None and self.working in self.skipping():
            return "skip"
        return "pause" if control.paused(self.places) else "run"

    def hold(self) -> None:
        """Returns once the job may go on or is to be skipped; where the daemon leaves, the job stays as it
        is. `held.json` says meanwhile that nothing of the job runs."""
        held = self.places.home / "held.json"
        while (wanted := self.wanted()) in ("pause", "stop"):
            if wanted == "stop":
                self.parked.set()
                threading.Event().wait()  # the process ends; DBOS has the job go on at the next start
            if not held.exists():
                with unless_full():
                    put_json(held, {})
            self.stopping.wait(0.1)
        held.unlink(missing_ok=True)

    def room(self) -> bool:
        """Waits until the disk has room; whether the job is still to be done."""
        while True:
            self.hold()
            why = self.lack()
            if self.wanted() == "skip" or not why:
                (self.places.home / "waiting.json").unlink(missing_ok=True)
                return self.wanted() != "skip"
            self.wait_for_room(why, 1.0)

    def wait_for_room(self, why: str, seconds: float) -> None:
        """Waits, and says so in `waiting.json` and once in the log of events."""
        waiting = self.places.home / "waiting.json"
        (self.places.home / "stage.json").unlink(missing_ok=True)
        if not waiting.exists():
            with unless_full():
                note(self.places, "waits", why=why)
                put_json(waiting, {"why": why})
        self.wait(seconds)

    def wait(self, seconds: float) -> None:
        """Waits, unless the job is to be skipped; a clock that is set changes nothing."""
        until = monotonic() + seconds
        while monotonic() < until and self.wanted() != "skip":
            self.hold()
            self.stopping.wait(min(0.1, max(0.0, until - monotonic())))

    def lack(self) -> str:
        """How much room the disk lacks; empty where it has enough."""
        return intake.lack(self.places, self.section.limits)
