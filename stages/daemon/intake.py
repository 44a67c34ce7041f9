"""A file is taken: copied, hashed, and left for the queue; the original goes once the copy is on disk."""

import errno
import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable, Container
from pathlib import Path
from typing import Any, NamedTuple

from stages.daemon.inbox import Arrival, Reading, reading
from stages.daemon.places import Places, put_json, read_json, shown
from stages.daemon.section import Limits
from stages.shared.errors import BadInput

PRIORITIES = ("high", "normal", "low")
PIECE = 1 << 20  # bytes read at once
GB, MB = 10**9, 10**6


class Taken(NamedTuple):
    """The daemon's copy of a file."""

    sha: str
    size: int


class Changed(Exception):
    """The file changed while it was read: a later look takes it."""


class Full(Exception):
    """The disk has no room for the file; the message says how much is free and how much is needed."""


def next_number(places: Places) -> int:
    """A number that no one got before: the order of arrival, whatever the clock says."""
    places.home.mkdir(parents=True, exist_ok=True)
    with (places.home / "number").open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        lines = [line for line in file.read().split() if line.isdigit()]
        number = max(map(int, lines), default=0) + 1
        if len(lines) > 100:
            file.truncate(0)
        file.write(f"{number}\n")
        file.flush()
        os.fsync(file.fileno())
    return number


def check_room(places: Places, size: int, limits: Limits) -> None:
    """Raises Full where the disk has no room for `size` bytes beside those that stay free."""
    free = shutil.disk_usage(places.root).free
    needed = size + limits.free_gb * GB
    if free < needed:
        raise Full(
            f"{free / GB:.1f} GB are free and {needed / GB:.1f} GB are needed (limits.free_gb among them)"
        )


def lack(places: Places, limits: Limits) -> str:
    """How much room the disk lacks; empty where it has what `limits` keep free."""
    try:
        check_room(places, 0, limits)
    except Full as error:
        return str(error)
    return ""


def copy_in(places: Places, path: Path, limits: Limits, expected: Reading | None = None) -> Taken:
    """Copies a file to the daemon's folder under its SHA-256.

    Raises BadInput on a link, an empty file, a file or a line over its limit, Changed where the file is not
    (or no longer) what `expected` says, Full where the disk has no room.
    """
    try:
        source = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise BadInput(f"{shown(str(path))}: a link; give the file itself") from None
        raise
    partial = places.folder("taken") / f"{os.getpid()}.partial"
    try:
        before = reading(os.fstat(source))
        if expected is not None and before != expected:
            raise Changed
        if before.size > limits.file_gb * GB:
            raise BadInput(
                f"{shown(str(path))}: {before.size / GB:.1f} GB, over limits.file_gb ({limits.file_gb:g})"
            )
        check_room(places, 2 * before.size, limits)  # the copy, and DVC's
        with partial.open("wb") as target:
            sha, size = _copy(source, target, limits, shown(str(path)), before.size)
            target.flush()
            os.fsync(target.fileno())
        if reading(os.fstat(source)) != before or size != before.size:
            raise Changed
        if not size:
            raise BadInput(f"{shown(str(path))}: empty; expected a row a line")
        partial.replace(places.taken(sha))
        return Taken(sha, size)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise Full(f"the disk filled up while {shown(str(path))} was copied") from None
        raise
    finally:
        os.close(source)
        partial.unlink(missing_ok=True)


def _copy(source: int, target: Any, limits: Limits, name: str, expected: int) -> tuple[str, int]:
    """Copies and hashes; returns the hash and the number of bytes.

    Raises BadInput on a line that is too long, Changed once there are more bytes than `expected`.
    """
    digest, size, line, number = hashlib.sha256(), 0, 0, 1
    longest = int(limits.line_mb * MB)
    while piece := os.read(source, PIECE):
        digest.update(piece)
        target.write(piece)
        size += len(piece)
        if size > expected:
            raise Changed
        parts = piece.split(b"\n")
        for part in parts[:-1]:
            _check_line(line + len(part), longest, name, number)
            line, number = 0, number + 1
        line += len(parts[-1])
        _check_line(line, longest, name, number)
    return digest.hexdigest(), size


def _check_line(length: int, longest: int, name: str, number: int) -> None:
    if length > longest:
        raise BadInput(f"{name}:{number}: the line is over limits.line_mb ({longest / MB:g} MB)")


def spool(
    places: Places, taken: Taken, name: str, priority: str, reason: str, retry: int = 0
) -> dict[str, Any]:
    """Leaves a job for the queue. `retry` counts how often the same content was queued again by hand."""
    number = next_number(places)
    job = {
        "id": taken.sha + (f".{retry}" if retry else ""),
        "sha": taken.sha,
        "name": name,
        "bytes": taken.size,
        "priority": priority,
        "sequence": number,
        "reason": reason,
    }
    put_json(places.taken(taken.sha).with_suffix(".json"), job)
    put_json(places.folder("spool") / f"{number:012}.json", job)
    return job


def adopt(places: Places, known: Container[str]) -> list[str]:
    """Leaves a job anew for each copy whose hash is not `known`; returns the hashes.

    A power loss may take the last entries of the queue's database; the copies are on disk before them.
    """
    adopted = []
    for path in sorted(places.folder("taken").glob("*.jsonl")):
        if path.stem in known:
            continue
        said = read_json(path.with_suffix(".json"))
        job = said if isinstance(said, dict) else {}
        taken = Taken(path.stem, path.stat().st_size)
        priority = job.get("priority") if job.get("priority") in PRIORITIES else "normal"
        spool(places, taken, str(job.get("name") or path.name), str(priority), "adopted")
        adopted.append(path.stem)
    return adopted


def forget(places: Places, sha: str) -> None:
    """Deletes the copy of a file whose job is done: its data is in DVC's cache."""
    for path in (places.taken(sha), places.taken(sha).with_suffix(".json")):
        path.unlink(missing_ok=True)


def take(
    places: Places, arrival: Arrival, limits: Limits, step: Callable[[str], None] = lambda _: None
) -> dict[str, Any]:
    """Takes a file out of the inbox; returns its job.

    A kill at any moment leaves the file in the inbox or its job in the spool; where it leaves both, the hash
    makes them one job. `step` is called between the steps. Raises as copy_in does.
    """
    taken = copy_in(places, arrival.path, limits, arrival.reading)
    step("copied")
    top = arrival.name.split("/", 1)[0]
    priority = top if top in PRIORITIES and "/" in arrival.name else "normal"
    name = arrival.name.removeprefix(f"{priority}/")
    job = spool(places, taken, name, priority, "inbox")
    step("spooled")
    remove(places, arrival)
    return job


def remove(places: Places, arrival: Arrival) -> None:
    """Removes a file from the inbox, unless it is another one by now: that one stays."""
    aside = places.folder("taken") / f"{os.getpid()}.aside"
    try:
        arrival.path.rename(aside)
    except FileNotFoundError:
        return
    if reading(aside.lstat())[:4] == arrival.reading[:4]:
        aside.unlink()
    else:  # written anew between the copy and now
        _put_back(aside, arrival.path)


def _put_back(aside: Path, path: Path) -> None:
    """Renames a file back, to another name where its own is taken by now."""
    target, number = path, 0
    while True:
        try:
            os.link(aside, target, follow_symlinks=False)
        except FileExistsError:
            number += 1
            target = path.with_name(f"{path.stem}-{number}{path.suffix}")
            continue
        aside.unlink()
        return


def put_back_leftovers(places: Places) -> None:
    """Of a daemon that was killed as it took a file: back into the inbox; half a copy is deleted."""
    for path in places.folder("taken").iterdir():
        if path.name.endswith(".partial"):
            path.unlink()
        elif path.name.endswith(".aside"):
            _put_back(path, places.inbox / f"again-{path.stem}.jsonl")
