"""One of two students in training: its model, its optimizer, and what it makes of a batch of paths."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch.nn.functional import cross_entropy, pad
from transformers import get_scheduler, set_seed

from stages.models.folders import DESCRIPTION, locate
from stages.models.loading import choose_device, load_model, native_bf16
from stages.models.templates import load_tokenizer
from stages.shared.errors import BadInput
from stages.shared.files import write_json
from stages.students.backends import Sampled, Sampling
from stages.students.backends.drawing import draw
from stages.students.losses import IGNORED, rounded
from stages.students.losses.supervised import learnt_logits
from stages.students.pairing.joint_processes import average_gradients, gathered, rank
from stages.students.pairing.pair_settings import Settings
from stages.students.peers import States
from stages.students.training.adapters import adapt, quantised
from stages.students.training.checkpoints import processes
from stages.students.training.encoding import Example, end_of_turn
from stages.students.training.optimizers import MuonAdamW
from stages.students.training.packing import Collator, Packer, keeps_apart, pack
from stages.students.training.padding import agree, set_padding

# what a peer term reads of a student
Needed = str | None


class Passed(NamedTuple):
    """What a student made of a batch."""

    # the mean loss of the answer's tokens of each path, (rows,)
    losses: torch.Tensor
    # for the peer term; None where it reads nothing
    states: States | None


class Learner:
    """A student named `first` or `second`."""

    def __init__(self, name: str, base: Path, settings: Settings, seed: int) -> None:
        if locate(str(base)).adapter:
            raise BadInput(f"{base}: adapters on top of another model; merge them into it first")
        self.name, self.base, self.settings = name, base, settings
        self.frozen = settings.freeze == name
        set_seed(seed)
        self.tokenizer = load_tokenizer(str(base))
        set_padding(self.tokenizer, None, str(base))
        precision = settings.weights if settings.adapters else "float32"
        model = load_model(str(base), settings.device, precision, settings.four_bit)
        agree(model, self.tokenizer)
        self.device = choose_device(settings.device)
        if not settings.four_bit:
            model.to(self.device)  # of several processes each loads into main memory
        if self.device == "cpu":
            model.set_attn_implementation("eager")  # as in students/training/fit.py
        self.model = model if self.frozen else self._trainable(model)
        self.packed = keeps_apart(self.model.eval())
        self.model.train(not self.frozen)
        end = end_of_turn(self.tokenizer)
        self.stops = set() if end is None else {end}
        self.optimizer: Any = None

    def _trainable(self, model: Any) -> Any:
        settings = self.settings
        if settings.four_bit:
            model = quantised(model, settings.gradient_checkpointing)
        elif settings.gradient_checkpointing:
            model.gradient_checkpointing_enable({"use_reentrant": False})
        return adapt(model, settings.adapters, "train_pair")

    def weights(self) -> dict[str, torch.nn.Parameter]:
        """What is trained, by name; nothing of a frozen student."""
        if self.frozen:
            return {}
        return {name: weight for name, weight in self.model.named_parameters() if weight.requires_grad}

    def prepare(self, steps: int) -> None:
        """Makes the optimizer and its schedule over `steps` steps."""
        if self.frozen:
            return
        settings = self.settings
        rate = getattr(settings.learning_rates, self.name)
        self.optimizer = _optimizer(self.model, settings, rate, self.device)
        kind = "constant_with_warmup" if settings.schedule == "constant" else settings.schedule
        self.schedule = get_scheduler(kind, self.optimizer, settings.warmup_steps, steps)

    def computing(self) -> torch.autocast:
        """The precision of the forward pass."""
        return torch.autocast(self.device, torch.bfloat16, enabled=bool(self.settings.bf16))

    def learn(self, examples: Sequence[Example], spans: Sequence[Any], reads: Needed) -> Passed:
        """The losses of the paths, and the states that a peer term reads (`hidden`, `logits` or None)."""
        if self.frozen:
            with torch.no_grad():
                return self._passed(examples, spans, reads)
        return self._passed(examples, spans, reads)

    def _passed(self, examples: Sequence[Example], spans: Sequence[Any], reads: Needed) -> Passed:
        packed = self.packed and reads is None
        filler = self.tokenizer.pad_token_id
        batch = (Packer(filler) if packed else _Padded(filler))(examples)
        rows = _rows_of(examples, batch["labels"].shape, packed)
        batch = {name: value.to(self.device) for name, value in batch.items()}
        head, caught = self.model.get_output_embeddings(), []
        hook = head.register_forward_pre_hook(lambda _, inputs: caught.append(inputs[0]))
        try:
            with self.computing():
                logits, targets, places = learnt_logits(self.model, head, batch)
        finally:
            hook.remove()
        costs = cross_entropy(logits, targets, reduction="none", ignore_index=IGNORED)
        owners = rows.to(self.device).flatten()[places]
        learnt = targets != IGNORED
        sums = torch.zeros(len(examples), device=self.device).index_add(0, owners[learnt], costs[learnt])
        counts = torch.tensor([sum(example.supervised) for example in examples], device=self.device)
        states = self._states(caught[0], logits, places[learnt], learnt, spans, reads) if reads else None
        return Passed(sums / counts, states)

    def _states(
        self, hidden: torch.Tensor, logits: Any, places: Any, learnt: Any, spans: Sequence[Any], reads: str
    ) -> States:
        rows, width = hidden.shape[:2]
        filled = [list(row) + [(-1, -1)] * (width - len(row)) for row in spans]
        characters = torch.tensor(filled, device=self.device)
        every = None
        if reads == "logits":
            empty = logits.new_zeros(rows * width, logits.shape[-1])
            every = empty.index_copy(0, places, logits[learnt]).view(rows, width, -1)
        return States(hidden, every, characters[..., 0] >= 0, characters)

    def step(self) -> float:
        """A step of the optimizer by the mean gradient of all processes; returns the norm of that gradient
        before it was scaled down. A student without a gradient stays as it is."""
        weights = list(self.weights().values())
        average_gradients(weights)
        if not any(weight.grad is not None for weight in weights):
            self._advance(stepped=False)
            return 0.0
        norm = torch.nn.utils.clip_grad_norm_(weights, self.settings.max_grad_norm)
        self._advance(stepped=True)
        return float(norm)

    def _advance(self, stepped: bool) -> None:
        if self.optimizer is None:
            return
        if stepped:
            self.optimizer.step()
            self.optimizer.zero_grad(set_to_none=True)
        # the schedule goes on with the training, whoever got the paths
        self.optimizer._opt_called = True
        self.schedule.step()

    def answers(
        self, prompts: Sequence[list[int]], sampling: Sampling, batch_size: int
    ) -> list[list[Sampled]]:
        """Answers of the student as it is now; prompts of like length are answered together. Of several
        processes each answers some of these batches, and all get the whole."""
        self.model.eval()
        size = max(1, batch_size // sampling.n)
        drawn: list[tuple[int, list[Sampled]]] = []
        by_length = sorted(range(len(prompts)), key=lambda row: len(prompts[row]))
        for first in range(rank() * size, len(prompts), processes() * size):
            rows = by_length[first : first + size]
            seed = (sampling.seed * 1_000_003 + first) % 2**63
            with self.computing():
                part = draw(
                    self.model,
                    [prompts[row] for row in rows],
                    sampling,
                    self.stops,
                    self.tokenizer.pad_token_id,
                    seed,
                )
            drawn += zip(rows, part, strict=True)
        self.model.train(not self.frozen)
        by_row = dict(gathered(drawn))
        return [by_row[row] for row in range(len(prompts))]

    def save(self, folder: Path, described: dict[str, Any]) -> None:
        """Writes a model folder: weights (safetensors), tokenizer and description."""
        folder.mkdir(parents=True)
        model = self.model
        model.config.use_cache = True
        model.save_pretrained(folder)
        if hasattr(model, "peft_config"):  # PEFT saves none
            model.generation_config.save_pretrained(folder)
        self.tokenizer.save_pretrained(folder)
        write_json(folder / DESCRIPTION, described)


def _optimizer(model: Any, settings: Settings, rate: float, device: str) -> torch.optim.Optimizer:
    if settings.optimizer == "muon":
        precision = torch.bfloat16 if native_bf16(device) else torch.float32
        return MuonAdamW(model, rate, settings.weight_decay, precision)
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    if settings.optimizer == "adamw_8bit":
        from importlib import import_module

        # the package names what it exports for a type checker only in part
        eight_bit: Any = import_module("bitsandbytes.optim")
        paged: torch.optim.Optimizer = eight_bit.PagedAdamW8bit(
            weights, lr=rate, weight_decay=settings.weight_decay
        )
        return paged
    return torch.optim.AdamW(weights, lr=rate, weight_decay=settings.weight_decay)


class _Padded:
    """A row a line, padded to a width of which there are few."""

    def __init__(self, filler: int) -> None:
        self.collate, self.filler = Collator(filler), filler

    def __call__(self, examples: Sequence[Example]) -> dict[str, Any]:
        plain = [example._replace(weights=None) for example in examples]
        batch = self.collate(plain)
        more = rounded(batch["labels"].shape[1]) - batch["labels"].shape[1]
        fillers = {"input_ids": self.filler, "attention_mask": 0, "labels": IGNORED}
        return {name: pad(value, (0, more), value=fillers[name]) for name, value in batch.items()}


def _rows_of(examples: Sequence[Example], shape: torch.Size, packed: bool) -> torch.Tensor:
    """Which of `examples` each token of a batch of this shape (lines, width) belongs to; a place that only
    fills up belongs to any."""
    if not packed:
        return torch.arange(shape[0])[:, None].expand(shape)
    lengths = [len(example.ids) for example in examples]
    rows = torch.zeros(shape, dtype=torch.long)
    for number, line in enumerate(pack(lengths, shape[1])):
        start = 0
        for row in line:
            rows[number, start : start + lengths[row]] = row
            start += lengths[row]
    return rows
