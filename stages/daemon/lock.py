"""One daemon for each system of a repository, and no process of a killed one left behind."""

import fcntl
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep

from stages.daemon.places import Places, put_json
from stages.shared.errors import BadInput

MARK = "ATHANOR_DAEMON"  # in the environment of every process that a daemon starts: whose it is


@contextmanager
def only_one(places: Places) -> Iterator[None]:
    """Holds the lock of the daemon's folder. Raises BadInput where another process holds it.

    The system frees the lock of a process that is gone, however it ended, so the lock is never stale.
    `daemon.json` says for people who holds it.
    """
    places.make()
    folder = os.open(places.home, os.O_RDONLY)
    try:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BadInput(
                f"another daemon of {places.system!r} works in this repository ({holder(places)}); "
                f"`python -m stages.daemon {places.system} stop` ends it"
            ) from None
        put_json(places.home / "daemon.json", {"pid": os.getpid(), "started": started(os.getpid())})
        yield
    finally:
        os.close(folder)


def runs(places: Places) -> bool:
    """Whether a daemon of this system runs."""
    try:
        folder = os.open(places.home, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(folder, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(folder)
    return False


def holder(places: Places) -> str:
    """What daemon.json says of the process that holds the lock."""
    try:
        return (places.home / "daemon.json").read_text().strip().replace("\n", "")
    except OSError:
        return "its daemon.json is gone"


def started(pid: int) -> int | None:
    """When a process started, in clock ticks since the system did; None where that is not known."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[19])
    except (OSError, IndexError, ValueError):
        return None


def end_leftovers(places: Places, seconds: float = 10.0) -> int:
    """Kills what a daemon of this folder started and left behind; returns how many processes that were.

    Their environment names the folder, so no other process is meant. Only Linux tells a process's
    environment.
    """
    ended: set[int] = set()
    until = monotonic() + seconds
    while (left := leftovers(places)) and monotonic() < until:
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
            ended.add(pid)
        sleep(0.05)
    return len(ended)


def leftovers(places: Places) -> list[int]:
    """The processes, but this one, whose environment names the daemon's folder."""
    mark = f"{MARK}={places.home.resolve()}".encode()
    pids = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            if mark in path.read_bytes().split(b"\0") and int(path.parent.name) != os.getpid():
                pids.append(int(path.parent.name))
        except OSError:
            continue
    return pids
