"""A transformers model that is trained in this process: all its weights, or low-rank adapters.

A start that is an adapter goes on as that adapter. No part of the model is dropped at random: the policy that
learns is the one that answered.
"""

import shutil
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import Field, field_validator

from stages.models.folders import locate
from stages.models.loading import Device, Precision, choose_device, load_model, prepare_cpu
from stages.models.templates import load_tokenizer
from stages.shared.errors import BadInput
from stages.shared.params import Strict
from stages.students.backends import Adam, Capabilities, Datum, Done, Passed, Sampled, Sampling, check_data
from stages.students.backends.drawing import draw
from stages.students.backends.states import put_back, stored
from stages.students.losses import rounded
from stages.students.token_losses import TOKEN_LOSSES, Clip, Tokens, token_loss
from stages.students.training.adapters import Adapters, adapt
from stages.students.training.padding import agree, set_padding


class Params(Strict):
    """How the model is held."""

    backend: Literal["local"]
    # null: every weight is trained, or the adapter that the start is
    adapters: Adapters | None = None
    # sequences that are learnt from at once
    batch_size: int = Field(default=32, ge=1)
    # answers that are drawn at once
    sample_batch_size: int = Field(default=256, ge=1)
    # the precision of the weights below adapters. Without adapters, bfloat16 has the model compute in it; the
    # weights, which are trained then, are held in float32 all the same
    weights: Precision = "float32"
    # auto takes CUDA where it is there
    device: Device = "auto"
    # threads on the CPU; null leaves torch's choice, and then the result depends on the machine
    threads: int | None = Field(default=1, ge=1)

    @field_validator("adapters")
    @classmethod
    def _no_dropout(cls, adapters: Adapters | None) -> Adapters | None:
        if adapters and adapters.dropout:
            raise ValueError(
                "dropout: the policy that learns is the one that answered, so set it to 0, "
                f"got {adapters.dropout}"
            )
        return adapters


def connect(start: Path, params: Params, store: Path, seed: int) -> "Local":
    """The model in the folder `start`, ready to be trained; saved states lie in the folder `store`.

    Raises BadInput where the start is an adapter and params ask for new ones, and where it cannot be loaded.
    """
    return Local(start, params, store, seed)


class Local:
    """The Backend of one model."""

    def __init__(self, start: Path, params: Params, store: Path, seed: int) -> None:
        prepare_cpu(params.device, params.threads)
        torch.manual_seed(seed)
        self.start, self.params, self.store = start, params, store
        self.tokenizer = load_tokenizer(str(start))
        set_padding(self.tokenizer, None, str(start))
        # bfloat16 rounds most updates of a weight away
        self.whole = params.adapters is None and not locate(str(start)).adapter
        self.model = self._prepared(trained=True)
        ends = self.model.generation_config.eos_token_id
        if ends is None:
            raise BadInput(f"{start}: it names no end-of-turn token: its answers would never end")
        self.stops = set(ends if isinstance(ends, list) else [ends])
        context = getattr(self.model.config.get_text_config(), "max_position_embeddings", None)
        self.capabilities = Capabilities(str(start), tuple(TOKEN_LOSSES), context)
        self.optimizer: torch.optim.AdamW | None = None

    def _prepared(self, trained: bool) -> Any:
        """The model on its device; `trained` says whether it is to learn."""
        params = self.params
        model = load_model(str(self.start), params.device, "float32" if self.whole else params.weights)
        agree(model, self.tokenizer)
        if choose_device(params.device) == "cpu":
            model.set_attn_implementation("eager")  # as in students/training/fit.py
        if trained:
            model = _trainable(model, self.start, params.adapters)
        return model.eval()

    @cached_property
    def first(self) -> Any:
        """The model as it was at the start, loaded once it is asked for."""
        return self._prepared(trained=False)

    def _computing(self) -> torch.autocast:
        """The precision that the model computes in where its own weights are trained."""
        mixed = self.whole and self.params.weights == "bfloat16"
        return torch.autocast(self.model.device.type, torch.bfloat16, enabled=mixed)

    def _trained(self) -> dict[str, torch.nn.Parameter]:
        return {name: weight for name, weight in self.model.named_parameters() if weight.requires_grad}

    def forward_backward(self, data: Sequence[Datum], loss: str, clip: Clip) -> Done[Passed]:
        """Adds the gradients; see Backend. Raises BadInput on data that do not fit together."""
        check_data(data, loss, self.capabilities.losses)
        cost, total = token_loss(loss), 0.0
        logprobs: list[list[float]] = []
        for first in range(0, len(data), self.params.batch_size):
            part = data[first : first + self.params.batch_size]
            rows = [datum.learnt() for datum in part]
            if not any(map(any, rows)):
                logprobs += [[0.0] * len(row) for row in rows]
                continue
            now = self._at(self.model, [d.inputs for d in part], [d.targets for d in part], rows)
            value = cost(now, self._tokens(part, rows), clip)
            value.backward()
            total += float(value.detach())
            values = iter(now.detach().tolist())
            logprobs += [[next(values) if wanted else 0.0 for wanted in row] for row in rows]
        return Done(Passed(total, logprobs))

    def _tokens(self, part: Sequence[Datum], rows: Sequence[list[bool]]) -> Tokens:
        def flat(name: str) -> torch.Tensor:
            values = [
                value
                for datum, row in zip(part, rows, strict=True)
                for value, wanted in zip(getattr(datum, name) or [0.0] * len(row), row, strict=True)
                if wanted
            ]
            return torch.tensor(values, dtype=torch.float32, device=self.model.device)

        return Tokens(flat("weights"), flat("logprobs"), flat("advantages"))

    def _at(
        self,
        model: Any,
        inputs: Sequence[list[int]],
        targets: Sequence[list[int]],
        rows: Sequence[list[bool]],
    ) -> torch.Tensor:
        """The log-probabilities (tokens,) of the targets that `rows` mark, row by row.

        Logits are made at these places only: with a large vocabulary those of the prompts would take most of
        the memory.
        """
        width, filler = rounded(max(map(len, inputs))), min(self.stops)

        def padded(values: Sequence[list[Any]], value: Any) -> torch.Tensor:
            lines = [row + [value] * (width - len(row)) for row in values]
            return torch.tensor(lines, device=model.device)

        ids, following = padded(inputs, filler), padded(targets, filler)
        mask, marked = padded([[1] * len(row) for row in inputs], 0), padded(rows, False)
        places = marked.flatten().nonzero().squeeze(1)
        wanted = following.flatten()[places]
        hook = model.get_output_embeddings().register_forward_pre_hook(
            lambda _, hidden: (hidden[0].flatten(0, 1)[places],)
        )
        try:
            with self._computing():
                logits = model(ids, attention_mask=mask, use_cache=False).logits.float()
        finally:
            hook.remove()
        spread: torch.Tensor = logits.log_softmax(-1)
        return spread.gather(1, wanted[:, None]).squeeze(1)

    def optim_step(self, adam: Adam) -> Done[float | None]:
        """A step of AdamW; returns the norm of the gradient before it was scaled down."""
        weights = list(self._trained().values())
        if self.optimizer is None:
            self.optimizer = torch.optim.AdamW(weights)
        for group in self.optimizer.param_groups:
            group |= {"lr": adam.learning_rate, "betas": (adam.beta1, adam.beta2)}
            group |= {"eps": adam.eps, "weight_decay": adam.weight_decay}
        norm = float(torch.nn.utils.clip_grad_norm_(weights, adam.max_grad_norm))
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return Done(norm)

    def sample(self, prompts: Sequence[list[int]], sampling: Sampling) -> Done[list[list[Sampled]]]:
        """The answers; see Backend. At most `sample_batch_size` are drawn at once."""
        size = max(1, self.params.sample_batch_size // sampling.n)
        answers: list[list[Sampled]] = []
        for first in range(0, len(prompts), size):
            seed = (sampling.seed * 1_000_003 + first) % 2**63
            part = prompts[first : first + size]
            with self._computing():
                answers += draw(self.model, part, sampling, self.stops, min(self.stops), seed)
        return Done(answers)

    @torch.no_grad()
    def logprobs(self, sequences: Sequence[list[int]], start: bool = False) -> Done[list[list[float]]]:
        """The log-probabilities; see Backend."""
        model, values = self.first if start else self.model, []
        for first in range(0, len(sequences), self.params.batch_size):
            part = sequences[first : first + self.params.batch_size]
            inputs, targets = [row[:-1] for row in part], [row[1:] for row in part]
            flat = iter(self._at(model, inputs, targets, [[True] * len(row) for row in inputs]).tolist())
            values += [[next(flat) for _ in row] for row in inputs]
        return Done(values)

    def save(self, name: str, optimizer: bool) -> Done[str]:
        """Writes the folder `name` of the store, whole or not at all."""
        stored(self.store / name, self._trained(), self.optimizer if optimizer else None)
        return Done(name)

    def load(self, saved: str, optimizer: bool) -> None:
        """Puts a saved state back; raises BadInput where there is none, or none with an optimizer."""
        weights = self._trained()
        self.optimizer = torch.optim.AdamW(list(weights.values())) if optimizer else None
        put_back(self.store / saved, weights, self.optimizer)

    def discard(self, saved: str) -> None:
        """Removes the folder of a saved state."""
        shutil.rmtree(self.store / saved, ignore_errors=True)

    def export(self, folder: Path) -> None:
        """Writes weights (safetensors), tokenizer and settings for generation to `folder`."""
        self.model.save_pretrained(folder)
        self.model.generation_config.save_pretrained(folder)  # PEFT saves none
        self.tokenizer.save_pretrained(folder)


def _trainable(model: Any, start: Path, adapters: Adapters | None) -> Any:
    """`model` with what is to be trained unfrozen: the adapter that it is, new adapters, or all of it."""
    if not locate(str(start)).adapter:
        return adapt(model, adapters, "practise")
    if adapters is not None:
        raise BadInput(f"{start}: it is an adapter, which is trained on: set backend.adapters to null")
    for name, weight in model.named_parameters():
        weight.requires_grad_("lora_" in name)
    return model
