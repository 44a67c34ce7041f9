"""Runs what is stale of the flow in several `dvc repro` processes, as many at once as there are cores.

    python -m stages.tools.repro            every system
    python -m stages.tools.repro glyph      one system, or several

First the problems of every system, then the corpora of the base models. Then each base model, the data of
each system, each student and each system's evaluation. All of these are processes of their own, each of which
starts once what it needs is there.
DVC refuses two processes that run the same stage, so no stage belongs to two of these processes. The result
is that of a plain `dvc repro`, which runs the same stages one after the other.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from threading import Lock, Thread
from time import monotonic
from typing import NamedTuple

from stages.shared import params
from stages.shared.cli import cores, guard
from stages.shared.errors import BadInput, unknown
from stages.tools.check import difference, faults
from stages.tools.plan import Job, jobs, single
from stages.tools.results import lines
from stages.tools.sampler_needs import needs

READ_WRITE_LOCK = Path(".dvc/tmp/rwlock")
# DVC, which ends when this process does: killed with -9, this process would leave it behind
DVC = (
    "import sys; from stages.shared.cli import end_with_parent; end_with_parent(int(sys.argv[1])); "
    "from dvc.cli import main; sys.exit(main(sys.argv[2:]))"
)
BAR, BAR_SECONDS = "%|", 20.0  # a progress bar, and the seconds between two printed states of it
UNCHANGED = "didn't change, skipping"  # of each stage that is not stale
HINTS = (
    "To track",
    "To enable",
    "Use `dvc push`",
    "\tgit add",
    "\tdvc config",
    "Updating lock file",
)  # in each process


def _dvc(*arguments: str) -> list[str]:
    """The command that runs DVC as a process which ends with this one."""
    return [sys.executable, "-c", DVC, str(os.getpid()), *arguments]


class Process:
    """A running job; its output is printed line by line, each line behind the name of the job."""

    def __init__(self, job: Job, printing: Lock) -> None:
        self.job, self.printing, self.start = job, printing, monotonic()
        # DVC locks the repository while it saves the outs of a stage, and without the option another process
        # that wants to save its own fails after three seconds, its stage run in vain
        command = _dvc("--wait-for-lock", "repro", *job.arguments)
        self.child = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,  # each state of a progress bar is a line: `\r` ends one as `\n` does
            errors="replace",
            process_group=0,  # DVC and its stage; a terminal's Ctrl-C reaches this process alone
        )
        assert self.child.stdout
        self.reader = Thread(target=self._print, args=[self.child.stdout], daemon=True)
        self.reader.start()

    def _print(self, output: Iterable[str]) -> None:
        shown = 0.0
        for line in output:
            running_bar = BAR in line and "100%" not in line
            if not line.strip() or line.startswith(HINTS) or line.rstrip().endswith(UNCHANGED):
                continue
            if running_bar and monotonic() < shown + BAR_SECONDS:
                continue
            shown = monotonic()
            with self.printing:
                print(f"{self.job.name:>24} | {line.rstrip()}", flush=True)

    def ended(self) -> int | None:
        """The exit status, once the process has ended and all its output is printed."""
        status = self.child.poll()
        if status is not None:
            self.reader.join()
        return status

    def print_end(self) -> None:
        """One line on how the process ended."""
        how = "done" if self.ended() == 0 else f"failed with exit status {self.ended()}"
        with self.printing:
            print(f"{self.job.name:>24} | {how} after {monotonic() - self.start:.0f} s", flush=True)


class Failures(NamedTuple):
    """The names of the jobs that failed, and of those that were not started since a job that they need
    failed."""

    failed: list[str]
    not_started: list[str]


def run(waiting: list[Job], most: int) -> Failures:
    """Runs the jobs, at most `most` at once. Where a job fails, the jobs that do not need it go on, so that
    what they make is kept."""
    printing, running, done = Lock(), list[Process](), set[str]()
    failures = Failures([], [])
    try:
        while waiting or running:
            for job in [job for job in waiting if job.needs & {*failures.failed, *failures.not_started}]:
                waiting.remove(job)
                failures.not_started.append(job.name)
            for job in [job for job in waiting if job.needs <= done][: most - len(running)]:
                waiting.remove(job)
                running.append(Process(job, printing))
            _wait_for_one(running)
            for process in [process for process in running if process.ended() is not None]:
                running.remove(process)
                process.print_end()
                if process.ended() == 0:
                    done.add(process.job.name)
                else:
                    failures.failed.append(process.job.name)
    except BaseException:
        _stop(running)
        raise
    return failures


def _wait_for_one(running: Iterable[Process]) -> None:
    """Returns when a process has ended, or after a fifth of a second."""
    for process in running:
        try:
            process.child.wait(timeout=0.2)
        except subprocess.TimeoutExpired:
            continue
        return


def _stop(running: Iterable[Process]) -> None:
    """Interrupts the processes and waits for them.

    The signal goes to the whole group of each process: DVC ignores it while a stage runs, and ends once the
    stage has ended.
    """
    for process in running:
        if process.child.poll() is None:
            os.killpg(process.child.pid, signal.SIGINT)
    for process in running:
        process.child.wait()


def _stale() -> set[str] | None:
    """The names of the stages that are stale, as DVC says; None where DVC does not say: its `repro` will tell
    why."""
    command = _dvc("status", "--json")
    status = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False
    )
    try:
        return set(json.loads(status.stdout)) if status.returncode == 0 else None
    except ValueError:
        return None


def repro(systems: list[str], most: int) -> None:
    """Runs everything that is stale of `systems` (none named: of all).

    Raises BadInput, before anything runs, with what is wrong with the params and with what the samplers lack;
    then with the jobs that failed.
    """
    if wrong := faults():
        raise BadInput("\n".join(wrong))
    if line := difference():
        print(line, flush=True)
    known = params.entries("systems")
    for system in systems:
        if system not in known:
            raise BadInput(unknown("system", system, known))
    plan = jobs(systems or list(known))
    if READ_WRITE_LOCK.is_file() and not READ_WRITE_LOCK.stat().st_size:
        READ_WRITE_LOCK.unlink()  # DVC, killed as it wrote this file, refuses to read what is left
    stale = _stale()
    if stale == set():
        print("every stage is up to date")
        _print_results(systems or list(known))
        return
    if lacking := needs(systems or known, stale):
        raise BadInput("\n".join(lacking))
    bases = [job.name.removeprefix("base ") for job in plan if job.name.startswith("base ")]
    # a corpus leaves out the held-out problems of every system, of those as well that are not run
    problems = [single("collect", system) for system in known]
    steps = [(problems, most), ([single("corpus", base) for base in bases], most), (plan, most)]
    if not systems:
        steps.append(([Job("all", (), frozenset())], 1))  # whatever no job above names
    for step in steps:
        failures = run(*step)
        if failures.failed:
            waited = f"; not started: {', '.join(failures.not_started)}" if failures.not_started else ""
            raise BadInput(
                f"failed: {', '.join(failures.failed)} (the lines above that begin with these names say why)"
                f"{waited}. What the others made is kept: mend the cause and run it again"
            )
    _print_results(systems or list(known))


def _print_results(systems: list[str]) -> None:
    """What came out, where the evaluation says so."""
    if any(Path("metrics/summary", f"{system}.json").is_file() for system in systems):
        print("\n" + "\n".join(lines(systems)), flush=True)


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(prog="python -m stages.tools.repro", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("systems", nargs="*", help="sections of params.yaml: systems.<system>; none: all")
    parser.add_argument("--cores", type=int, default=cores(), help="processes at once")
    given = parser.parse_args()
    guard("repro", lambda: repro(given.systems, max(1, given.cores)))


if __name__ == "__main__":
    main()
