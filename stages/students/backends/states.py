"""Saved states of a model in training, in safetensors: its trained weights, and its optimizer's state."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from stages.models.saving import replacing_folder
from stages.shared.errors import BadInput

WEIGHTS, OPTIMIZER = "weights.safetensors", "optimizer.safetensors"
PARTS = ("exp_avg", "exp_avg_sq", "step")  # what AdamW keeps of a weight


def stored(folder: Path, weights: Mapping[str, torch.nn.Parameter], optimizer: Any) -> None:
    """Writes `folder`, whole or not at all; an optimizer that made no step has no state."""
    with replacing_folder(folder) as partial:
        save_file({name: weight.detach().cpu() for name, weight in weights.items()}, partial / WEIGHTS)
        if optimizer is not None:
            state = {
                f"{name}/{part}": optimizer.state[weight][part].detach().cpu()
                for name, weight in weights.items()
                for part in PARTS
                if weight in optimizer.state
            }
            save_file(state, partial / OPTIMIZER)


@torch.no_grad()
def put_back(folder: Path, weights: Mapping[str, torch.nn.Parameter], optimizer: Any) -> None:
    """Copies the state in `folder` into `weights` and `optimizer` (None: only the weights).

    Raises BadInput where the folder holds no such state.
    """
    if not (folder / WEIGHTS).is_file() or (optimizer is not None and not (folder / OPTIMIZER).is_file()):
        wanted = "with an optimizer" if optimizer is not None else "of a model"
        raise BadInput(f"{folder}: no saved state {wanted}")
    values = load_file(folder / WEIGHTS)
    if values.keys() != weights.keys():
        raise BadInput(f"{folder}: a state of another model: its weights have other names")
    for name, weight in weights.items():
        weight.copy_(values[name].to(weight.device))
        weight.grad = None
    if optimizer is None:
        return
    state = load_file(folder / OPTIMIZER)
    for name, weight in weights.items():
        parts = {part: state[f"{name}/{part}"] for part in PARTS if f"{name}/{part}" in state}
        if parts:  # AdamW keeps its count of steps on the CPU
            optimizer.state[weight] = {
                part: value if part == "step" else value.to(weight.device) for part, value in parts.items()
            }
