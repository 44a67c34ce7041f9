"""Which files of the inbox are whole.

A file is whole once two looks in a row read the same size, times and inode, or at the first look after a
rename from a name that says *not yet* (`.partial`, `.tmp`, `.part`, a leading dot). Looks are counted, so a
clock that jumps changes nothing. A file system over the network may lose events; a look loses none.
"""

import os
import stat
from pathlib import Path
from typing import NamedTuple

from stages.daemon.places import below

UNFINISHED = (".partial", ".tmp", ".part", ".crdownload", ".swp")


class Reading(NamedTuple):
    """What a look says of a file."""

    device: int
    inode: int
    size: int
    modified: int
    changed: int


class Arrival(NamedTuple):
    """A file that is whole."""

    path: Path
    name: str  # relative to the inbox
    reading: Reading


class Look(NamedTuple):
    """What one look found: files that are whole, and those that are refused, each with the reason."""

    whole: list[Arrival]
    refused: dict[str, str]


def reading(status: os.stat_result) -> Reading:
    """The part of a file's status that changes when its content does."""
    return Reading(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


class Inbox:
    """The inbox, looked at again and again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.before: dict[Path, Reading] = {}
        self.unfinished: set[tuple[int, int, int, int]] = set()

    def look(self) -> Look:
        """Looks once; a file that changed since the last look is left for the next one."""
        now: dict[Path, Reading] = {}
        unfinished: set[tuple[int, int, int, int]] = set()
        look = Look([], {})
        for path in below(self.folder):
            name = path.relative_to(self.folder).as_posix()
            try:
                status = path.lstat()
            except FileNotFoundError:
                continue
            got = reading(status)
            if path.name.startswith(".") or path.name.endswith(UNFINISHED):
                unfinished.add(got[:4])
            elif reason := _refusal(path, status):
                look.refused[name] = reason
            else:
                now[path] = got
                if self.before.get(path) == got or got[:4] in self.unfinished:
                    look.whole.append(Arrival(path, name, got))
        self.before, self.unfinished = now, unfinished
        return look


def _refusal(path: Path, status: os.stat_result) -> str | None:
    """Why a file is never taken."""
    if stat.S_ISLNK(status.st_mode):
        return "a link; put the file itself into the inbox"
    if not stat.S_ISREG(status.st_mode):
        return "not a regular file"
    if path.suffix.lower() != ".jsonl":
        return "its name does not end in .jsonl"
    if not status.st_size:
        return "empty"
    return None
