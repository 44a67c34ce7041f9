"""What a person asks of a daemon that changes something: each command is a function of the daemon's places,
its section and the command line."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from stages.daemon import control, experiments, intake, retention
from stages.daemon.lock import runs
from stages.daemon.places import Places, read_json, shown
from stages.daemon.section import Daemon
from stages.daemon.status import listed
from stages.shared.errors import BadInput

ENDED = ("failed", "skipped")  # the states of jobs that can be retried
ANSWERS = {
    "pause": "the training pauses at its next checkpoint, within ten steps; `resume` has it go on",
    "resume": "the training goes on",
    "skip": "is given up; the student stays as it was before",
    "stop": "the daemon leaves once the training is at a checkpoint; the next start goes on there",
}
STARTS = {"pause": "paused; `resume` has it go on", "resume": "without a pause"}


def add(places: Places, section: Daemon, given: argparse.Namespace) -> None:
    """Queues a file."""
    places.make()
    path = Path(given.argument or "")
    if not given.argument or path.suffix.lower() != ".jsonl":
        raise BadInput(f"add: expected the path of a .jsonl file, got {given.argument!r}")
    try:
        taken = intake.copy_in(places, path, section.limits)
    except intake.Changed:
        raise BadInput(f"{shown(str(path))}: changed while it was read; add it once it is written") from None
    except intake.Full as error:
        raise BadInput(str(error)) from None
    job = intake.spool(places, taken, path.name, given.priority, given.reason)
    same = [each for each in listed(places, section) if each["id"][:64] == taken.sha]
    before = [each for each in same if each["sequence"] != job["sequence"]]
    if before:
        last = max(before, key=lambda each: int(each["sequence"]))
        again = f"; `retry {last['id'][:12]}` queues it again" if last["state"] in ENDED else ""
        print(f"{shown(path.name)} has the content of {shown(last['name'])}, which is {last['state']}{again}")
        return
    print(f"queued {job['id'][:12]} {shown(path.name)}" + ("" if runs(places) else "; no daemon runs"))


def command(name: str) -> Callable[[Places, Daemon, argparse.Namespace], None]:
    """Leaves a command for the daemon; pause and resume are also understood while none runs."""

    def leave(places: Places, section: Daemon, given: argparse.Namespace) -> None:
        places.make()
        facts: dict[str, Any] = {}
        if not runs(places):
            if name not in ("pause", "resume"):
                raise BadInput(f"{name}: no daemon of {places.system!r} runs")
            control.set_paused(places, given.reason if name == "pause" else None)
            control.note(places, name, reason=given.reason)
            print(f"no daemon of {places.system!r} runs; the next one starts {STARTS[name]}")
            return
        if name == "skip":
            facts["job"] = (read_json(places.home / "current.json") or {}).get("id")
            if facts["job"] is None:
                raise BadInput("skip: no file is in hand")
            print(facts["job"][:12], end=" ")
        if name == "stop":
            facts["pid"] = (read_json(places.home / "daemon.json") or {}).get("pid")
        control.send(places, name, given.reason, **facts)
        print(ANSWERS[name])

    return leave


def retry(places: Places, section: Daemon, given: argparse.Namespace) -> None:
    """Queues a failed or skipped job once more."""
    jobs = listed(places, section)
    wanted = given.argument or ""
    matching = [job for job in jobs if wanted and (job["id"].startswith(wanted) or job["name"] == wanted)]
    shas = {job["id"][:64] for job in matching}
    if len(shas) != 1:
        ended = [f"{job['id'][:12]} {shown(job['name'])}" for job in jobs if job["state"] in ENDED][-5:]
        raise BadInput(
            f"retry: expected the id or the name of one job, got {given.argument!r} ({len(shas)} fit); "
            f"failed or skipped: {', '.join(ended) or 'none'}"
        )
    tries = [job for job in jobs if job["id"][:64] in shas]
    last = max(tries, key=lambda job: job["sequence"])
    if last["state"] not in ENDED:
        raise BadInput(
            f"retry: {shown(last['name'])} is {last['state']}; failed and skipped jobs can be retried"
        )
    sha = last["id"][:64]
    if not places.taken(sha).is_file():
        raise BadInput(f"retry: {places.taken(sha)}: the job's data is gone; copy the file there, then retry")
    intake.spool(
        places, intake.Taken(sha, last["bytes"]), last["name"], last["priority"], given.reason, len(tries)
    )
    print(f"queued {shown(last['name'])} once more")


def rollback(places: Places, section: Daemon, given: argparse.Namespace) -> None:
    """Makes the student of an experiment the current one."""
    root, name = places.root, given.argument or ""
    before = experiments.current(root, places.system)
    if name == "start":
        commit = None
    else:
        kept = experiments.named(root, name)
        if kept is None:
            names = [each.name for each in experiments.experiments(root)][-5:]
            raise BadInput(
                f"rollback: no experiment {name!r}; the newest are: {', '.join([*names, 'start'])}"
            )
        commit = kept.commit
        if not retention.has_weights(places, section, commit):
            raise BadInput(
                f"rollback: the weights of {name} were deleted by retention; choose another experiment"
            )
    if not experiments.set_current(
        root, places.system, commit, before, f"rollback to {name}: {given.reason}"
    ):
        raise BadInput("rollback: a job ended at this moment; run it again")
    places.make()
    control.note(places, "rollback", experiment=name, reason=given.reason)
    print(f"the current student is that of {name}; a file in hand is trained again from it")
