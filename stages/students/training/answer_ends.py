"""Answers that cannot be trained on as they are, without what says nothing at their ends."""

from collections.abc import Iterable
from typing import Any

import msgspec

from stages.shared.rows import Chat, Message

SPACE = "white space around an answer was removed"
TOKEN = "a token that begins or ends a turn was removed from the ends of an answer"


def cleaned(chat: Chat, tokenizer: Any, end: int) -> tuple[Chat, list[str]]:
    """`chat` with each answer cleaned, and what was done; an empty list where nothing was.

    White space around an answer goes: newlines at its beginning can fuse with the newline before them into
    one token. So does the text of the tokens that begin a text or end a turn: teachers leave it there. The
    words between stay as they are.
    """
    before = {tokenizer.bos_token} - {None}
    behind = {tokenizer.eos_token, tokenizer.convert_ids_to_tokens(end)} - {None}
    changes = dict[str, None]()
    messages = []
    for message in chat.messages:
        content = message["content"]
        if message["role"] == "assistant":
            words = _without(content.strip(), before, behind)
            if words != content.strip():
                changes[TOKEN] = None
            elif words != content:
                changes[SPACE] = None
            content = words
        messages.append(Message(role=message["role"], content=content))
    return (msgspec.structs.replace(chat, messages=messages) if changes else chat), list(changes)


def _without(words: str, before: Iterable[str], behind: Iterable[str]) -> str:
    """`words` without any of `before` at the beginning and of `behind` at the end, however often."""
    length = -1
    while length != len(words):
        length = len(words)
        for token in before:
            words = words.removeprefix(token).lstrip()
        for token in behind:
            words = words.removesuffix(token).rstrip()
    return words
