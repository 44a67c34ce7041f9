"""The noun `Answer`: what a sampler gives, the memo keeps, and `ask` writes into a Response."""

from typing import NamedTuple

from stages.shared.rows import Ending, TokenProbs


class Answer(NamedTuple):
    """One answer to one prompt.

    `tokens` counts tokens of the model that wrote it, the end-of-turn token left out. `model` is how its
    server names it. `prompt_tokens` is the length of its prompt (0: not known). `cost_usd` is what this
    answer costs to buy (None: not known). `reasoning`, `probs` and `label_probs` are those of a Response."""

    text: str
    ending: Ending
    tokens: int
    model: str
    prompt_tokens: int = 0
    cost_usd: float | None = 0.0
    reasoning: str | None = None
    probs: list[TokenProbs] | None = None
    label_probs: dict[str, float] | None = None
