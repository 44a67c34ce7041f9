"""SIGKILL at six moments of one training of a pair, each time started again: it ends with the bytes of an undisturbed one."""

import os
import signal
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch
from stages.students.pairing import pair_checkpoints
from stages.students.pairing.joint import Run
from stages.students.pairing.learner import Learner
from stages.students.pairing.logbook import Logbook

from pairs import SETTINGS, files, trained
from tiny import one_thread

SETTING: dict[str, Any] = {
    "peer": {"kind": "mse", "width": 8},
    "router": SETTINGS["router"] | {"diagnostics": {"paths": 4}},
    "evaluation": {"every": 3, "problems": 1, "max_new_tokens": 4},
}
# where the process ends: which call of which function, and whether once that is done; checkpoints are kept after steps 2, 4, 6 and 7
MOMENTS: dict[str, tuple[Any, str, int, bool]] = {
    "in the answers of a round": (Learner, "answers", 8, False),
    "in a checkpoint": (torch, "save", 1, True),
    "just after a checkpoint": (pair_checkpoints, "keep", 1, True),
    "in a step": (Run, "_step", 2, False),
    "in saving": (Learner, "save", 2, False),
    "in writing logs": (Logbook, "finish", 1, False),
}


def dying(moment: str, bases: tuple[Path, Path], folder: Path) -> None:
    """The training in a process that kills itself at a moment."""
    one_thread()
    owner, name, call, after = MOMENTS[moment]
    function: Callable[..., Any] = getattr(owner, name)
    left = call

    def counted(*given: Any, **named: Any) -> Any:
        nonlocal left
        left -= 1
        if not left and not after:
            os.kill(os.getpid(), signal.SIGKILL)
        result = function(*given, **named)
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(owner, name, counted)
    trained(folder, bases, **SETTING)


def kill(moment: str, bases: tuple[Path, Path], folder: Path) -> None:
    context = get_context("forkserver")
    context.set_forkserver_preload(["stages.students.pairing.joint"])
    process = context.Process(target=dying, args=(moment, bases, folder))
    process.start()
    process.join(300)
    assert process.exitcode == -signal.SIGKILL, moment


def test_a_training_that_is_killed_at_any_moment_ends_with_the_same_bytes(bases: tuple[Path, Path], tmp_path: Path) -> None:
    for moment in MOMENTS:
        kill(moment, bases, tmp_path / "killed")
    trained(tmp_path / "killed", bases, **SETTING)
    trained(tmp_path / "whole", bases, **SETTING)
    whole, killed = files(tmp_path / "whole"), files(tmp_path / "killed")
    assert {name for name in whole if whole[name] != killed.get(name)} == set() and whole.keys() == killed.keys()
    assert {"logs/path_measures.jsonl", "curves/path_measures.csv", "curves/evaluation.csv"} < whole.keys()
