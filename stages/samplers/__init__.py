"""Who answers: `answer(prompts, params, seed)` yields, for each prompt in order, the list of its answers
(empty where there is none)."""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, Protocol

from stages.shared.registry import load_member
from stages.shared.rows import Ending, Prompt

SAMPLERS = {
    "scripted": "an offline teacher that writes worked solutions, with faults at given rates",
    "recorded": "former answers, read from a file",
    "hf": "a local transformers model",
    "openai": "any server that speaks OpenAI's chat completions",
    "gemini": "Google's Gemini, through its old package",
}


class Answer(NamedTuple):
    """One answer to one prompt; `tokens` counts tokens of the model that wrote it, the end-of-turn token left
    out. `prompt_tokens` is what it was asked with (0: not known), `cost_usd` what it costs to buy (None: not
    known)."""

    text: str
    ending: Ending
    tokens: int
    model: str
    prompt_tokens: int = 0
    cost_usd: float | None = 0.0


class Sampler(Protocol):
    """The contract of a member; `Params` (a Strict model) is its section of params, `n` among them: answers
    to each prompt. A paid one's generator returns what it counted (see `ask.Bill`)."""

    Params: Any

    def answer(self, prompts: Iterable[Prompt], params: Any, seed: int) -> Iterator[list[Answer]]: ...


def sampler(name: str) -> Sampler:
    """The member called `name`."""
    member: Sampler = load_member(__name__, SAMPLERS, name)
    return member
