"""SIGKILL in the midst of a stage, to it and to DVC, then `dvc repro` again: it ends with the bytes of a run that nothing disturbed."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from project_tree import copy
from tiny import SCRATCH, SFT

MODEL = {"sampler": "hf", "max_new_tokens": 6, "batch_size": 4, "device": "cpu"}
BASE: dict[str, Any] = {
    "corpus": {"root": "data/hub", "near": 0.8, "tasks": {"word_problems": {"pretrain": 40, "levels": [1]}}},
    "model": SCRATCH,
}
SYSTEM: dict[str, Any] = {
    "base": "glyph",
    "collect": {"root": "data/hub", "near": 0.8, "tasks": {"word_problems": {"train": 12, "test": 10, "levels": [1, 1], "highest": 9}}},
    "prompt": {"teacher": "glyph", "probe": "plain"},
    "respond": {
        "root": "data/recorded",
        "launcher": "python",
        "teacher": {"sampler": "scripted"},
        "probe": MODEL | {"model": "models/bases/glyph", "n": 2, "temperature": 1.0},
    },
    "grade": {"graders": {"answer": {}, "glyph_structure": {}}},
    "judge": {"root": "data/recorded", "ask": None},
    "enrich": {"by": "teacher"},
    "filter": {"rules": {by: {"grades": {"answer": 1.0}} for by in ("teacher", "probe")}},
    "generate": {"launcher": "python", "arms": {"student": {"style": "plain", "ask": MODEL | {"model": "models/students/glyph/learner"}}}},
    "evaluate": {"graders": {"answer": {}}, "scores": {"accuracy": {}}, "hard_below": 0.75, "samples": {"count": 1}},
    "report": {"root": "stages/pages/page.py", "results": [], "problems": 100},
}
STUDENT: dict[str, Any] = {
    "system": "glyph",
    "base": "glyph",
    "format": {"reason_below": 0.75},
    "train": SFT
    | {"launcher": "python", "grading": "stages/graders/__init__.py", "steps": 11, "checkpoint_steps": 4, "learning_rate": 0.02},
}
PARAMS = {"seed": 0, "bases": {"glyph": BASE}, "systems": {"glyph": SYSTEM}, "students": {"learner": STUDENT}}
PARAMS |= {family: {} for family in ("classifiers", "pairs", "practice", "updates")}
KILLED_IN = {  # on which call of which function
    "respond@glyph": ("stages.samplers.local.answering", "Local.generate", 3),
    "train@learner": ("stages.students.training.trainer", "PlannedTrainer.training_step", 10),
    "generate@glyph": ("stages.samplers.local.answering", "Local.generate", 2),
}
KILLER = """
import importlib, os, runpy, signal, sys
from operator import attrgetter

sys.argv, sys.path[0] = sys.argv[2:], os.getcwd()
module, name, calls = os.environ["KILL_IN"].split()
*way, last = name.split(".")
owner = importlib.import_module(module)
owner = attrgetter(".".join(way))(owner) if way else owner
function, left = getattr(owner, last), int(calls)

def counted(*given, **named):
    global left
    left -= 1
    if not left:
        os.killpg(0, signal.SIGKILL)  # this stage, the shell it was started from, and DVC
    return function(*given, **named)

setattr(owner, last, counted)
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
"""
PYTHON = """#!/bin/sh
case "$2" in
    "stages.$KILL_STAGE") exec "{python}" "{killer}" "$@" ;;
    *) exec "{python}" "$@" ;;
esac
"""


def repro(folder: Path, target: str, kill: str = "") -> subprocess.CompletedProcess[str]:
    """`dvc repro` up to a stage, in a session of its own; the stage `kill` ends itself and DVC in its midst."""
    environment = os.environ | {"PATH": f"{folder.parent}:{os.environ['PATH']}", "OMP_NUM_THREADS": "1", "KILL_STAGE": kill.split("@")[0]}
    if kill:
        environment["KILL_IN"] = " ".join(map(str, KILLED_IN[kill]))
    command = [sys.executable, "-m", "dvc", "repro", target]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, start_new_session=True)


def outs(folder: Path) -> dict[str, Any]:
    """What dvc.lock says of every stage that ran."""
    found: dict[str, Any] = YAML(typ="safe").load(folder / "dvc.lock")["stages"]
    return found


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small copy of the project, as far as the first stage to be killed; beside it a `python` that does it."""
    home = tmp_path_factory.mktemp("kill")
    folder = copy(home / "project")
    (folder / ".dvc/config").write_text("[core]\n    no_scm = true\n    analytics = false\n    check_update = false\n")
    (folder / "dvc.lock").unlink(missing_ok=True)
    with (folder / "params.yaml").open("w") as file:
        YAML().dump(PARAMS, file)
    (home / "killer.py").write_text(KILLER)
    (home / "python").write_text(PYTHON.format(python=sys.executable, killer=home / "killer.py"))
    (home / "python").chmod(0o755)
    for target in ("base@glyph", "prompt@glyph"):
        done = repro(folder, target)
        assert done.returncode == 0, done.stderr
    return folder


def test_a_run_that_was_killed_ends_with_the_same_bytes(begun: Path) -> None:
    killed = begun.parent / "killed"
    shutil.copytree(begun, killed)
    done = repro(begun, "generate@glyph")
    assert done.returncode == 0, done.stderr
    for stage in KILLED_IN:
        done = repro(killed, "generate@glyph", kill=stage)
        assert done.returncode == -signal.SIGKILL, done.stderr
        assert stage not in outs(killed)
        left = [path.name for path in killed.glob(".athanor/checkpoints/*/*/trainer_state.json")]
        assert len(left) == (stage == "train@learner")  # what it goes on from
    early = "respond@glyph grade@glyph judge@glyph filter@glyph format@learner train@learner"
    assert set(early.split()) < set(outs(killed))
    done = repro(killed, "generate@glyph")
    assert done.returncode == 0, done.stderr
    assert "Running stage 'generate@glyph'" in done.stdout and "Running stage 'train@learner'" not in done.stdout
    assert outs(killed) == outs(begun)
    assert (killed / "data/glyph/generations.jsonl").read_bytes() == (begun / "data/glyph/generations.jsonl").read_bytes()
    assert list(killed.rglob("*.partial")) == []
    assert list((killed / ".athanor/checkpoints").iterdir()) == []
