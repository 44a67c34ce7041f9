"""The Transformers trainer with a loss of ours, rows in an order fixed beforehand, and Muon."""

from collections import defaultdict
from math import isfinite
from typing import Any

import torch
from torch.utils.data import SequentialSampler
from transformers import Trainer

from stages.models.loading import native_bf16
from stages.shared.errors import BadInput
from stages.students.losses import Loss
from stages.students.training.optimizers import MuonAdamW

SCALARS = "loss_terms/"  # what the names of a loss's scalars begin with, in logs and curves


class PlannedTrainer(Trainer):
    """Learns from `train_dataset` in its own order by `loss`; `muon` is Muon's weight decay where Muon is the
    optimizer."""

    def __init__(self, *, loss: Loss, muon: float | None = None, **rest: Any) -> None:
        super().__init__(**rest)
        self.loss, self.muon = loss, muon
        self.scalars: defaultdict[str, list[torch.Tensor]] = defaultdict(list)
        # so that supervised tokens are counted over all batches of a step
        self.model_accepts_loss_kwargs = True

    def _get_train_sampler(self, train_dataset: Any = None) -> SequentialSampler:
        rows: Any = self.train_dataset if train_dataset is None else train_dataset
        return SequentialSampler(rows)

    def _get_num_items_in_batch(self, batch_samples: list[Any], device: torch.device) -> Any:
        """The supervised tokens of a step, or the sum of their weights where they have weights."""
        if not batch_samples or "weights" not in batch_samples[0]:
            return super()._get_num_items_in_batch(batch_samples, device)
        total = sum(batch["weights"][:, 1:].sum() for batch in batch_samples)
        return self.accelerator.gather(torch.as_tensor(total).to(device)).sum()

    def compute_loss(
        self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """The loss of a batch as its share of the loss of the step."""
        head = self.accelerator.unwrap_model(model).get_output_embeddings()
        loss, scalars = self.loss(model, head, inputs, num_items_in_batch)
        for name, value in scalars.items():
            self.scalars[name].append(torch.as_tensor(value).detach())
        # the processes' gradients are averaged, but the tokens were counted over all of them
        return loss * self.accelerator.num_processes

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """As the trainer does, with the scalars that the loss names.

        Raises BadInput once the loss is no number, since nothing would be learnt from then on.
        """
        if not isfinite(logs.get("loss", 0.0)):
            raise BadInput(
                f"train: the training diverged: its loss is {logs['loss']} at step {self.state.global_step}; "
                "lower learning_rate or max_grad_norm"
            )
        for name, values in self.scalars.items() if "loss" in logs else ():
            mean = torch.stack(values).float().mean()
            logs[SCALARS + name] = float(self.accelerator.gather(mean).mean())
            values.clear()
        super().log(logs, start_time)

    def create_optimizer(self, model: Any = None) -> Any:
        """Muon with AdamW, or what the arguments name."""
        if self.muon is None:
            return super().create_optimizer(model)
        if self.optimizer is None:
            precision = torch.bfloat16 if native_bf16(self.args.device.type) else torch.float32
            self.optimizer = MuonAdamW(model or self.model, self.args.learning_rate, self.muon, precision)
        return self.optimizer
