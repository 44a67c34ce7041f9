"""A training that pauses when it is asked to, at a checkpoint from which it goes on as if nothing had
happened."""

from pathlib import Path
from time import monotonic
from typing import Any

from transformers import TrainerCallback

from stages.shared.errors import Paused
from stages.shared.files import write_json
from stages.students.training.checkpoints import processes

PAUSE, PAUSED, PROGRESS = "pause", "paused.json", "progress.json"


class Pausing(TrainerCallback):
    """Looks at the folder `control` at every point of the curves, which is at most ten steps apart.

    A checkpoint between two points would change the mean of the next one, so a training pauses at a point. A
    file `pause` asks for it; `paused.json` says at which step the training paused, `progress.json` how far it
    is. None: nobody asks. Raises Paused at once where the file is there before the first step.
    """

    def __init__(self, control: Path | None, checkpoint: str | None = None) -> None:
        self.control = control
        self.paused: int | None = None
        self.began: tuple[int, float] | None = None
        if control and self._asked():
            self.paused = int(checkpoint.rsplit("-", 1)[1]) if checkpoint else 0
            self.check()

    def on_step_end(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
        """Has the trainer save and stop where a pause is asked for; the last step is not worth one."""
        if not self.control or state.global_step % args.logging_steps or state.global_step >= state.max_steps:
            return
        if self._asked():
            control.should_save = control.should_training_stop = True
            self.paused = state.global_step

    def on_log(
        self, args: Any, state: Any, control: Any, logs: dict[str, float] | None = None, **rest: Any
    ) -> None:
        """Says how far the training is: step, steps, loss, seconds left as the steps of this process took."""
        if not self.control or not state.is_world_process_zero or "loss" not in (logs or {}):
            return
        now = monotonic()
        self.began = self.began or (state.global_step, now)
        made = state.global_step - self.began[0]
        left = (now - self.began[1]) / made * (state.max_steps - state.global_step) if made else None
        self._write(
            PROGRESS,
            {
                "step": state.global_step,
                "steps": state.max_steps,
                "loss": (logs or {})["loss"],
                "seconds_left": None if left is None else round(left, 1),
                "paused": self.paused is not None,
            },
        )

    def check(self) -> None:
        """Raises Paused where the training stopped since it was asked to."""
        if self.paused is not None:
            self._write(PAUSED, {"step": self.paused})
            raise Paused(f"paused after step {self.paused}; run it again to go on from there")

    def _asked(self) -> bool:
        """Whether a pause is asked for; of several processes all get the answer of the first."""
        asked = bool(self.control and (self.control / PAUSE).exists())
        if processes() == 1:
            return asked
        from accelerate.utils import broadcast_object_list

        answers = [asked]
        broadcast_object_list(answers)
        return answers[0]

    def _write(self, name: str, value: dict[str, Any]) -> None:
        if self.control and self.control.is_dir():
            write_json(self.control / name, value)
