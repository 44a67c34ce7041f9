"""Practice that goes on after a kill: what it stands at."""

from pathlib import Path

import msgspec

from stages.shared.files import write_json

STATE = "state.json"


class Standing(msgspec.Struct, kw_only=True):
    """What is written at each validation; a run that was killed goes on from it."""

    # steps made
    step: int = 0
    # saved state with the optimizer, which `Backend.load` takes; None: the start itself
    saved: str | None = None
    # the step with the best validation, its metric, and its saved state without the optimizer
    best_step: int = 0
    best_metric: float | None = None
    best_saved: str | None = None
    # the metric of the start
    start_metric: float | None = None
    # validations since the best one
    without_better: int = 0
    # bytes of the files of rows
    rollouts: int = 0
    history: int = 0


def read_standing(folder: Path) -> Standing:
    """Where the run in `folder` stands; at the beginning where nothing was written yet."""
    path = folder / STATE
    return msgspec.json.decode(path.read_bytes(), type=Standing) if path.is_file() else Standing()


def write_standing(folder: Path, standing: Standing) -> None:
    """Replaces what was written before, whole or not at all."""
    write_json(folder / STATE, msgspec.structs.asdict(standing))
