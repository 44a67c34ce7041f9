"""Chats that are too long are made to fit by cutting the text that is classified, and nothing else: neither
the words around it nor the answer."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec

from stages.models.templates import render
from stages.shared.rows import Chat, Message

CUT, NO_TEXT, TOO_LONG = "cut", "no_text", "too_long_without_text"


def fit_texts(chats: Sequence[Chat], tokenizer: Any, limit: int) -> tuple[list[Chat], dict[str, int]]:
    """The chats, those of more than `limit` tokens with the longest beginning of their text that fits.

    Also returns the number of too long chats by what became of them: `cut`; `no_text`, the chat has no text
    that may be cut; `too_long_without_text`, it would not fit with an empty text either. The last two are
    left as they are.
    """
    counts = Counter(dict.fromkeys((CUT, NO_TEXT, TOO_LONG), 0))
    fitted = []
    for chat in chats:
        if _length(chat.messages, tokenizer) <= limit:
            fitted.append(chat)
            continue
        shorter, reason = _cut(chat, tokenizer, limit)
        counts[reason] += 1
        fitted.append(shorter)
    return fitted, dict(counts)


def _length(messages: Sequence[Message], tokenizer: Any) -> int:
    return len(tokenizer(render(tokenizer, messages), add_special_tokens=False).input_ids)


def _cut(chat: Chat, tokenizer: Any, limit: int) -> tuple[Chat, str]:
    """The chat with its text cut, and what became of it."""
    text = chat.text or ""
    place = next(
        (
            turn
            for turn, message in reversed(list(enumerate(chat.messages[:-1])))
            if text in message["content"]
        ),
        None,
    )
    if not text or place is None:
        return chat, NO_TEXT

    def with_text(length: int) -> list[Message]:
        before, _, after = chat.messages[place]["content"].rpartition(text)
        message = Message(role=chat.messages[place]["role"], content=before + text[:length] + after)
        return [*chat.messages[:place], message, *chat.messages[place + 1 :]]

    if _length(with_text(0), tokenizer) > limit:
        return chat, TOO_LONG
    fits, too_long = 0, len(text)
    while too_long - fits > 1:
        middle = (fits + too_long) // 2
        if _length(with_text(middle), tokenizer) <= limit:
            fits = middle
        else:
            too_long = middle
    return msgspec.structs.replace(chat, text=text[:fits], messages=with_text(fits)), CUT
