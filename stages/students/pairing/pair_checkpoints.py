"""Checkpoints of a pair: all that a killed training needs to end with the bytes of an undisturbed one."""

from pathlib import Path
from typing import Any

import torch

from stages.students.pairing.learner import Learner

STATE = "state.pt"


def keep(folder: Path, state: dict[str, Any]) -> None:
    """Replaces the state in `folder`, whole or not at all."""
    partial = folder / f"{STATE}.partial"
    torch.save(state, partial)
    partial.replace(folder / STATE)


def kept(folder: Path) -> dict[str, Any] | None:
    """The state in `folder`; None where there is none yet."""
    path = folder / STATE
    if not path.is_file():
        return None
    state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    return state


def state_of(learner: Learner) -> dict[str, Any]:
    """What is trained of a student; nothing of a frozen one."""
    if learner.frozen:
        return {}
    return {
        "weights": {name: weight.detach() for name, weight in learner.weights().items()},
        "optimizer": learner.optimizer.state_dict(),
        "schedule": learner.schedule.state_dict(),
    }


@torch.no_grad()
def put_back(learner: Learner, state: dict[str, Any]) -> None:
    """Goes on from a state that `state_of` gave."""
    if learner.frozen:
        return
    for name, weight in learner.weights().items():
        weight.copy_(state["weights"][name].to(weight.device))
    learner.optimizer.load_state_dict(state["optimizer"])
    learner.schedule.load_state_dict(state["schedule"])
