"""What a daemon is doing, as one value, and as one screen."""

import shutil
from typing import Any

from stages.daemon import control, experiments, intake
from stages.daemon.control import progress
from stages.daemon.lock import runs
from stages.daemon.places import Places, read_json, shown
from stages.daemon.queue import Queue, Row, spooled
from stages.daemon.section import Daemon

GB = 10**9
STATES = ("queued", "running", "done", "skipped", "failed")


def entry(row: Row, working: str | None) -> dict[str, Any]:
    """One job as people and programs read it."""
    result = row.result if isinstance(row.result, dict) else {}
    waiting = {"ENQUEUED": "queued", "DELAYED": "queued", "PENDING": "running"}
    state = result.get("state") or waiting.get(row.status, "failed")
    if state == "queued" and row.id == working:
        state = "running"
    kept = {key: row.job.get(key) for key in ("name", "priority", "bytes", "sequence")}
    return {
        "id": row.id,
        "state": state,
        **kept,
        **{key: value for key, value in result.items() if key != "state"},
    }


def listed(places: Places, section: Daemon, limit: int | None = None) -> list[dict[str, Any]]:
    """All jobs: done and running ones, then those that wait, in the order in which they will run; last those
    that the daemon has not put into the queue yet."""
    working = (read_json(places.home / "current.json") or {}).get("id") if runs(places) else None
    jobs = [entry(row, working) for row in Queue(places, section.database).rows()]
    known = {job["id"] for job in jobs}
    for _, job in spooled(places):
        if job["id"] not in known:
            jobs.append(
                {
                    "state": "queued",
                    **{key: job[key] for key in ("id", "name", "priority", "bytes", "sequence")},
                }
            )
    return jobs


def status(places: Places, section: Daemon) -> dict[str, Any]:
    """Everything that `status` shows."""
    alive = runs(places)
    current = (read_json(places.home / "current.json") or {}) if alive else {}
    jobs = listed(places, section)
    pause = control.paused(places)
    stage = (read_json(places.home / "stage.json") or {}).get("stage") if current else None
    counts = {state: sum(job["state"] == state for job in jobs) for state in STATES}
    waiting = (read_json(places.home / "waiting.json") or {}) if alive else {}
    if alive and not waiting and stage is None and counts["queued"] + counts["running"]:
        lack = intake.lack(places, section.limits)  # a full disk has no room for waiting.json either
        waiting = {"why": lack} if lack else {}
    how_far = progress(places) if current else {}
    done = [job for job in jobs if job["state"] in ("done", "skipped", "failed")]
    student = experiments.current(places.root, places.system)
    names = {kept["commit"]: name for name, kept in (read_json(places.home / "kept.json") or {}).items()}
    disk = shutil.disk_usage(places.root)
    return {
        "system": places.system,
        "state": _state(places, alive, bool(current or counts["running"]), pause is not None, bool(waiting)),
        "reason": (pause or waiting).get("reason", waiting.get("why")) if (pause or waiting) else None,
        "file": current.get("name"),
        "stage": stage,
        "step": how_far.get("step"),
        "steps": how_far.get("steps"),
        "loss": how_far.get("loss"),
        "seconds_left": how_far.get("seconds_left"),
        "counts": counts,
        "next": [job for job in jobs if job["state"] == "queued"][:5],
        "last": done[-5:],
        "refused": read_json(places.home / "refused.json") or {},
        "student": student,
        "experiment": names.get(student) if student else None,
        "disk": {"free_gb": round(disk.free / GB, 1), "needed_gb": section.limits.free_gb},
    }


def _state(places: Places, alive: bool, working: bool, pause: bool, waiting: bool) -> str:
    """`paused` is said once nothing of the file in hand runs any more: its checkpoint is on disk."""
    if not alive:
        return "stopped"
    if pause:
        held = not working or (places.home / "held.json").exists()
        return "paused" if held else "pausing"
    if waiting:
        return "waiting"
    return "working" if working else "idle"


def screen(now: dict[str, Any]) -> Any:
    """The status as a table for a terminal."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE, show_header=False, title=f"daemon of {now['system']}: {now['state']}")
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name, value in _lines(now):
        table.add_row(name, value)
    return table


def _lines(now: dict[str, Any]) -> list[tuple[str, str]]:
    """The lines of the screen: what they are about, and what they say; markup of file names is escaped."""
    from rich.markup import escape

    lines = [("reason", now["reason"] or "")] if now["reason"] else []
    if now["file"]:
        lines.append(("file", f"{shown(now['file'])} ({now['stage'] or 'starts'})"))
    if now["step"] is not None:
        left = now["seconds_left"]
        loss = "" if now["loss"] is None else f", loss {now['loss']:.4f}"
        ends = "" if left is None else f", {left / 60:.1f} minutes left"
        lines.append(("step", f"{now['step']} of {now['steps']}{loss}{ends}"))
    lines.append(("jobs", ", ".join(f"{count} {state}" for state, count in now["counts"].items())))
    lines += [("next", f"{job['priority']}: {shown(job['name'])}") for job in now["next"]]
    for job in now["last"]:
        lines.append((job["state"], f"{shown(job['name'])}: {job.get('experiment') or job.get('why') or ''}"))
    lines += [("refused", f"{name}: {why}") for name, why in now["refused"].items()]
    lines.append(("student", now["experiment"] or now["student"] or "as `dvc repro` made it"))
    lines.append(("disk", f"{now['disk']['free_gb']} GB free, {now['disk']['needed_gb']} GB are kept free"))
    return [(name, escape(value)) for name, value in lines]
