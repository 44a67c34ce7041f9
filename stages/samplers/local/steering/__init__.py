"""What steers the words of a local model: `prepare(model, params)` returns a function `begin(chats)`, which
makes a logits processor.

`prepare` is called once for a loaded model. `begin` is called for each batch, with the messages of each row's
prompt: so a processor keeps state of each row, and may read what the row's prompt asks for. A processor takes
the ids so far, of shape (rows, length), and the scores, of shape (rows, size), and returns new scores. At its
first call the ids are the prompts alone, padded on the left, the prefill among them.
May import: shared, models.
"""

from collections.abc import Callable, Sequence
from typing import Annotated, Any, NamedTuple, Protocol

from pydantic import BeforeValidator

from stages.shared.errors import unknown
from stages.shared.registry import load_member
from stages.shared.rows import Message

STEERING = {
    "no_marks": "makes given marks impossible",
    "think_prefix": "begins an answer with the think symbols that its prompt asks for",
    "think_tag_penalty": "makes think tags less likely, by a schedule over the answer's tokens",
    "answer_floor": "no end, and no stop symbol, before so many tokens of the answer",
    "stop_after_signals": "the stop symbols that a prompt asks for, then nothing but the end",
    "no_unasked_signals": "makes signals impossible that the prompt does not ask for, or not so often",
}

Processor = Callable[[Any, Any], Any]
Chats = Sequence[Sequence[Message]]
Begin = Callable[[Chats], Processor]


class Steered(NamedTuple):
    """The model that is steered."""

    tokenizer: Any
    # embeddings, and so scores of a row
    size: int
    # the ids that end an answer
    stops: list[int]
    # what every answer begins with
    prefill: str = ""
    # what scores are divided by before a token is drawn; 0: the likeliest is taken
    temperature: float = 0.0


class Steering(Protocol):
    """The contract of a member; `Params` is the pydantic model of its params."""

    Params: Any

    def prepare(self, model: Steered, params: Any) -> Begin: ...

    def check_prefill(self, prefill: str, params: Any) -> None:
        """Raises ValueError where an answer that begins with `prefill` contradicts `params`."""
        ...


def steering(name: str) -> Steering:
    """The member called `name`."""
    member: Steering = load_member(__name__, STEERING, name)
    return member


def _check(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict) or len(value) != 1:
        raise ValueError(f"expected a mapping with one key of: {', '.join(sorted(STEERING))}")
    ((name, settings),) = value.items()
    if name not in STEERING:
        raise ValueError(unknown("steering", name, STEERING))
    return {name: steering(name).Params.model_validate(settings)}


# A params type: the name of a member with its params, e.g. {no_marks: [a, b]}.
Step = Annotated[dict[str, Any], BeforeValidator(_check)]
