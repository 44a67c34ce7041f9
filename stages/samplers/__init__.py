"""Registry of the samplers: `answer(prompts, params, seed)` yields, for each prompt in order, the list of its
answers (empty where there is none).

Samplers import `shared` and `models`, no other package. They may use the network; torch only in `local/`.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Protocol

from stages.samplers.memo.sampled_answers import Answer as Answer
from stages.shared.registry import load_member
from stages.shared.rows import Prompt

SAMPLERS = {
    "scripted": "an offline teacher that writes worked solutions, with faults at given rates",
    "recorded": "former answers, read from a file",
    "hf": "a local transformers model",
    "classifier": "a trained classifier of words, the student tfidf",
    "openai": "any server that speaks OpenAI's chat completions",
    "gemini": "Google's Gemini, through its old package",
}


class Sampler(Protocol):
    """The contract of a member.

    `Params` (a Strict model) is its section of params. `n`, which is among them, is the number of answers to
    each prompt. A RepeatedPrompt (asking/repeats.py) wants one answer, other than those of former tries. A
    generator may return what it counted in this run (see asking/totals.py).
    """

    Params: Any

    def answer(self, prompts: Iterable[Prompt], params: Any, seed: int) -> Iterator[list[Answer]]: ...


def sampler(name: str) -> Sampler:
    """The member called `name`."""
    member: Sampler = load_member(__name__, SAMPLERS, name)
    return member
