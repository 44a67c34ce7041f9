"""Measures a training while it goes on, and chooses the step whose model becomes the student."""

import csv
import io
import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from transformers import TrainerCallback

from stages.models.templates import render
from stages.shared.files import as_json, replacing, sweep
from stages.students import Job
from stages.students.training.describe import save_weights
from stages.students.training.held_out_scores import Said, answers, losses
from stages.students.training.settings import Training
from stages.students.training.trainer import VALIDATION
from stages.students.training.validation_rows import Answered, Measured, record

RECORD = "measured"  # the key of a step's record in the trainer's log, which a checkpoint holds


class Validator(TrainerCallback):
    """Measures the model at the steps that params name, and keeps the weights of the best step so far.

    What was measured stands in the trainer's log, and so in every checkpoint: a resumed training knows it.
    `trainer` is set once there is one. Writes validation/step_000010.json (all that was measured
    at a step), eval_history.jsonl and validation.csv (a line for each step) in the folder of the curves.
    """

    def __init__(self, rows: Measured, params: Training, job: Job, tokenizer: Any, folder: Path) -> None:
        """`folder` is that of the training's checkpoints."""
        assert params.validation
        self.rows, self.params = rows, params.validation
        self.tokenizer, self.folder, self.candidates = tokenizer, job.curves, folder / "candidates"
        self.asked = [
            tokenizer(render(tokenizer, prompt.messages, prompt=True), add_special_tokens=False).input_ids
            for prompt in rows.prompts
        ]
        self.trainer: Any = None

    @property
    def history(self) -> list[dict[str, Any]]:
        """The record of each step that was measured, in order."""
        return [json.loads(entry[RECORD]) for entry in self.trainer.state.log_history if RECORD in entry]

    def on_train_begin(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
        """Measures the model before the first step; of a resumed training, writes what is known."""
        if state.is_world_process_zero:
            sweep(self.folder / "validation", [])
        if state.global_step == 0:
            self._measure(0)
        else:
            self._write()

    def on_step_end(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
        """Measures the model where this step is among the steps to measure."""
        if state.global_step in self.params.steps(state.max_steps):
            self._measure(state.global_step)

    def on_save(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
        """Forgets the candidates that were beaten: no run goes on from before this checkpoint any more."""
        if state.is_world_process_zero and self.candidates.is_dir():
            for path in self.candidates.iterdir():
                if path.name != str(self.best["step"]):
                    shutil.rmtree(path)

    @property
    def best(self) -> dict[str, Any]:
        """The record of the step with the best metric; of equal ones the earliest."""
        sign, name = (-1 if self.params.metric == "loss" else 1), self.params.metric
        return max(self.history, key=lambda record: (sign * record["metrics"][name], -record["step"]))

    def chosen(self) -> tuple[dict[str, Any], Path | None]:
        """What student.json says of the choice, and the folder of the chosen weights; None: the last ones."""
        name, last = self.params.metric, self.history[-1]
        choice = self.best if self.params.choose == "best" else last
        if choice["step"] == 0 and self.trainer.is_world_process_zero():
            print(
                f"validation: step 0 wins: no step of the training has a better {name} than the model "
                f"before it ({choice['metrics'][name]}; then {last['metrics'][name]}); it is the student",
                file=sys.stderr,
            )
        facts = {
            "choose": self.params.choose,
            "metric": name,
            "chosen_step": choice["step"],
            "problems": len(self.rows.prompts),
            "chats": len(self.rows.chats),
            "values": {str(entry["step"]): entry["metrics"][name] for entry in self.history},
        }
        return facts, None if choice["step"] == last["step"] else self.candidates / str(choice["step"])

    def _measure(self, step: int) -> None:
        pad, params, rows = self.tokenizer.pad_token_id, self.params, self.rows
        by_chat = losses(self.trainer, rows.examples, params.batch_size, pad)
        said = answers(self.trainer, self.asked, params.batch_size, pad, params.max_new_tokens)
        texts = [self._answered(answer) for answer in said]
        measured_now = record(step, rows, by_chat, texts, params.graders)
        due = self.trainer.control.should_log  # the trainer takes any log for the one due, which has the loss
        self.trainer.log({VALIDATION + name: value for name, value in measured_now["metrics"].items()})
        self.trainer.control.should_log = due
        # as text: a checkpoint sorts the keys of its log
        self.trainer.state.log_history.append({"step": step, RECORD: json.dumps(measured_now)})
        self._write()
        if params.choose == "best" and self.best["step"] == step < self.trainer.state.max_steps:
            save_weights(self.candidates / str(step), self.trainer, self.tokenizer)

    def _answered(self, said: Said) -> Answered:
        text = self.tokenizer.decode(said.ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return Answered(text, len(said.ids), said.ended)

    def _write(self) -> None:
        if not self.trainer.is_world_process_zero():
            return
        lines = [{"step": record["step"], **record["metrics"]} for record in self.history]
        files = {
            self.folder / "validation" / f"step_{record['step']:06}.json": record for record in self.history
        }
        with replacing(self.folder / "eval_history.jsonl", self.folder / "validation.csv", *files) as opened:
            opened[0].write(b"".join(msgspec.json.encode(line) + b"\n" for line in lines))
            opened[1].write(_as_csv(lines).encode())
            for file, record in zip(opened[2:], files.values(), strict=True):
                file.write(as_json(record))


def _as_csv(lines: Sequence[dict[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(lines[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return text.getvalue()
