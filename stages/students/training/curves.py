"""Training curves through DVCLive, which `dvc plots` draws and editors show live."""

from pathlib import Path
from typing import Any

from dvclive.live import Live
from transformers import TrainerCallback

from stages.students.training.trainer import SCALARS, VALIDATION

# no times: the curves of the same training are the same bytes
DRAWN = ("loss", "grad_norm", "learning_rate")


class Curves(TrainerCallback):
    """Writes the curves to `folder`, which it begins anew.

    Of a resumed training the points up to the checkpoint come from the trainer's state, so the curves are
    whole.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.live: Live | None = None

    def on_train_begin(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
        """Opens the folder anew."""
        if state.is_world_process_zero:
            # DVCLive would otherwise rewrite dvc.yaml and save an experiment of its own inside a running
            # stage
            self.live = Live(str(self.folder), dvcyaml=None, save_dvc_exp=False, report=None)
            for entry in state.log_history:
                self._draw(entry["step"], entry)

    def on_step_end(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
        """Has the last step logged even between two points: the curves end where the training does."""
        control.should_log |= state.global_step >= state.max_steps

    def on_log(
        self, args: Any, state: Any, control: Any, logs: dict[str, float] | None = None, **rest: Any
    ) -> None:
        """Adds a point to each curve."""
        self._draw(state.global_step, logs or {})

    def on_train_end(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
        """Closes the folder."""
        if self.live:
            self.live.end()

    def _draw(self, step: int, logs: dict[str, float]) -> None:
        names = [name for name in logs if name in DRAWN or name.startswith((SCALARS, VALIDATION))]
        points = {name: logs[name] for name in sorted(names, key=(*DRAWN, *sorted(names)).index)}
        if self.live and points:
            self.live.step = step
            for name, value in points.items():
                self.live.log_metric(name, float(value))
            self.live.make_summary()
