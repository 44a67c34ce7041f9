"""The section `daemon.<system>` of params.yaml."""

from typing import Any

from pydantic import Field

from stages.shared.errors import BadInput
from stages.shared.params import Strict


class Retention(Strict):
    """Whose weights are kept; the current student and those that a person has named are always kept."""

    # the newest experiments, up to so many gigabytes (10^9 bytes)
    newest_gb: float = Field(default=20.0, ge=0)
    # of older ones the last of each day, the newest days first, up to so many gigabytes more
    daily_gb: float = Field(default=20.0, ge=0)


class Limits(Strict):
    """What is not taken, and when the daemon waits."""

    # gigabytes (10^9 bytes) of one file
    file_gb: float = Field(default=10.0, gt=0)
    # megabytes (10^6 bytes) of one line
    line_mb: float = Field(default=100.0, gt=0)
    # gigabytes that stay free on the disk: below, no file is taken and no job is started
    free_gb: float = Field(default=2.0, ge=0)


class Daemon(Strict):
    """What a daemon trains, and how."""

    # the student that learns on: an entry of `students`, whose trained folder is where the first file starts
    # from
    student: str
    # the task by which a file is read, with its params; the name of the file is always arrived.jsonl
    read: dict[str, Any]
    # what differs from the student's own `format`; a key set to null is left out, such as `replay`, in whose
    # place come older rows
    format: dict[str, Any] = Field(default_factory=dict)
    # from which similarity on (0 to 1) a row counts as a copy of a held-out or validation problem and is left
    # out
    near: float = Field(default=0.8, gt=0, le=1)
    # rows from older files for each row of a new one
    replay: float = Field(default=0.25, ge=0)
    # rows that are kept as a sample of everything learnt so far; `replay` draws from them
    older: int = Field(default=10_000, ge=0)
    # what differs from the student's own `train`, such as epochs and learning rate; a key set to null is left
    # out
    train: dict[str, Any] = Field(default_factory=dict)
    # params of the stage assess; null: no assessment
    assess: dict[str, Any] | None = None
    # seconds between two looks into the inbox
    scan_seconds: float = Field(default=1.0, gt=0)
    # failures of a job after which it counts as failed
    failures: int = Field(default=3, ge=1)
    # seconds between a failure and the next try
    retry_seconds: float = Field(default=30.0, ge=0)
    # the queue's database as a URL (postgresql://user@host/name) without a password, which Postgres's client
    # takes from PGPASSWORD or PGPASSFILE; null: a SQLite file in the daemon's own folder
    database: str | None = None
    # which files are too large
    limits: Limits = Limits()
    # which weights are kept
    retention: Retention = Retention()


def as_update(values: dict[str, Any], system: str, section: Daemon) -> None:
    """Changes params so that the student of `section` is an entry of `updates` instead of `students`.

    Raises BadInput where params have no such student of `system`.
    """
    entry = values["students"].pop(section.student, None)
    if entry is None or entry.get("system") != system:
        raise BadInput(f"students.{section.student}: expected a student of {system!r}")
    admit = {name: getattr(section, name) for name in ("read", "near", "replay", "older")}
    admit["format"] = _changed(entry["format"], section.format)
    update = {
        "system": entry["system"],
        "base": entry["base"],
        "admit": admit,
        "train": _changed(entry["train"], section.train),
    }
    if section.assess is not None:
        update["assess"] = section.assess
    values["updates"] = {section.student: update}


def _changed(values: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """`values` with `changes`; a key that `changes` set to None is left out."""
    left_out = {name for name, value in changes.items() if value is None}
    return {name: value for name, value in {**values, **changes}.items() if name not in left_out}
