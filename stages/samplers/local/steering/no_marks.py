"""Makes marks impossible: every token with which a mark would be complete is forbidden.

A list of forbidden words would not do. A tokenizer that splits a mark into bytes can write the mark in many
ways: byte by byte, with the space before it, two marks in one token. So an automaton watches the bytes,
whatever tokens they come in; its states are the beginnings of marks.
"""

import math
from collections.abc import Collection, Sequence
from typing import Annotated, Any

from pydantic import ConfigDict, Field, RootModel

from stages.samplers.local.steering import Begin, Steered
from stages.samplers.local.steering.token_bytes import token_bytes
from stages.shared.marks import marks_in


class Params(RootModel[list[Annotated[str, Field(min_length=1)]]]):
    """The marks that no answer may hold."""

    model_config = ConfigDict(strict=True, frozen=True)

    # characters or short words
    root: list[Annotated[str, Field(min_length=1)]] = Field(min_length=1)


def check_prefill(prefill: str, params: Params) -> None:
    """Raises ValueError where `prefill` holds a forbidden mark."""
    marks = marks_in(prefill, params.root)
    if marks:
        raise ValueError(f"prefill holds {marks[0]!r}, which steer.no_marks forbids: give one of the two")


def prepare(model: Steered, params: Params) -> Begin:
    """A function that makes a processor for one batch."""
    import torch

    marks = [mark.encode() for mark in params.root]
    words = token_bytes(model.tokenizer, model.size)
    begun = beginnings(marks)
    following = torch.tensor(_following(begun, words), dtype=torch.int32)
    forbidden = torch.zeros((len(begun), model.size), dtype=torch.bool)
    for state, beginning in enumerate(begun):
        forbidden[state, _completing(beginning, words, marks)] = True
    return lambda chats: NoMarks(following, forbidden)


def beginnings(marks: Collection[bytes]) -> list[bytes]:
    """The states of the automaton: all that a mark may begin with, short of the whole mark; the first is
    empty."""
    return sorted(
        {mark[:length] for mark in marks for length in range(len(mark))}, key=lambda part: (len(part), part)
    )


def _longest(text: bytes, begun: Sequence[bytes]) -> int:
    """The state after `text`: the longest beginning of a mark that `text` ends with."""
    return max(state for state, beginning in enumerate(begun) if text.endswith(beginning))


def _following(begun: Sequence[bytes], words: Sequence[bytes]) -> list[list[int]]:
    """For each state and each token the next state; a token without bytes changes nothing."""
    starts, longest = {beginning[-1:] for beginning in begun}, len(begun[-1])
    table = []
    for state, beginning in enumerate(begun):
        # a token whose last byte stands in no beginning leads back to the start, whatever came before
        table.append(
            [
                (_longest((beginning + word)[-longest:], begun) if word[-1:] in starts else 0)
                if word
                else state
                for word in words
            ]
        )
    return table


def _completing(beginning: bytes, words: Sequence[bytes], marks: Collection[bytes]) -> list[int]:
    """The tokens with which a mark would be complete in a text that ends with `beginning`."""
    return [token for token, word in enumerate(words) if any(mark in beginning + word for mark in marks)]


class NoMarks:
    """The processor of one batch; `state` is that of each row's text, of shape (rows).

    `following` and `forbidden` have shape (states, tokens).
    """

    def __init__(self, following: Any, forbidden: Any) -> None:
        self.following, self.forbidden = following, forbidden
        self.state: Any = None
        self.read = 0

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        """`scores` without the tokens that would complete a mark after `input_ids`."""
        if self.state is None:
            self.following, self.forbidden = (
                table.to(input_ids.device) for table in (self.following, self.forbidden)
            )
            self.state = input_ids.new_zeros(len(input_ids))
        for tokens in input_ids[:, self.read :].unbind(dim=1):
            self.state = self.following[self.state, tokens].long()
        self.read = input_ids.shape[1]
        return scores.masked_fill(self.forbidden[self.state], -math.inf)
