"""The Transformers trainer, with logits taken only where something is learnt, rows in an order fixed
beforehand, and Muon."""

from math import isfinite
from typing import Any

import torch
from torch.nn.functional import cross_entropy
from torch.utils.data import SequentialSampler
from transformers import Trainer

from stages.shared.errors import BadInput
from stages.students.training.optimizers import MuonAdamW
from stages.students.training.packing import IGNORED


def supervised_loss(
    model: Any, head: torch.nn.Module, batch: dict[str, Any], total: Any = None
) -> torch.Tensor:
    """The mean loss of the supervised tokens of `batch`, or their sum over `total`; its `labels` have shape
    (rows, tokens).

    `head` is the layer of `model` that makes logits: it is given the supervised positions only. With a
    vocabulary of 150 000 the logits of a question weigh more than all its activations, and none of them
    enters the loss. What a model does to its logits (scaling, capping) stays its own affair.
    """
    targets = batch["labels"][:, 1:]
    learnt = targets != IGNORED
    inputs = {name: value for name, value in batch.items() if name != "labels"}
    hook = head.register_forward_pre_hook(lambda _, hidden: (hidden[0][:, :-1][learnt],))
    try:
        logits = model(**inputs, use_cache=False).logits
    finally:
        hook.remove()
    loss = cross_entropy(logits.float(), targets[learnt], reduction="mean" if total is None else "sum")
    return loss if total is None else loss / total


class PlannedTrainer(Trainer):
    """Learns from `train_dataset` in its own order; `muon` is Muon's weight decay where that is the
    optimizer."""

    def __init__(self, *, muon: float | None = None, **rest: Any) -> None:
        super().__init__(**rest)
        self.muon = muon
        self.model_accepts_loss_kwargs = (
            True  # so that supervised tokens are counted over all batches of a step
        )

    def _get_train_sampler(self, train_dataset: Any = None) -> SequentialSampler:
        rows: Any = self.train_dataset if train_dataset is None else train_dataset
        return SequentialSampler(rows)

    def compute_loss(
        self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """The loss over the supervised tokens of all batches and all processes of a step."""
        head = self.accelerator.unwrap_model(model).get_output_embeddings()
        loss = supervised_loss(model, head, inputs, num_items_in_batch)
        return (
            loss * self.accelerator.num_processes
        )  # the processes' gradients are averaged, but the tokens were counted over all

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """As the trainer does; raises BadInput once the loss is no number, since nothing would be learnt from
        then on."""
        if not isfinite(logs.get("loss", 0.0)):
            step = self.state.global_step
            raise BadInput(
                f"train: the training diverged: its loss is {logs['loss']} at step {step}; lower learning_rate or max_grad_norm"
            )
        super().log(logs, start_time)

    def create_optimizer(self, model: Any = None) -> Any:
        """Muon with AdamW, or what the arguments name."""
        if self.muon is None:
            return super().create_optimizer(model)
        if self.optimizer is None:
            self.optimizer = MuonAdamW(model or self.model, self.args.learning_rate, self.muon)
        return self.optimizer
