"""Runs the commands of a job, and ends or pauses them as asked."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from time import monotonic
from typing import Literal, NamedTuple

from stages.daemon.control import Wanted
from stages.daemon.lock import MARK
from stages.daemon.places import Places, read_json

# a process that ends when this one does: killed with -9, this process would leave it behind
_BEGIN = """
import ctypes, runpy, signal, sys
if sys.platform == 'linux': ctypes.CDLL(None).prctl(1, signal.SIGKILL)
sys.argv = sys.argv[1:]
"""
MODULE = _BEGIN + "runpy.run_module(sys.argv[0], run_name='__main__', alter_sys=True)"
# several commands of DVC in one process, which takes half a second to start; the first that fails is the last
DVC = (
    _BEGIN
    + """
from dvc.cli import main
for command in ' '.join(sys.argv).split(' THEN '):
    status = main(command.split(' '))
    if status: sys.exit(status)
"""
)
EVERY = 0.05  # seconds between two looks at what is wanted
GRACE = 10.0  # seconds from SIGTERM to SIGKILL


class Ended(NamedTuple):
    """How a command ended: by itself (`status` 0 or not), at a pause, or since it was to be skipped.

    `again`: at a pause before which nothing was done that stays.
    """

    how: Literal["ended", "paused", "skipped", "again"]
    status: int
    tail: str  # the last lines that it wrote


class Runner:
    """Runs one command at a time; `wanted` says what a person wants of it by now."""

    def __init__(self, places: Places, wanted: Callable[[], Wanted]) -> None:
        self.places, self.wanted = places, wanted

    def dvc(self, *commands: Sequence[str], cwd: Path, log: Path, pausable: bool = False) -> Ended:
        """Runs commands of DVC one after the other, as `run` does; no argument holds a space."""
        words = [
            word
            for number, command in enumerate(commands)
            for word in (*(["THEN"] if number else []), *command)
        ]
        assert not any(" " in word for word in words)
        return self.run(*words, cwd=cwd, log=log, pausable=pausable, script=DVC)

    def run(
        self, *arguments: str, cwd: Path, log: Path, pausable: bool = False, script: str = MODULE
    ) -> Ended:
        """Runs `python -m arguments` (or `script` with them); its output goes to `log`.

        A pausable command watches `places.training` and ends by itself at a checkpoint; any other is ended at
        once and runs anew later.
        """
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as file:
            start = file.tell()
            child = subprocess.Popen(
                [sys.executable, "-c", script, *arguments],
                cwd=cwd,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            try:
                how = self._watch(child, pausable)
            finally:
                end(child)
        return Ended(how, child.returncode, tail(log, start))

    def _environment(self) -> dict[str, str]:
        """That of this process, with its Python first on the path, and the mark by which leftovers are
        known."""
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
        unset = ("DVC_ROOT", "DVC_STAGE", "GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE")
        kept = {name: value for name, value in os.environ.items() if name not in unset}
        mark = {MARK: str(self.places.home.resolve()), "PATH": path, "PYTHONUNBUFFERED": "1"}
        return kept | mark

    def _watch(
        self, child: "subprocess.Popen[bytes]", pausable: bool
    ) -> Literal["ended", "paused", "skipped"]:
        pause = self.places.training / "pause"
        marker = self.places.training / "paused.json"
        if pausable:
            self.places.training.mkdir(parents=True, exist_ok=True)
            marker.unlink(missing_ok=True)
            pause.unlink(missing_ok=True)
            (self.places.training / "progress.json").unlink(missing_ok=True)
        while True:
            wanted = self.wanted()
            if wanted == "skip":
                return "skipped"
            if wanted == "run":
                if pausable:
                    pause.unlink(missing_ok=True)
            elif pausable:
                pause.touch()
            else:
                return "paused"
            try:
                child.wait(timeout=EVERY)
            except subprocess.TimeoutExpired:
                continue
            return "paused" if pausable and child.returncode and read_json(marker) else "ended"


def end(child: "subprocess.Popen[bytes]") -> None:
    """Ends a command with all that it started: by SIGTERM, after a while by SIGKILL."""
    for number, seconds in ((signal.SIGTERM, GRACE), (signal.SIGKILL, None)):
        try:
            os.killpg(child.pid, number)
        except ProcessLookupError:
            break
        until = monotonic() + GRACE
        try:
            child.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            continue
        if number == signal.SIGTERM and not _alone(child.pid, until):
            continue
    child.wait()


def _alone(group: int, until: float) -> bool:
    """Waits until no process of a group is left, or until a moment; whether none is."""
    from time import sleep

    while monotonic() < until:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        sleep(EVERY)
    return False


def tail(log: Path, start: int = 0, size: int = 4000) -> str:
    """The end of what was written to a log since `start`."""
    with log.open("rb") as file:
        end_of_file = file.seek(0, os.SEEK_END)
        file.seek(max(start, end_of_file - size))
        return file.read().decode(errors="replace").strip()


def last_words(text: str, lines: int = 3) -> str:
    """The last lines of a command's output in one line."""
    return " | ".join([line.strip() for line in text.splitlines() if line.strip()][-lines:])
