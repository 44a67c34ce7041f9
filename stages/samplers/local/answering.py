"""A transformers model that answers rows of token ids, as many at once as fit into memory."""

import os
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from stages.models.folders import Weights, locate
from stages.models.loading import Device, Precision, choose_device, load_model, prepare_cpu
from stages.models.templates import DATE, load_tokenizer, render, with_arguments
from stages.samplers.local.generation import Loaded, attempt, stop_ids
from stages.samplers.local.label_scores import Labels
from stages.samplers.local.steering import Chats, Steered, Step, steering
from stages.samplers.local.steering.batch_state import Start
from stages.samplers.local.stored_batches import identity
from stages.samplers.memo.sampled_answers import Answer
from stages.shared.errors import BadInput
from stages.shared.params import Strict
from stages.shared.rows import Prompt


class Params(Strict):
    """How a local model answers."""

    sampler: Literal["hf"]
    # a model folder, or a hub id
    model: str
    # the arguments of its chat template, such as {enable_thinking: false}; for a hub id, or a folder whose
    # template does not set them already
    template: dict[str, bool | int | float | str] = Field(default_factory=dict)
    # the date that the chat template takes for today's, as 2024-07-26; null: it asks the clock, where it
    # writes a date
    template_date: str | None = Field(default=None, pattern=DATE)
    # answers to each prompt
    n: int = Field(default=1, ge=1)
    # 0 takes the likeliest token each time
    temperature: float = Field(default=0.0, ge=0)
    # tokens are drawn from the likeliest ones that together have this probability
    top_p: float = Field(default=1.0, gt=0, le=1)
    # an answer that reaches this length is cut off; null only where `labels` has nothing generated
    max_new_tokens: int | None = Field(default=None, ge=1)
    # answers generated at once, at most
    batch_size: int = Field(default=64, ge=1)
    # what every answer begins with; it counts as the model's words
    prefill: str = ""
    # whether every answer carries the log-probabilities of its tokens, the end token among them
    probs: bool = False
    # logits processors, applied in this order, e.g. [{no_marks: [a, b]}]; see samplers/local/steering
    steer: list[Step] = Field(default_factory=list)
    # auto takes CUDA where it is there
    device: Device = "auto"
    # threads on the CPU; null leaves torch's choice, and then answers may depend on the machine
    threads: int | None = Field(default=1, ge=1)
    # the precision that the weights are held in
    precision: Precision = "float32"
    # whether the weights are loaded in 4 bits (needs CUDA for speed)
    four_bit: bool = False
    # the labels of a classification, whose probabilities go with every answer; null: no labels
    labels: Labels | None = None

    @property
    def draws(self) -> int:
        """How many answers are generated for each prompt."""
        return self.n * (self.labels.samples if self.labels else 1)

    @property
    def generates(self) -> bool:
        """Whether answers are generated; false: the answer is a label."""
        return self.labels is None or self.labels.after == "reasoning"

    @model_validator(mode="after")
    def _length_is_given(self) -> "Params":
        if self.generates and self.max_new_tokens is None:
            raise ValueError("max_new_tokens: is missing")
        return self

    @model_validator(mode="after")
    def _labels_are_used(self) -> "Params":
        if self.labels and self.labels.samples > 1 and not self.temperature:
            raise ValueError("labels.samples: at temperature 0 all samples are the same; expected 1")
        drawn = self.max_new_tokens or self.temperature or self.top_p < 1 or self.steer or self.n > 1
        if not self.generates and (drawn or self.probs):
            raise ValueError(
                "labels.after: with `nothing` no token is generated; leave out n, temperature, top_p, "
                "max_new_tokens, probs and steer"
            )
        return self

    @model_validator(mode="after")
    def _prefill_is_allowed(self) -> "Params":
        for step in self.steer:
            for name, settings in step.items():
                steering(name).check_prefill(self.prefill, settings)
        return self


class Local:
    """A model that is loaded once there is something to ask it; `identity` is its name in the memo."""

    def __init__(self, params: Params) -> None:
        self.params, self.size = params, params.batch_size
        self.tokenizer = _tokenizer(params.model, tuple(params.template.items()), params.template_date)
        # what is asked, or the model's files, say these
        said = {"sampler", "model", "n", "batch_size", "device"}
        settings = params.model_dump(exclude=said) | {"device": _chip(_place(params.device))}
        self.identity = identity(_pinned(params.model), settings)
        # what the logits processors changed in this run; see `Counted`
        self.steered: Counter[str] = Counter()
        # by the ids of a prompt: its text; see `encode`
        self.texts: dict[tuple[int, ...], str] = {}

    def encode(self, prompts: Sequence[Prompt]) -> list[list[int]]:
        """The token ids of each prompt; their texts are kept until the next call, for scoring labels.

        Raises BadInput on a prompt whose choices are not the labels that are scored.
        """
        texts = [self.render(prompt) for prompt in prompts]
        ids: list[list[int]] = self.tokenizer(texts, add_special_tokens=False).input_ids
        if self.params.labels:
            for prompt in prompts:
                _check_choices(prompt, self.params.labels)
            self.texts.clear()
            self.texts |= {tuple(row): text for row, text in zip(ids, texts, strict=True)}
        return ids

    def render(self, prompt: Prompt) -> str:
        """What is put to the model; raises BadInput where its chat template refuses."""
        try:
            return render(self.tokenizer, prompt.messages, prompt=True) + self.params.prefill
        except BadInput as error:
            raise BadInput(f"{self.params.model}: prompt {prompt.id!r}: {error}") from None

    @cached_property
    def loaded(self) -> Loaded:
        """The model itself."""
        params = self.params
        model = _load(params.model, params.device, params.precision, params.four_bit)
        size, stops = model.config.get_text_config().vocab_size, stop_ids(model)
        steered = Steered(self.tokenizer, size, stops, params.prefill, params.temperature)
        processors = [
            Start(name, steering(name).prepare(steered, settings), stops)
            for step in params.steer
            for name, settings in step.items()
        ]
        prefill = self.tokenizer(params.prefill, add_special_tokens=False).input_ids
        return Loaded(model, self.tokenizer, params, prefill, processors, self.steered, self.texts)

    def generate(self, rows: Sequence[list[int]], seed: str, chats: Chats) -> Iterator[list[Answer]]:
        """Answers to `rows`, whose prompts have the messages `chats`, all at once or in parts that fit into
        memory."""
        # before each batch: another sampler of this process may have other params
        prepare_cpu(self.params.device, self.params.threads)
        start = 0
        while start < len(rows):
            part = rows[start : start + self.size]
            whole = len(part) == len(rows)
            answers = attempt(
                self.loaded, part, seed if whole else f"{seed} +{start}", chats[start : start + self.size]
            )
            if answers is None:
                self._halve(part)
            else:
                yield answers
                start += len(part)

    def _halve(self, rows: Sequence[list[int]]) -> None:
        model, longest, limit = self.params.model, max(map(len, rows)), self.params.max_new_tokens or 0
        if len(rows) == 1:
            raise BadInput(
                f"{model}: one prompt of {longest} tokens and {limit} more (max_new_tokens) "
                "do not fit into memory; shorten it, or load the model smaller (precision, four_bit)"
            )
        self.size = len(rows) // 2
        print(
            f"\n{model}: {len(rows)} prompts of {longest} tokens do not fit into memory; "
            f"batches of {self.size}",
            file=sys.stderr,
        )


def _check_choices(prompt: Prompt, labels: Labels) -> None:
    if prompt.choices is not None and set(prompt.choices) != set(labels.names):
        raise BadInput(
            f"labels.names: expected the choices of prompt {prompt.id!r}, {', '.join(prompt.choices)}; "
            f"got {', '.join(labels.names)}"
        )


@lru_cache(maxsize=4)
def _tokenizer(model: str, arguments: tuple[tuple[str, Any], ...] = (), date: str | None = None) -> Any:
    tokenizer = load_tokenizer(model)
    for argument, _ in arguments:
        if f"{{%- set {argument} = " in tokenizer.chat_template:
            raise BadInput(
                f"{model}: template: its chat template sets {argument!r} itself, as that of a base model "
                "pinned with it, or of a student of one; leave it out"
            )
    tokenizer = with_arguments(tokenizer, dict(arguments), date, model)
    tokenizer.padding_side = "left"
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


@lru_cache(maxsize=2)
def _load(model: str, device: Device, precision: Precision, four_bit: bool) -> Any:
    """The model, ready to generate; the arms of an evaluation share it, so memory holds it once.

    Of the model's own generation config only the stops are kept: its temperature, top_k or penalties would be
    params that nobody gave.
    """
    loaded = load_model(model, device, precision, four_bit).eval()
    if not four_bit:
        loaded = loaded.to(_place(device))  # under `accelerate launch` weights are loaded into main memory

    from transformers import GenerationConfig

    stops = loaded.generation_config.eos_token_id
    if stops is None:
        raise BadInput(
            f"{model}: it names no end-of-turn token: its answers would never end; "
            "set eos_token_id in generation_config.json"
        )
    loaded.generation_config = GenerationConfig(
        eos_token_id=stops, pad_token_id=_tokenizer(model).pad_token_id, use_cache=True
    )
    return loaded


def _pinned(model: str) -> Weights:
    """The weights of a model; of a model of the Hub with the commit that is loaded."""
    weights = locate(model)
    if Path(weights.name).is_dir():
        return weights
    from transformers import AutoConfig

    try:
        commit = AutoConfig.from_pretrained(weights.name, revision=weights.revision)._commit_hash
    except OSError as error:
        raise BadInput(f"{model}: its config could not be loaded: {str(error).splitlines()[0]}") from None
    return weights._replace(revision=commit)


def _place(device: Device) -> str:
    """`cpu` or `cuda:<number>`: under `accelerate launch` each process has a GPU of its own."""
    place = choose_device(device)
    return place if place == "cpu" else f"cuda:{os.environ.get('LOCAL_RANK', '0')}"


def _chip(place: str) -> str:
    """The name of what computes there: other GPUs round otherwise, so they draw otherwise."""
    import torch

    return place if place == "cpu" else torch.cuda.get_device_name(place)
