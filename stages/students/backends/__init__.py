"""Where a policy is trained: `connect(start, params, store, seed)` gives a Backend, which knows a few
primitives.

Primitives that take time return a Pending: a caller submits what belongs together and waits afterwards, so a
service works without a pause between them. Gradients add up until `optim_step`. Losses are sums over tokens
(students/token_losses). May import: shared, models, and of students token_losses and training.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from stages.shared.errors import BadInput
from stages.shared.registry import load_member
from stages.students.token_losses import Clip

BACKENDS = {
    "local": "a transformers model that is trained here",
    "tinker": "low-rank adapters that the service Tinker trains",
}

Value = TypeVar("Value")
Value_co = TypeVar("Value_co", covariant=True)


class Datum(NamedTuple):
    """A sequence to learn from; every list has an entry for each target."""

    # the tokens that are read
    inputs: list[int]
    # the token that follows each of them
    targets: list[int]
    # for the loss `cross_entropy`: how much each target counts; 0: not learnt
    weights: list[float] = []  # noqa: RUF012 (never changed, so safe to share)
    # for the other losses: the log-probability with which each target was drawn
    logprobs: list[float] = []  # noqa: RUF012
    # for the other losses: 0 where a target is not learnt, as in a prompt
    advantages: list[float] = []  # noqa: RUF012

    def learnt(self) -> list[bool]:
        """Which targets have a part in the loss."""
        return [value != 0 for value in self.weights or self.advantages]


class Adam(NamedTuple):
    """A step of AdamW."""

    learning_rate: float
    beta1: float = 0.9
    beta2: float = 0.95
    eps: float = 1e-8
    weight_decay: float = 0.0
    # a gradient with a larger norm is scaled down to it
    max_grad_norm: float = 1.0


class Sampling(NamedTuple):
    """How answers are drawn."""

    # answers to each prompt
    n: int
    # an answer that reaches this length is cut off
    max_tokens: int
    # 0 takes the likeliest token each time; 1 draws from the policy as it is
    temperature: float = 1.0
    seed: int = 0


class Sampled(NamedTuple):
    """One answer."""

    # the end-of-turn token among them, where the answer has one
    tokens: list[int]
    # their log-probabilities under the policy at temperature 1
    logprobs: list[float]
    # `stop`, or `length` where the answer was cut off
    stop_reason: str


class Passed(NamedTuple):
    """What a forward and backward pass gives."""

    # summed over all tokens
    loss: float
    # of every target of every datum; 0.0 where a target is not learnt
    logprobs: list[list[float]]


class Capabilities(NamedTuple):
    """What a backend can do."""

    # which model is trained
    model: str
    # names of students/token_losses
    losses: tuple[str, ...]
    # tokens of a sequence, at most; None: not known
    context: int | None


class Pending(Protocol[Value_co]):
    """A value that may still be computed."""

    def result(self) -> Value_co: ...


class Done(Generic[Value]):
    """A value that is there."""

    def __init__(self, value: Value) -> None:
        self.value = value

    def result(self) -> Value:
        """The value."""
        return self.value


class Backend(Protocol):
    """The primitives of a trainer."""

    tokenizer: Any
    # the tokens that end an answer
    stops: set[int]
    capabilities: Capabilities

    # adds the gradients of the loss called `loss`
    def forward_backward(self, data: Sequence[Datum], loss: str, clip: Clip) -> Pending[Passed]: ...

    # applies the gradients and clears them; gives their norm before it was scaled down (None: not known)
    def optim_step(self, adam: Adam) -> Pending[float | None]: ...

    # for each prompt, `sampling.n` answers of the policy as it is now
    def sample(self, prompts: Sequence[list[int]], sampling: Sampling) -> Pending[list[list[Sampled]]]: ...

    # of each token but the first, given those before it; `start`: under the model that was started from
    def logprobs(self, sequences: Sequence[list[int]], start: bool = False) -> Pending[list[list[float]]]: ...

    # keeps the weights, with or without the state of the optimizer, and gives what `load` takes
    def save(self, name: str, optimizer: bool) -> Pending[str]: ...

    # without `optimizer` the optimizer begins anew
    def load(self, saved: str, optimizer: bool) -> None: ...

    # frees a saved state; a service that lets its states expire may leave it to that
    def discard(self, saved: str) -> None: ...

    # writes a model folder's weights and tokenizer, without its description
    def export(self, folder: Path) -> None: ...


class BackendModule(Protocol):
    """The contract of a member; `Params` (a Strict model) is its section of params."""

    Params: Any

    def connect(self, start: Path, params: Any, store: Path, seed: int) -> Backend: ...


def backend(name: str) -> BackendModule:
    """The member called `name`."""
    member: BackendModule = load_member(__name__, BACKENDS, name)
    return member


def check_data(data: Sequence[Datum], loss: str, losses: Sequence[str]) -> None:
    """Raises BadInput on an unknown loss, no data, nothing to learn, or lists of different lengths."""
    if loss not in losses:
        raise BadInput(f"forward_backward: unknown loss {loss!r}; choose from: {', '.join(losses)}")
    if not data:
        raise BadInput("forward_backward: no data")
    names = ("weights",) if loss == "cross_entropy" else ("logprobs", "advantages")
    for number, datum in enumerate(data):
        for name in ("targets", *names):
            if len(getattr(datum, name)) != len(datum.inputs):
                raise BadInput(
                    f"forward_backward: datum {number}: {len(getattr(datum, name))} {name} for "
                    f"{len(datum.inputs)} inputs; {loss} needs one for each"
                )
