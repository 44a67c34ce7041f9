"""Makes think tags less likely: a penalty is taken from the score of every token that goes on with a tag.

The penalty changes linearly from `first` at the first token of an answer to `last` at token `over`, and
stays there. A tag may be one token or several: each token that goes on with it is penalised, the tag's first
byte left out.
"""

from typing import Annotated, Any

from pydantic import Field

from stages.samplers.local.steering import Begin, Chats, Processor, Steered
from stages.samplers.local.steering.batch_state import Columns, move
from stages.samplers.local.steering.occurrences import Occurrences, tables
from stages.shared.params import Strict


class Params(Strict):
    """Which tags, and how much less likely."""

    # the tags, as an answer would spell them
    tags: list[Annotated[str, Field(min_length=2)]] = Field(default=["<think>", "</think>"], min_length=1)
    # what is taken from the scores (natural logarithms of odds) at the first token
    first: float = Field(default=10.0, ge=0)
    # what is taken from them at token `over` and later
    last: float = Field(default=10.0, ge=0)
    # tokens of the answer in which the penalty changes
    over: int = Field(default=0, ge=0)


def check_prefill(prefill: str, params: Params) -> None:
    """Any prefill will do: a tag in it is no new one."""


def prepare(model: Steered, params: Params) -> Begin:
    """A function that makes a processor for one batch."""
    table_of = tables(model)
    # a tag that is a special token has no bytes
    whole = [
        place
        for tag, place in model.tokenizer.get_vocab().items()
        if tag in params.tags and place < model.size
    ]

    def begin(chats: Chats) -> Processor:
        return ThinkTagPenalty(Occurrences(table_of, params.tags, len(chats), model.prefill), whole, params)

    return begin


class ThinkTagPenalty:
    """The processor of one batch; `whole` are the tokens that are a tag by themselves."""

    def __init__(self, tags: Occurrences, whole: list[int], params: Params) -> None:
        import torch

        self.tags, self.params, self.columns = tags, params, Columns()
        # of shape (K, states, tokens)
        self.penalised = (tags.hits > 0) | (tags.following >= 2) & ~tags.silent
        self.penalised[:, :, torch.tensor(whole, dtype=torch.long)] = True

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        """`scores` less the penalty of this token."""
        if self.penalised.device != scores.device:
            move(self, scores.device)
        for tokens in self.columns.unread(input_ids):
            self.tags.read(tokens)
        mask = self.penalised[self.tags.columns, self.tags.states].any(dim=1)
        return scores - penalty(self.params, self.columns.new) * mask


def penalty(params: Params, token: int) -> float:
    """The penalty at a token of the answer, counted from 0."""
    share = min(1.0, token / params.over) if params.over else 1.0
    return params.first + (params.last - params.first) * share
