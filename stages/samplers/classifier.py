"""The classifier of words that the student `tfidf` trains: it answers a problem with the likeliest label of
the question, and gives the probability of each label."""

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Literal

from pydantic import Field

from stages.models.linear_text import LinearText, load_linear
from stages.samplers.memo.sampled_answers import Answer
from stages.shared.errors import BadInput
from stages.shared.params import Strict
from stages.shared.rows import Ending, Prompt

BATCH = 512  # texts classified together


class Params(Strict):
    """Which classifier answers, and how."""

    sampler: Literal["classifier"]
    # the folder of a student `tfidf`
    model: str
    # answers to each prompt: the classifier has just one
    n: int = Field(default=1, ge=1, le=1)
    # what stands before the label in the answer
    opening: str = "<label>"
    # what follows the label in the answer
    closing: str = "</label>"


def answer(prompts: Iterable[Prompt], params: Params, seed: int) -> Iterator[list[Answer]]:
    """One answer to each prompt, in order. Nothing is drawn, so `seed` plays no part.

    Raises BadInput on a prompt whose choices are not the labels that the classifier knows.
    """
    model, waiting = load_linear(Path(params.model)), iter(prompts)
    while batch := list(islice(waiting, BATCH)):
        for prompt in batch:
            if prompt.choices is not None and set(prompt.choices) != set(model.labels):
                raise BadInput(
                    f"{params.model}: it knows the labels {', '.join(model.labels)}; "
                    f"prompt {prompt.id!r} has the choices {', '.join(prompt.choices)}"
                )
        yield from _answers(batch, model, params)


def _answers(batch: list[Prompt], model: LinearText, params: Params) -> Iterator[list[Answer]]:
    for probs in model.probs([prompt.question for prompt in batch]):
        label = max(probs, key=lambda name: probs[name])
        text = params.opening + label + params.closing
        # it writes no tokens: `tokens` is 0
        yield [Answer(text, Ending.STOP, 0, model=params.model, label_probs=probs)]
