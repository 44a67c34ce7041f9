"""How much the tokens of a classification's answer count in the loss: its reasoning, and its label."""

import re
from typing import Any

from pydantic import Field

from stages.shared.errors import BadInput
from stages.shared.params import Strict
from stages.shared.rows import Chat
from stages.students.training.encoding import Example, end_of_turn
from stages.students.training.rendering import rendered


class TokenWeights(Strict):
    """The weights of the tokens that are learnt.

    What follows the label weighs 1; the end of the turn is part of it.
    """

    # of the tokens before the label
    reasoning: float = Field(default=1.0, ge=0)
    # of the tokens of the label
    label: float = Field(default=1.0, gt=0)


def weigh(chat: Chat, example: Example, tokenizer: Any, weights: TokenWeights) -> Example:
    """`example`, which is `chat` as tokens, with a weight for each token, times the weight of the chat.

    The label is where the last assistant's turn names the gold label last, as a word of its own. A token that
    holds a character of the label is a token of the label. Raises BadInput on a chat without a label, and on
    an answer that does not name it.
    """
    rows = rendered(chat, tokenizer, end_of_turn(tokenizer) or 0)
    if len(rows) > 1:
        raise BadInput(
            f"token_weights: chat {chat.id!r} has several answers, and the template makes a row of each: no "
            "label for each of them; set token_weights to null"
        )
    text = rows[0].text
    start, stop = _label_span(chat, text)
    offsets = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True).offset_mapping
    own = 1.0 if chat.weight is None else chat.weight
    values = [
        own * (weights.reasoning if end <= start else weights.label if begin < stop else 1.0)
        for begin, end in offsets
    ]
    return example._replace(weights=values)


def _label_span(chat: Chat, text: str) -> tuple[int, int]:
    """The characters of the label in `text`, the chat as the template writes it."""
    answer = chat.messages[-1]["content"].strip()
    named = None
    if chat.label:
        pattern = rf"(?<!\w){re.escape(chat.label)}(?!\w)"
        named = list(re.finditer(pattern, answer)) or list(re.finditer(pattern, answer, re.IGNORECASE))
    if not named:
        raise BadInput(
            f"token_weights: chat {chat.id!r}: its answer does not name its label {chat.label!r}: "
            "no token is the label's"
        )
    start = text.rindex(answer) + named[-1].start()
    return start, start + len(chat.label or "")
