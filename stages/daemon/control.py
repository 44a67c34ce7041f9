"""What a person asks of a running daemon: commands as files, and whether it is paused."""

import json
from pathlib import Path
from typing import Any, Literal

from stages.daemon.full_disk import unless_full
from stages.daemon.intake import next_number
from stages.daemon.places import Places, put_json, read_json

Wanted = Literal["run", "pause", "skip", "stop"]


def send(places: Places, command: str, reason: str, **more: Any) -> None:
    """Leaves a command for the daemon, after those that were left before."""
    number = next_number(places)
    put_json(places.folder("commands") / f"{number:012}.json", {"command": command, "reason": reason, **more})


def received(places: Places) -> list[tuple[Path, dict[str, Any]]]:
    """The commands that wait, the oldest first."""
    waiting = []
    for path in sorted(places.folder("commands").glob("*.json")):
        value = read_json(path)
        waiting.append((path, value if isinstance(value, dict) else {}))
    return waiting


def paused(places: Places) -> dict[str, Any] | None:
    """Why the daemon is paused, or None. A pause outlives the daemon."""
    value = read_json(places.home / "paused.json")
    return value if isinstance(value, dict) else None


def set_paused(places: Places, reason: str | None) -> None:
    """Pauses for `reason`; None: no longer."""
    path = places.home / "paused.json"
    if reason is None:
        path.unlink(missing_ok=True)
    else:
        put_json(path, {"reason": reason})


def note(places: Places, event: str, **facts: Any) -> None:
    """Adds a line to the daemon's log of events, `events.jsonl`; a full disk costs the line alone."""
    from datetime import UTC, datetime

    line = {"time": datetime.now(UTC).isoformat(timespec="seconds"), "event": event, **facts}
    with unless_full(), (places.home / "events.jsonl").open("a") as file:
        file.write(json.dumps(line) + "\n")


def progress(places: Places) -> dict[str, Any]:
    """How far the training in hand is: `step` of `steps`, and `loss`; empty where none runs."""
    value = read_json(places.training / "progress.json")
    return value if isinstance(value, dict) else {}
