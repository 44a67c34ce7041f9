"""Measures a training while it goes on, and chooses the step whose model becomes the student."""

import csv
import io
import shutil
import sys
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from transformers import TrainerCallback

from stages.models.templates import render
from stages.shared.errors import BadInput
from stages.shared.files import as_json, replacing, sweep
from stages.shared.rows import Chat, Ending, Prompt, Response
from stages.students import Job
from stages.students.training.describe import save_weights
from stages.students.training.encoding import Example
from stages.students.training.held_out_scores import Said, answers, losses
from stages.students.training.settings import Training
from stages.students.training.trainer import VALIDATION

RECORD = "measured"  # the key of a step's record in the trainer's log, which a checkpoint holds
Encode = Callable[[Sequence[Chat]], list[Example]]


class Measured(NamedTuple):
    """The validation rows of a training, ready for its model."""

    prompts: list[Prompt]
    # the chats of these problems, and each as tokens
    chats: list[Chat]
    examples: list[Example]


def measured(job: Job, params: Training, encode: Encode) -> Measured | None:
    """The validation rows that `params` ask for; None where they ask for none.

    `encode` makes examples of chats as the training does. Chats longer than `max_tokens` are left out, as in
    the training. Raises BadInput where there are no chats.
    """
    validation = params.validation
    if validation is None:
        return None
    if job.held is None:
        raise BadInput("validation: a base model has no validation problems; students have: set it to null")
    ranked = sorted(job.held.prompts, key=lambda prompt: _hash(prompt.id, job.seed))
    kept = {prompt.id for prompt in ranked[: validation.problems]}
    chats = [chat for chat in job.held.chats if chat.problem in kept]
    pairs = [
        (chat, example)
        for chat, example in zip(chats, encode(chats), strict=True)
        if len(example.ids) <= params.max_tokens
    ]
    if not pairs:
        raise BadInput(
            f"validation: none of {len(kept)} validation problems has a chat of at most {params.max_tokens} "
            "tokens (max_tokens); ask for validation problems in the collect section of the system, "
            "and set its prompt.validation to true"
        )
    prompts = [prompt for prompt in job.held.prompts if prompt.id in kept]
    return Measured(prompts, [chat for chat, _ in pairs], [example for _, example in pairs])


def _hash(name: str, seed: int) -> bytes:
    return sha256(f"{seed} {name}".encode("utf-8", "surrogatepass")).digest()


class Validator(TrainerCallback):
    """Measures the model at the steps that params name, and keeps the weights of the best step so far.

    What was measured stands in the trainer's log, and so in every checkpoint: a resumed training knows it.
    `trainer` is set once there is one. Writes validation/step_000010.json (all that was measured
    at a step), eval_history.jsonl and validation.csv (a line for each step) in the folder of the curves.
    """

    def __init__(self, rows: Measured, params: Training, job: Job, tokenizer: Any, folder: Path) -> None:
        """`folder` is that of the training's checkpoints."""
        assert params.validation and job.held
        self.rows, self.params, self.grade = rows, params.validation, job.held.grade
        self.tokenizer, self.folder, self.candidates = tokenizer, job.curves, folder / "candidates"
        self.asked = [
            tokenizer(render(tokenizer, prompt.messages, prompt=True), add_special_tokens=False).input_ids
            for prompt in rows.prompts
        ]
        self.trainer: Any = None

    @property
    def history(self) -> list[dict[str, Any]]:
        """The record of each step that was measured, in order."""
        return [entry[RECORD] for entry in self.trainer.state.log_history if RECORD in entry]

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
        record = self.best if self.params.choose == "best" else last
        if record["step"] == 0 and self.trainer.is_world_process_zero():
            print(
                f"validation: step 0 wins: no step of the training has a better {name} than the model "
                f"before it ({record['metrics'][name]}; then {last['metrics'][name]}); it is the student",
                file=sys.stderr,
            )
        facts = {
            "choose": self.params.choose,
            "metric": name,
            "chosen_step": record["step"],
            "problems": len(self.rows.prompts),
            "chats": len(self.rows.chats),
            "values": {str(entry["step"]): entry["metrics"][name] for entry in self.history},
        }
        return facts, None if record is last else self.candidates / str(record["step"])

    def _measure(self, step: int) -> None:
        pad, size = self.tokenizer.pad_token_id, self.params.batch_size
        by_chat = losses(self.trainer, self.rows.examples, size, pad)
        said = answers(self.trainer, self.asked, size, pad, self.params.max_new_tokens)
        record = self._record(step, by_chat, said)
        self.trainer.log({VALIDATION + name: value for name, value in record["metrics"].items()})
        self.trainer.state.log_history.append({"step": step, RECORD: record})
        self._write()
        if self.params.choose == "best" and self.best["step"] == step < self.trainer.state.max_steps:
            save_weights(self.candidates / str(step), self.trainer, self.tokenizer)

    def _record(
        self, step: int, by_chat: Sequence[tuple[float, int]], said: Sequence[Said]
    ) -> dict[str, Any]:
        rows = [
            self._row(prompt, given, by_chat) for prompt, given in zip(self.rows.prompts, said, strict=True)
        ]
        metrics = {"loss": sum(loss for loss, _ in by_chat) / sum(count for _, count in by_chat)}
        known = [row["exact_match"] for row in rows if row["exact_match"] is not None]
        metrics["exact_match"] = sum(known) / len(known)
        metrics["ended"] = sum(row["ending"] == Ending.STOP for row in rows) / len(rows)
        metrics["tokens"] = sum(row["tokens"] for row in rows) / len(rows)
        for name in self.params.graders:
            metrics[name] = sum(row["grades"][name] == 1 for row in rows) / len(rows)
        return {
            "step": step,
            "metrics": {name: round(value, 6) for name, value in metrics.items()},
            "rows": rows,
        }

    def _row(self, prompt: Prompt, said: Said, by_chat: Sequence[tuple[float, int]]) -> dict[str, Any]:
        """What one problem came to; `loss` and `exact_match` are None where it has no chat."""
        text = self.tokenizer.decode(said.ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        own = [
            (chat, loss)
            for chat, loss in zip(self.rows.chats, by_chat, strict=True)
            if chat.problem == prompt.id
        ]
        expected = [chat.messages[-1]["content"] for chat, _ in own]
        tokens = sum(count for _, (_, count) in own)
        trace = self.grade(
            Response(
                **msgspec.structs.asdict(prompt),
                sampler="validation",
                model="",
                sample=0,
                text=text,
                ending=Ending.STOP if said.ended else Ending.LENGTH,
                tokens=len(said.ids),
            )
        )
        return {
            "id": prompt.id,
            "asked": prompt.messages[-1]["content"],
            "gold": prompt.answer,
            "expected": expected[0] if expected else None,
            "answer": text,
            "ending": trace.ending.value,
            "tokens": trace.tokens,
            "loss": round(sum(loss for _, (loss, _) in own) / tokens, 6) if own else None,
            "exact_match": any(text.strip() == words.strip() for words in expected) if own else None,
            "pred": trace.pred,
            "grades": trace.grades,
            "reasons": trace.reasons,
        }

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
