"""From a chat to token ids and the mask of what is learnt: the assistant's tokens of every turn, each turn's
end token among them.

The chat is rendered and tokenised once, as a single text, and the mask comes from character spans. So no
token is counted with one tokenizer and cut with another, and no boundary moves because a part was tokenised
alone.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from stages.models.templates import render, special_tokens
from stages.shared.errors import BadInput
from stages.shared.rows import Chat, Message
from stages.students.training.rendering import Rendered, rendered

ANSWER = "Zqxj7"  # words that no template writes itself


class Example(NamedTuple):
    """A chat as tokens."""

    ids: list[int]
    # whether each token is learnt
    supervised: list[bool]
    # why the row may not be trained on; empty where it may
    faults: list[str]
    # how much each token counts in the loss, at least 0; None: all count 1
    weights: list[float] | None = None
    # the class that the row is of, where the order of the rows keeps the shares of the classes; None: it does
    # not
    label: str | None = None
    # the words of the turns that are learnt
    answers: tuple[str, ...] = ()


def end_of_turn(tokenizer: Any) -> int | None:
    """The id of the special token that the chat template writes after an assistant's words, or None.

    Raises BadInput where the template changes the words.
    """
    text = render(tokenizer, [Message(role="user", content="a"), Message(role="assistant", content=ANSWER)])
    if ANSWER not in text:
        raise BadInput(f"the chat template changes the assistant's words: {ANSWER!r} became {text!r}")
    tail = text.rpartition(ANSWER)[2]
    special = special_tokens(tokenizer)
    return next(
        (token for token in tokenizer(tail, add_special_tokens=False).input_ids if token in special), None
    )


def encode(chat: Chat, tokenizer: Any, end: int) -> Example:
    """`chat`, which takes a single row, as ids with its mask; `end` is the id of the end-of-turn token.

    Raises BadInput where the template refuses the chat.
    """
    (example,) = encode_rendered(rendered(chat, tokenizer, end), tokenizer)
    return example


def encode_rendered(texts: Sequence[Rendered], tokenizer: Any) -> list[Example]:
    """The chats as ids with their masks, tokenised in one call."""
    encoded = tokenizer([row.text for row in texts], add_special_tokens=False, return_offsets_mapping=True)
    rows = zip(texts, encoded.input_ids, encoded.offset_mapping, strict=True)
    return [_masked(row, ids, offsets) for row, ids, offsets in rows]


def _masked(row: Rendered, ids: list[int], offsets: Sequence[tuple[int, int]]) -> Example:
    supervised, faults = [False] * len(ids), list(row.faults)
    for low, high in row.spans:
        for place, (start, stop) in enumerate(offsets):
            # a space may be left out of its own offsets, so that both are its end
            if low <= start and low < stop <= high:
                supervised[place] = True
            elif start < high and stop > low:
                faults.append("a token straddles the border of the assistant's turn")
    weights = None if row.weight is None else [row.weight] * len(ids)
    return Example(ids, supervised, faults, weights, answers=row.answers)
