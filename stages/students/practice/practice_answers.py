"""Prompts and answers of practice, between tokens and rows."""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from stages.models.templates import render
from stages.shared.errors import BadInput
from stages.shared.rows import Ending, Prompt, Response
from stages.students.backends import Backend, Sampled
from stages.students.practice.practice_rows import Reward, Rollout


def encoded(policy: Backend, prompts: Sequence[Prompt], max_new_tokens: int) -> list[list[int]]:
    """The tokens of each prompt.

    Raises BadInput where the longest one and an answer do not fit into the model's context.
    """
    texts = [render(policy.tokenizer, prompt.messages, prompt=True) for prompt in prompts]
    rows: list[list[int]] = policy.tokenizer(texts, add_special_tokens=False).input_ids
    longest, context = max(map(len, rows)), policy.capabilities.context
    if context is not None and longest + max_new_tokens > context:
        raise BadInput(
            f"practise: a prompt of {longest} tokens and an answer of {max_new_tokens} "
            f"(max_new_tokens) do not fit into the {context} tokens of {policy.capabilities.model}"
        )
    return rows


class Source(NamedTuple):
    """Where the answers come from, as their rows name it."""

    # the name of the backend
    sampler: str
    # the model folder that is practised
    model: str
    policy: Backend

    def response(self, prompt: Prompt, answer: Sampled, sample: int) -> Response:
        """An answer as a row: its text without special tokens, its tokens without the one that ended it."""
        stopped = answer.stop_reason == "stop"
        words = answer.tokens[:-1] if stopped and answer.tokens[-1] in self.policy.stops else answer.tokens
        text = self.policy.tokenizer.decode(
            words, skip_special_tokens=True, clean_up_tokenization_spaces=False
        )
        return Response(
            **msgspec.structs.asdict(prompt),
            sampler=self.sampler,
            model=self.model,
            sample=sample,
            text=text,
            ending=Ending.STOP if stopped else Ending.LENGTH,
            tokens=len(words),
        )


def rollout(step: int, response: Response, reward: Reward, advantage: float, subset: str) -> Rollout:
    """The row of an answer that was learnt from."""
    return Rollout(
        **msgspec.structs.asdict(response),
        step=step,
        subset=subset,
        pred=reward.pred,
        rewards=reward.terms,
        reward=reward.total,
        advantage=round(advantage, 6),
    )
