"""Runs stages in the order of what they need, several at once, in processes forked from this one.

The heavy libraries are imported before the first fork, so no stage imports them anew.
"""

import os
import re
import runpy
import signal
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from importlib import import_module
from multiprocessing import get_context
from multiprocessing.context import ForkProcess
from pathlib import Path
from time import monotonic, sleep
from typing import NamedTuple

from tqdm import tqdm

from stages.shared.cli import end_with_parent
from stages.shared.errors import BadInput

LIBRARIES = (
    "torch",
    "transformers.trainer",
    "transformers.models.auto.modeling_auto",
    "transformers.models.llama.modeling_llama",
    "dvclive.live",
)
PLAIN = re.compile(r"python -m stages\.[\w.]+(?: [\w.@/=-]+)*")  # a command that asks nothing of a shell
LOGS = ".athanor/logs"
LINES = 30  # of the log of a stage that failed


class Stage(NamedTuple):
    """A stage: its command, the names of the stages that make what it reads, and the paths that it reads and
    makes."""

    name: str
    command: str
    needs: frozenset[str]
    deps: tuple[str, ...]
    outs: tuple[str, ...]


class Running(NamedTuple):
    """A stage's process, and when it was started."""

    stage: Stage
    process: ForkProcess
    start: float


def run_all(stages: Sequence[Stage], folder: Path, most: int) -> None:
    """Runs the commands in `folder`, at most `most` at once; the output of each goes to a log of its own.

    Raises BadInput where a stage lacks a dep, fails, or lacks an out afterwards; the message ends the log of
    that stage. The stages that run by then are ended.
    """
    for library in LIBRARIES:
        import_module(library)
    (folder / LOGS).mkdir(parents=True, exist_ok=True)
    waiting, running, done = list(stages), list[Running](), set[str]()
    with tqdm(total=len(stages), unit="stage", disable=None) as bar:  # None: shown in a terminal
        try:
            while waiting or running:
                ready = [stage for stage in waiting if stage.needs <= done][: most - len(running)]
                if not ready and not running:
                    names = ", ".join(stage.name for stage in waiting)
                    raise BadInput(f"no stage makes what these wait for: {names}")
                for stage in ready:
                    waiting.remove(stage)
                    running.append(_start(stage, folder))
                sleep(0.02)
                for ended in [each for each in running if not each.process.is_alive()]:
                    running.remove(ended)
                    _check(ended, folder)
                    done.add(ended.stage.name)
                    bar.write(f"{ended.stage.name:>28} | {monotonic() - ended.start:.1f} s", file=sys.stdout)
                    bar.update()
        finally:
            _stop(running)


def _start(stage: Stage, folder: Path) -> Running:
    if missing := _missing(stage.deps, folder):
        raise BadInput(f"a stage failed: {stage.name}: its deps {missing} are missing")
    process = get_context("fork").Process(target=_run, args=(stage, folder, os.getpid()), name=stage.name)
    process.start()
    return Running(stage, process, monotonic())


def _missing(paths: Sequence[str], folder: Path) -> str:
    return ", ".join(os.path.relpath(path, folder) for path in paths if not os.path.lexists(path))


def _log(stage: Stage, folder: Path) -> Path:
    return folder / LOGS / f"{stage.name}.log"


def _check(ended: Running, folder: Path) -> None:
    """Raises BadInput where a stage failed, or made not all that dvc.yaml says."""
    if ended.process.exitcode:
        reason = f"exit status {ended.process.exitcode}"
    elif missing := _missing(ended.stage.outs, folder):
        reason = f"its outs {missing} are missing"
    else:
        return
    log = _log(ended.stage, folder).read_text(errors="replace")
    lines = "\n".join(log.splitlines()[-LINES:])
    raise BadInput(f"{lines}\na stage failed: {ended.stage.name}: {reason}; its output stands above")


def _stop(running: Iterable[Running]) -> None:
    """Ends the stages with all processes that they started."""
    for each in running:
        with suppress(ProcessLookupError):  # it has ended, or is no leader of a group yet
            os.killpg(each.process.pid or 0, signal.SIGKILL)
        each.process.kill()
        each.process.join()


def _run(stage: Stage, folder: Path, parent: int) -> None:
    """In the forked process: the command, as if a shell had started it in `folder`."""
    end_with_parent(parent)
    os.setsid()  # the leader of a group, which ends as one
    log = os.open(_log(stage, folder), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for target in (1, 2):
        os.dup2(log, target)
    sys.stdin, sys.stdout, sys.stderr = os.fdopen(0), os.fdopen(1, "w"), os.fdopen(2, "w", buffering=1)
    os.chdir(folder)
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    os.environ.pop(
        "DVC_ROOT", None
    )  # names another repository, for which stages would keep their checkpoints
    if not PLAIN.fullmatch(stage.command):
        os.execv("/bin/sh", ["/bin/sh", "-c", stage.command])
    words = stage.command.split()
    sys.argv, sys.path[0] = words[2:], str(folder)
    for name in [name for name in sys.modules if name.partition(".")[0] == "stages"]:
        del sys.modules[name]  # the stage imports those of `folder`
    runpy.run_module(words[2], run_name="__main__", alter_sys=True)
