"""A daemon whose work is a stand-in without git, DVC and model:
`python stand_in.py ROOT SYSTEM [SECTION AS JSON] [KILL AT] [JUMPS AS JSON]`.

A student is the list of what it learnt. KILL AT is the name of a step before which the daemon kills itself, once. JUMPS are seconds by
the name of the step before which the clock is set ahead or back by so many. `fill_at` in the section is the name of a step before which
the daemon writes a file `full` until the disk has no room, once; `rest` stands for conductor.REST.
"""

import json
import os
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stages.daemon import conductor
from stages.daemon.child import Ended, Runner
from stages.daemon.conductor import Conductor
from stages.daemon.places import Places, put_json, read_json
from stages.daemon.section import Daemon
from stages.daemon.work import Plan

# trains as many steps as the file has lines; a line `sleep` takes its time, `fail` fails, `bad` is bad data
TRAIN = """
import json, sys, time
from pathlib import Path

file, home = Path(sys.argv[1]), Path(sys.argv[2])
control, checkpoint = home / "work/.athanor/control", home / "work/checkpoint.json"
lines = file.read_text().split()
state = json.loads(checkpoint.read_text()) if checkpoint.exists() else {}
step = state.get(str(file), 0)
while step < len(lines):
    if (control / "pause").exists():
        if lines[step] == "slow":  # a checkpoint that takes its time, of which the trainer says first that it pauses
            (control / "progress.json").write_text(json.dumps({"step": step, "steps": len(lines), "loss": 1.0, "paused": True}))
            time.sleep(1)
        (control / "paused.json").write_text(json.dumps({"step": step}))
        sys.exit(75)
    with (home / "steps.log").open("a") as log:
        log.write(f"{file.name[:8]} {step} {lines[step]}\\n")
    if lines[step] in ("sleep", "slow"):
        time.sleep(0.1)
    if lines[step] == "fail":
        sys.exit("train: it failed")
    step += 1
    checkpoint.with_suffix(".new").write_text(json.dumps({str(file): step}))
    checkpoint.with_suffix(".new").replace(checkpoint)
"""
CHECK = "import sys; from pathlib import Path; sys.exit('check: it is bad' if 'bad' in Path(sys.argv[1]).read_text() else 0)"


class StandIn:
    """Learns a file by appending its hash to the student."""

    def __init__(self, places: Places) -> None:
        self.places, self.student = places, places.home / "student.json"

    def _log(self, job: Mapping[str, Any]) -> Path:
        return self.places.home / "logs" / f"{job['id']}.log"

    def begin(self) -> None:
        pass

    def plan(self, job: Mapping[str, Any]) -> Plan:
        return Plan("base", json.dumps(read_json(self.student) or []), f"{job['name']}-{job['id'][:8]}")

    def check(self, job: Mapping[str, Any], runner: Runner) -> Ended:
        return self._run(job, runner, CHECK, str(self.places.taken(job["sha"])))

    def train(self, job: Mapping[str, Any], plan: Plan, runner: Runner, resumed: bool) -> Ended:
        arguments = (str(self.places.taken(job["sha"])), str(self.places.home))
        return self._run(job, runner, TRAIN, *arguments, pausable=True)

    def _run(self, job: Mapping[str, Any], runner: Runner, script: str, *arguments: str, pausable: bool = False) -> Ended:
        return runner.run(*arguments, cwd=self.places.root, log=self._log(job), pausable=pausable, script=script)

    def keep(self, job: Mapping[str, Any], plan: Plan) -> dict[str, Any] | None:
        student = read_json(self.student) or []
        if job["sha"] not in student:
            if json.dumps(student) != plan.parent:
                return None
            put_json(self.student, [*student, job["sha"]])
        return {"experiment": plan.name, "commit": plan.name, "loss": None, "steps": None}

    def tidy(self) -> None:
        pass


def fill(path: Path) -> None:
    """Writes a file until the disk has not a byte left."""
    file, size = os.open(path, os.O_WRONLY | os.O_CREAT), 1 << 20
    while size:
        try:
            os.write(file, b"x" * size)
        except OSError:
            size //= 2
    os.close(file)


def main() -> None:
    root, system = Path(sys.argv[1]), sys.argv[2]
    section: dict[str, Any] = {"student": "x", "read": {}, "scan_seconds": 0.2, "retry_seconds": 0.1, "limits": {"free_gb": 0}}
    section |= json.loads(sys.argv[3]) if len(sys.argv) > 3 else {}
    at = sys.argv[4] if len(sys.argv) > 4 else ""

    fill_at = section.pop("fill_at", "")
    conductor.REST = section.pop("rest", conductor.REST)
    jumps, right = json.loads(sys.argv[5]) if len(sys.argv) > 5 else {}, time.time

    def crash(step: str) -> None:
        if step == at:
            os.kill(os.getpid(), signal.SIGKILL)
        if step == fill_at and not (root / "filled").exists():
            (root / "filled").touch()
            fill(root / "full")
        if step in jumps:
            offset = jumps[step]
            time.time = lambda: right() + offset

    places = Places(root, system)
    Conductor(places, Daemon(**section), StandIn(places), crash).run()
    os._exit(0)


if __name__ == "__main__":
    main()
