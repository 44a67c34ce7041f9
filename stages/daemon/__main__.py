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

from stages.daemon import intake, retention
from stages.daemon.commands import add, command, retry, rollback
from stages.daemon.experiments import GitFailed
from stages.daemon.lock import runs
from stages.daemon.places import Places, shown
from stages.daemon.section import Daemon
from stages.daemon.status import listed, screen, status
from stages.shared import params
from stages.shared.cli import guard
from stages.shared.errors import BadInput


def start(places: Places, section: Daemon, given: argparse.Namespace) -> None:
    """Works until a signal or `stop`."""
    from stages.daemon.conductor import Conductor
    from stages.daemon.work import DvcWork

    status: Any = 0
    try:
        guard("daemon", lambda: _told(Conductor(places, section, DvcWork(places, section)).run))
    except SystemExit as ended:
        if isinstance(ended.code, str):
            print(ended.code, file=sys.stderr)
        status = ended.code if isinstance(ended.code, int) else 1
    except BaseException:
        traceback.print_exc()
        status = 1
    sys.stdout.flush()
    os._exit(status)  # a job that was stopped still waits in DBOS's thread


def _told(act: Callable[[], None]) -> None:
    """Runs `act`; what git refuses is told in its words."""
    try:
        act()
    except GitFailed as error:
        raise BadInput(str(error)) from None


def show_status(places: Places, section: Daemon, given: argparse.Namespace) -> None:
    """Prints the status once, or again and again."""
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


def show_retention(places: Places, section: Daemon, given: argparse.Namespace) -> None:
    """Lists the weights that would be deleted, and with --delete deletes them."""
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
        _told(lambda: COMMANDS[given.command](Places(Path(), given.system), section, given))

    guard("daemon", act)


if __name__ == "__main__":
    main()
