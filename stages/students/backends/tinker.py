"""The service Tinker, https://tinker-docs.thinkingmachines.ai: it trains low-rank adapters on its own models.

It needs the package `tinker` (requirements-tinker.txt) and the key TINKER_API_KEY of the environment.
Requests are submitted in order and waited for afterwards. Saved states lie at the service and expire. Answers
are drawn from a snapshot of the weights, which is made anew after each step.
"""

import os
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar
from urllib.request import urlretrieve

from pydantic import Field

from stages.models.folders import locate
from stages.models.templates import first_line, load_tokenizer
from stages.shared.errors import BadInput
from stages.shared.params import Strict
from stages.students.backends import Adam, Capabilities, Datum, Passed, Sampled, Sampling, check_data
from stages.students.token_losses import TOKEN_LOSSES, Clip
from stages.students.training.encoding import end_of_turn

Value = TypeVar("Value")
CLIPPED = ("ppo", "cispo")  # the losses that take bounds
FILES = ("adapter_config.json", "adapter_model.safetensors")  # of an adapter, as PEFT writes it


class Params(Strict):
    """Which model the service trains."""

    backend: Literal["tinker"]
    # how the service calls the start; null: its id on the Hub
    model: str | None = None
    # rank of the adapters
    rank: int = Field(default=32, ge=1)
    # the address of the service; null: TINKER_BASE_URL of the environment, or the service's own
    url: str | None = None
    # seconds after which the service forgets a saved state; a killed run must be started again before that
    ttl_seconds: int = Field(default=7 * 24 * 3600, ge=3600)


def connect(start: Path, params: Params, store: Path, seed: int) -> "Tinker":
    """New adapters on the model that `start` stands for.

    `store` names the saved states at the service, so two runs do not overwrite each other's. Raises BadInput
    where the package or the key is missing, where the start is no model that the service knows, and where the
    service refuses.
    """
    if not os.environ.get("TINKER_API_KEY"):
        raise BadInput("tinker: the environment has no TINKER_API_KEY")
    try:
        library = import_module("tinker")
    except ModuleNotFoundError:
        raise BadInput("tinker: needs the package tinker: pip install -r requirements-tinker.txt") from None
    weights = locate(str(start))
    if weights.adapter or (params.model is None and Path(weights.name).is_dir()):
        raise BadInput(
            f"{start}: the service cannot start from local weights; start from a pinned model of the Hub, or "
            "give backend.model, the service's name of the same model"
        )
    try:
        return Tinker(library, params.model or weights.name, start, params, store.parent.name, seed)
    except (library.TinkerError, ValueError) as error:
        raise BadInput(f"tinker: {params.model or weights.name}: {first_line(error)}") from None


class Mapped(Generic[Value]):
    """The value of a future, converted once it is waited for."""

    def __init__(self, future: Any, convert: Callable[[Any], Value]) -> None:
        self.future, self.convert = future, convert

    def result(self) -> Value:
        """Waits for the value."""
        return self.convert(self.future.result())


class All(Generic[Value]):
    """The values of several futures, which were all submitted before."""

    def __init__(self, pending: Sequence[Mapped[Value]]) -> None:
        self.pending = pending

    def result(self) -> list[Value]:
        """Waits for all values."""
        return [part.result() for part in self.pending]


class Tinker:
    """The Backend of one training run at the service."""

    def __init__(self, library: Any, model: str, start: Path, params: Params, prefix: str, seed: int) -> None:
        self.library, self.model, self.params, self.prefix = library, model, params, prefix
        self.tokenizer = load_tokenizer(str(start))
        end = end_of_turn(self.tokenizer)
        if end is None:
            raise BadInput(f"{start}: its chat template ends a turn with no special token")
        self.stops = {end}
        self.service = library.ServiceClient(base_url=params.url)
        created = self.service.create_lora_training_client(base_model=model, rank=params.rank, seed=seed)
        self.training: Any = _settled(created)
        self.capabilities = Capabilities(model, tuple(TOKEN_LOSSES), None)
        self.sampler: Any = None  # of the weights as they are; None after each change
        self.first: Any = None

    def forward_backward(self, data: Sequence[Datum], loss: str, clip: Clip) -> Mapped[Passed]:
        """Submits the data; see Backend."""
        check_data(data, loss, self.capabilities.losses)
        config = {"clip_low_threshold": clip.low, "clip_high_threshold": clip.high}
        future = self.training.forward_backward(
            [self._datum(datum, loss) for datum in data], loss, config if loss in CLIPPED else None
        )
        masks = [datum.learnt() for datum in data]

        def passed(output: Any) -> Passed:
            rows = [record["logprobs"].data for record in output.loss_fn_outputs]
            return Passed(
                float(output.metrics["loss:sum"]),
                [
                    [float(value) if wanted else 0.0 for value, wanted in zip(row, mask, strict=True)]
                    for row, mask in zip(rows, masks, strict=True)
                ],
            )

        return Mapped(future, passed)

    def _datum(self, datum: Datum, loss: str) -> Any:
        types = self.library.types
        names = ("weights",) if loss == "cross_entropy" else ("logprobs", "advantages")
        tensors = {
            "target_tokens": types.TensorData(data=datum.targets, dtype="int64", shape=[len(datum.targets)])
        }
        for name in names:
            values = list(getattr(datum, name))
            tensors[name] = types.TensorData(data=values, dtype="float32", shape=[len(values)])
        return types.Datum(model_input=types.ModelInput.from_ints(datum.inputs), loss_fn_inputs=tensors)

    def optim_step(self, adam: Adam) -> Mapped[float | None]:
        """Submits a step of AdamW; the service does not tell the norm of the gradient."""
        self.sampler = None
        params = self.library.types.AdamParams(
            learning_rate=adam.learning_rate,
            beta1=adam.beta1,
            beta2=adam.beta2,
            eps=adam.eps,
            weight_decay=adam.weight_decay,
            grad_clip_norm=adam.max_grad_norm,
        )
        return Mapped(self.training.optim_step(params), lambda _: None)

    def _snapshot(self) -> Any:
        if self.sampler is None:
            self.sampler = _settled(self.training.save_weights_and_get_sampling_client())
        return self.sampler

    def sample(self, prompts: Sequence[list[int]], sampling: Sampling) -> All[list[Sampled]]:
        """Submits all prompts; see Backend."""
        types, sampler = self.library.types, self._snapshot()

        def request(number: int, prompt: list[int]) -> Mapped[list[Sampled]]:
            params = types.SamplingParams(
                max_tokens=sampling.max_tokens,
                temperature=sampling.temperature,
                seed=(sampling.seed + number) % 2**31,
                stop=sorted(self.stops),
            )
            future = sampler.sample(types.ModelInput.from_ints(prompt), sampling.n, params)
            return Mapped(future, lambda response: [_sampled(sequence) for sequence in response.sequences])

        return All([request(number, prompt) for number, prompt in enumerate(prompts)])

    def logprobs(self, sequences: Sequence[list[int]], start: bool = False) -> All[list[float]]:
        """Submits all sequences; see Backend."""
        if start and self.first is None:
            self.first = _settled(self.service.create_sampling_client(base_model=self.model))
        sampler = self.first if start else self._snapshot()
        futures = [
            sampler.compute_logprobs(self.library.types.ModelInput.from_ints(row)) for row in sequences
        ]
        return All(
            [Mapped(future, lambda values: [float(value) for value in values[1:]]) for future in futures]
        )

    def save(self, name: str, optimizer: bool) -> Mapped[str]:
        """Submits a saved state; at the service every state holds that of the optimizer."""
        future = self.training.save_state(
            f"{self.prefix}-{name}", ttl_seconds=self.params.ttl_seconds, overwrite=True
        )
        return Mapped(future, lambda response: str(response.path))

    def load(self, saved: str, optimizer: bool) -> None:
        """Goes on from a saved state; raises BadInput where the service has it no more."""
        create = (
            self.service.create_training_client_from_state_with_optimizer
            if optimizer
            else self.service.create_training_client_from_state
        )
        try:
            self.training = _settled(create(saved))
        except (self.library.TinkerError, ValueError, RuntimeError) as error:
            raise BadInput(
                f"tinker: {saved}: no such state, or one that has expired: {first_line(error)}"
            ) from None
        self.sampler = None

    def discard(self, saved: str) -> None:
        """Leaves the state to expire."""

    def export(self, folder: Path) -> None:
        """Downloads the adapters into `folder`, beside the tokenizer; raises BadInput where the service has
        none in the format of PEFT."""
        name = f"{self.prefix}-export"
        saved = self.training.save_weights_external(name, ttl_seconds=self.params.ttl_seconds).result()
        client = self.library.RestClient(base_url=self.params.url)
        urls = client.get_external_weights_urls(saved.path).result().urls
        missing = [file for file in FILES if file not in urls]
        if missing:
            raise BadInput(
                f"tinker: {saved.path} has no {', '.join(missing)}, only {', '.join(sorted(urls))}"
            )
        for file in FILES:
            urlretrieve(urls[file], folder / file)
        self.tokenizer.save_pretrained(folder)


def _sampled(sequence: Any) -> Sampled:
    return Sampled(list(sequence.tokens), list(sequence.logprobs), str(sequence.stop_reason))


def _settled(client: Any) -> Any:
    """A client, whether this version of the package gives it at once or as a future."""
    return client.result() if hasattr(client, "result") else client
