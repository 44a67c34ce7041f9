"""The training that every student shares: rows planned, learnt from, and resumed after a kill."""

import os
from collections.abc import Sequence
from math import gcd
from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainingArguments

from stages.models.loading import choose_device, prepare_cpu
from stages.shared.errors import BadInput
from stages.shared.files import write_json
from stages.students import Job
from stages.students.losses import loss
from stages.students.training.checkpoints import kept_until_done, last_whole, processes
from stages.students.training.curves import Curves
from stages.students.training.describe import full_disk_as_oserror, save
from stages.students.training.encoding import Example
from stages.students.training.packing import (
    Collator,
    Packer,
    keeps_apart,
    order,
    stratified_order,
    with_weights,
)
from stages.students.training.pausing import Pausing
from stages.students.training.settings import Curriculum, Training
from stages.students.training.trainer import PlannedTrainer
from stages.students.training.validation_rows import Measured
from stages.students.training.validator import Validator

OPTIMIZERS = {"adamw": "adamw_torch", "adamw_8bit": "paged_adamw_8bit", "muon": "adamw_torch"}


def fit(
    model: Any,
    tokenizer: Any,
    examples: Sequence[Example],
    params: Training,
    job: Job,
    key: str,
    facts: dict[str, Any],
    report: dict[str, Any],
    rows_to_measure: Measured | None = None,
) -> None:
    """Trains `model` and saves it to `job.out` with its description: `params`, `facts` and how the training
    went.

    `report` says which rows are learnt from (row_counts.py) and is written to rows.json beside the curves.
    `rows_to_measure` are those of the validation; None: there is none. A run that was killed goes on from its
    last checkpoint, which `key` names; so does a run that was paused. Raises BadInput where the training
    diverges, Paused where `job.control` asked for a pause.
    """
    prepare_cpu(params.device, params.threads)
    if choose_device(params.device) == "cpu":
        # there the fused attention takes a third longer, mostly in the backward pass
        model.set_attn_implementation("eager")
    with kept_until_done(job.checkpoints, key) as folder, full_disk_as_oserror(folder):
        pausing = Pausing(job.control, last_whole(folder))
        validator = Validator(rows_to_measure, params, job, tokenizer, folder) if rows_to_measure else None
        steps, rows = _plan(params, examples, job.seed)
        weighted = with_weights(examples)
        planned = [weighted[row] for row in rows]
        callbacks = [Curves(job.curves), *([validator] if validator else []), pausing]
        arguments = _arguments(params, steps, folder, job)
        trainer = _trainer(model, tokenizer.pad_token_id, planned, params, arguments, callbacks)
        if validator:
            validator.trainer = trainer
        if params.packed:
            _check_packing(trainer.model, str(job.base or "the model"))
        trainer.train(resume_from_checkpoint=last_whole(folder))
        pausing.check()
        facts = facts | _outcome(trainer, examples, steps, rows)
        candidate = None
        if validator:
            facts["validation"], candidate = validator.chosen()
        save(job.out, trainer, tokenizer, params, facts, candidate)
        if trainer.is_world_process_zero():
            write_json(job.curves / "rows.json", report)


def _trainer(
    model: Any,
    pad_token: int,
    planned: list[Example],
    params: Training,
    arguments: TrainingArguments,
    callbacks: list[TrainerCallback],
) -> PlannedTrainer:
    return PlannedTrainer(
        loss=loss(params.loss),
        muon=params.weight_decay if params.optimizer == "muon" else None,
        model=model,
        args=arguments,
        train_dataset=planned,
        data_collator=(Packer if params.packed else Collator)(pad_token),
        callbacks=callbacks,
    )


def _plan(params: Training, examples: Sequence[Example], seed: int) -> tuple[int, list[int]]:
    """The number of steps, and the indices of all rows that they learn from.

    Where all `examples` have labels, the order keeps the shares of the labels. Raises BadInput on a
    curriculum that leaves no rows, or no steps, for what comes after it.
    """
    count = len(examples)
    rows_a_step = params.batch_size * processes() * params.accumulate
    steps = params.steps or max(1, round((params.epochs or 0) * count / rows_a_step))
    if params.curriculum:
        return steps, _in_two_parts(params.curriculum, count, steps, rows_a_step, seed)
    labels = [example.label for example in examples if example.label is not None]
    if len(labels) == count:
        return steps, stratified_order(labels, steps * rows_a_step, seed)
    return steps, order(count, steps * rows_a_step, seed)


def _in_two_parts(curriculum: Curriculum, count: int, steps: int, rows_a_step: int, seed: int) -> list[int]:
    """The rows of the curriculum's steps, then those of the others."""
    if curriculum.rows >= count or curriculum.steps >= steps:
        raise BadInput(
            f"curriculum: expected fewer than the {count} rows and the {steps} steps of the training, got "
            f"{curriculum.rows} rows and {curriculum.steps} steps"
        )
    first = order(curriculum.rows, curriculum.steps * rows_a_step, seed)
    rest = order(count - curriculum.rows, (steps - curriculum.steps) * rows_a_step, seed)
    return [*first, *(curriculum.rows + row for row in rest)]


def _check_packing(model: Any, name: str) -> None:
    """Raises BadInput where rows of a line would see each other.

    Not tried where several processes train: each may hold a part of the weights only.
    """
    if processes() > 1:
        return
    model.eval()
    apart = keeps_apart(model)
    model.train()
    if not apart:
        raise BadInput(
            f"{name}: its architecture lets rows that are packed into one line see each other; "
            "set train.packed to false"
        )


def _arguments(params: Training, steps: int, folder: Path, job: Job) -> TrainingArguments:
    if "tensorboard" in params.report_to:
        # it would write into the folder of checkpoints, which goes once the training is done
        logs = job.checkpoints.with_name("tensorboard") / job.out.name
        os.environ.setdefault("TENSORBOARD_LOGGING_DIR", str(logs))
    arguments = TrainingArguments(
        output_dir=str(folder),
        max_steps=steps,
        per_device_train_batch_size=params.batch_size,
        gradient_accumulation_steps=params.accumulate,
        learning_rate=params.learning_rate,
        lr_scheduler_type=params.schedule if params.schedule != "constant" else "constant_with_warmup",
        warmup_steps=params.warmup_steps,
        weight_decay=params.weight_decay,
        max_grad_norm=params.max_grad_norm,
        optim=OPTIMIZERS[params.optimizer],
        bf16=bool(params.bf16),  # `resolved` has replaced auto
        activation_checkpointing=params.gradient_checkpointing,
        activation_checkpointing_kwargs={"use_reentrant": False} if params.gradient_checkpointing else None,
        use_cpu=choose_device(params.device) == "cpu",
        save_steps=params.checkpoint_steps,
        save_total_limit=1,
        # A point is the mean over the steps since the last point, and a resumed training starts that mean
        # anew. So that its curve is the same, each checkpoint must fall on a point.
        logging_steps=gcd(10, params.checkpoint_steps),
        logging_nan_inf_filter=False,
        remove_unused_columns=False,
        dataloader_pin_memory=False,
        ddp_find_unused_parameters=False,
        report_to=list(params.report_to),
        run_name=job.out.name,
        seed=job.seed,
    )
    if processes() == 1:
        # several GPUs are for `accelerate launch`: DataParallel would split batches
        arguments._n_gpu = min(arguments.n_gpu, 1)
    return arguments


def _outcome(trainer: Any, examples: Sequence[Example], steps: int, rows: Sequence[int]) -> dict[str, Any]:
    """How the training went."""
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    return {
        "steps": steps,
        "rows": len(examples),
        "last_loss": round(losses[-1], 6),
        "tokens": _tokens(examples, rows),
    }


def _tokens(examples: Sequence[Example], rows: Sequence[int]) -> dict[str, int]:
    """Tokens seen, and tokens learnt, over the whole training."""
    return {
        "seen": sum(len(examples[row].ids) for row in rows),
        "learnt": sum(sum(examples[row].supervised) for row in rows),
    }
