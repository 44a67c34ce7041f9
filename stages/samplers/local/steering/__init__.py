"""What steers the words of a local model: `prepare(tokenizer, size, params)` returns a function that makes a
logits processor.

`prepare` is called once for a loaded model with `size` embeddings. The function that it returns is called for
each batch, so a processor may keep state of each row. A processor takes the ids so far, of shape (rows,
length), and the scores, of shape (rows, size), and returns new scores. May import: shared, models.
"""

from collections.abc import Callable
from typing import Annotated, Any, Protocol

from pydantic import BeforeValidator

from stages.shared.errors import unknown
from stages.shared.registry import load_member

STEERING = {
    "no_marks": "makes given marks impossible",
}

Processor = Callable[[Any, Any], Any]


class Steering(Protocol):
    """The contract of a member; `Params` is the pydantic model of its params."""

    Params: Any

    def prepare(self, tokenizer: Any, size: int, params: Any) -> Callable[[], Processor]: ...

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
