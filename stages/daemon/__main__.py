"""Trains a student on every file that arrives.

    start                        works until it is stopped
    status [--json] [--watch]    one screen
    list [--json]                every job
    add FILE [--priority high]   puts a file into the queue; the file stays where it is
    pause, resume                at a checkpoint, within ten steps
    skip                         the file in hand; the student stays as it was before
    stop                         at a checkpoint; the next start goes on there
    retry ID                     a failed or skipped job, once more
    rollback NAME                the student of an experiment is the current one; `start`: that of params
    retention [--delete]         lists the weights that would be deleted

docs/daemon.md has more.
"""

import argparse
import json
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from time import sleep
from typing import Any

from stages.daemon import control, intake
from stages.daemon.experiments import GitFailed
from stages.daemon.lock import runs
from stages.daemon.places import Places, read_json, shown
from stages.daemon.section import Daemon
from stages.shared import params
from stages.shared.cli import guard
from stages.shared.errors import BadInput


def start(places: Places, section: Daemon, given: argparse.Namespace) -> None:
    """Works until a signal or `stop`."""
    from stages.daemon.conductor import Conductor
    from stages.daemon.work import DvcWork

    status: Any = 0
    try:
        guard("daemon", Conductor(places, section, DvcWork(places, section)).run)
    except SystemExit as ended:
        if isinstance(ended.code, str):
            print(ended.code, file=sys.stderr)
        status = ended.code if isinstance(ended.code, int) else 1
    except BaseException:
        traceback.print_exc()
        status = 1
    sys.stdout.flush()
    os._exit(status)  # a job that was stopped still waits in DBOS's thread


def show_status(places: Places, section: Daemon, given: argparse.Namespace) -> None:
    """Prints the status once, or again and again."""
    from stages.daemon.status import screen, status

    if given.json:
        print(json.dumps(status(places, section), ensure_ascii=True))
        return
    from rich.console import Console
    from rich.live import Live

    if not given.watch:
        Console().print(screen(status(places, section)))
        return
    with Live(screen(status(places, section)), auto_refresh=False) as live:
        while True:
            sleep(1.0)
            live.update(screen(status(places, section)), refresh=True)


def show_list(places: Places, section: Daemon, given: argparse.Namespace) -> None:
    """Prints every job in a line."""
    from stages.daemon.status import listed

    jobs = listed(places, section)
    if given.json:
        print(json.dumps(jobs, ensure_ascii=True))
        return
    lines = [
        f"{job['state']:8} {job['priority']:6} {job['id'][:12]}{job['id'][64:]} {shown(job['name'])}"
        f" {job.get('experiment') or job.get('why') or ''}".rstrip()
        for job in jobs
    ]
    print("\n".join(lines) if lines else "no jobs")


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
            return
        if name == "skip":
            facts["job"] = (read_json(places.home / "current.json") or {}).get("id")
            if facts["job"] is None:
                raise BadInput("skip: no file is in hand")
        if name == "stop":
            facts["pid"] = (read_json(places.home / "daemon.json") or {}).get("pid")
        control.send(places, name, given.reason, **facts)

    return leave


def retry(places: Places, section: Daemon, given: argparse.Namespace) -> None:
    """Queues a failed or skipped job once more."""
    from stages.daemon.status import listed

    jobs = listed(places, section)
    wanted = given.argument or ""
    matching = [job for job in jobs if wanted and (job["id"].startswith(wanted) or job["name"] == wanted)]
    shas = {job["id"][:64] for job in matching}
    if len(shas) != 1:
        raise BadInput(
            f"retry: expected the id or the name of one job, got {given.argument!r} ({len(shas)} fit)"
        )
    tries = [job for job in jobs if job["id"][:64] in shas]
    last = max(tries, key=lambda job: job["sequence"])
    if last["state"] not in ("failed", "skipped"):
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
    from stages.daemon import experiments, retention

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


def show_retention(places: Places, section: Daemon, given: argparse.Namespace) -> None:
    """Lists the weights that would be deleted, and with --delete deletes them."""
    from stages.daemon import retention

    victims = retention.plan(places, section)
    for each in victims:
        print(f"{each.day} {each.size / 10**9:.3f} GB {each.name}")
    print(f"{len(victims)} experiments, {sum(each.size for each in victims) / 10**9:.3f} GB")
    if given.delete:
        if runs(places):
            raise BadInput(
                "retention: the daemon deletes after each job by itself; stop it to delete by hand"
            )
        retention.drop(places, section)


COMMANDS: dict[str, Callable[[Places, Daemon, argparse.Namespace], None]] = {
    "start": start,
    "status": show_status,
    "list": show_list,
    "add": add,
    "pause": command("pause"),
    "resume": command("resume"),
    "skip": command("skip"),
    "stop": command("stop"),
    "retry": retry,
    "rollback": rollback,
    "retention": show_retention,
}


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(prog="python -m stages.daemon", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("system", help="a section of params.yaml: daemon.<system>")
    parser.add_argument("command", choices=COMMANDS)
    parser.add_argument(
        "argument", nargs="?", help="add: a file; retry: an id or name; rollback: an experiment"
    )
    parser.add_argument("--reason", default="", help="why, for the log of events")
    parser.add_argument("--priority", choices=intake.PRIORITIES, default="normal", help="add: how soon")
    parser.add_argument("--json", action="store_true", help="status, list: for programs")
    parser.add_argument("--watch", action="store_true", help="status: refreshed every second")
    parser.add_argument("--delete", action="store_true", help="retention: deletes what is listed")
    given = parser.parse_args()

    def act() -> None:
        section = params.read_entry("daemon", given.system, Daemon)
        try:
            COMMANDS[given.command](Places(Path(), given.system), section, given)
        except GitFailed as error:
            raise BadInput(str(error)) from None

    guard("daemon", act)


if __name__ == "__main__":
    main()
