"""The lines of a file of chats, whatever is wrong with them.

A line is a Chat as the stage `format` writes it, or a JSON object with `messages` as people have them:

    {"id": "a1", "messages": [{"role": "user", "content": "..."}, ...], "metadata": {...}}

Of such an object `id` and `messages` are read. Content that is no string is written as JSON.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from stages.shared.errors import BadInput
from stages.shared.rows import Chat, Message
from stages.shared.shards import lines

ROLES = ("system", "user", "assistant")


class Turn(msgspec.Struct):
    """A turn as people have it."""

    role: str
    content: Any


class Talk(msgspec.Struct):
    """A line as people have it; keys other than these are not read."""

    messages: list[Turn]
    id: str | None = None
    problem: str = ""
    format: str = ""
    style: str = ""
    trace: str = ""


class ChatLine(NamedTuple):
    """A line of the file: `chat`, or the `fault` for which it is none."""

    number: int  # from 1, through all shards of a folder
    chat: Chat | None
    fault: str = ""


def chat_lines(path: Path) -> Iterator[ChatLine]:
    """Every line of `path`, one at a time. Raises BadInput where there is no such file or no line in it."""
    decoder = msgspec.json.Decoder(Talk)
    number = 0
    try:
        for number, (_, line) in enumerate(lines(path), 1):
            yield _line(decoder, line, number)
    except FileNotFoundError:
        raise BadInput(f"{path}: no such file; give one with a chat a line, as JSON") from None
    if number == 0:
        raise BadInput(f"{path}: the file is empty; expected one chat a line")


def _line(decoder: msgspec.json.Decoder[Talk], line: bytes, number: int) -> ChatLine:
    try:
        talk = _decoded(decoder, line)
    except msgspec.ValidationError as error:
        return ChatLine(number, None, f"not a chat: {error}")
    except (ValueError, RecursionError):
        return ChatLine(number, None, "malformed JSON")
    for place, turn in enumerate(talk.messages):
        if turn.role not in ROLES:
            choices = ", ".join(ROLES)
            return ChatLine(
                number, None, f"unknown role {turn.role[:40]!r} at `$.messages[{place}].role`: {choices}"
            )
    messages = [Message(role=turn.role, content=_as_text(turn.content)) for turn in talk.messages]
    name = talk.id if talk.id is not None else f"line {number}"
    chat = Chat(
        id=name,
        problem=talk.problem,
        format=talk.format,
        style=talk.style,
        messages=messages,
        trace=talk.trace,
    )
    return ChatLine(number, chat)


def _decoded(decoder: msgspec.json.Decoder[Talk], line: bytes) -> Talk:
    """msgspec refuses a lone surrogate, which is legal in JSON's escapes; the standard library does not."""
    try:
        return decoder.decode(line)
    except msgspec.ValidationError:
        raise
    except (msgspec.DecodeError, UnicodeDecodeError):
        return msgspec.convert(json.loads(line), Talk)


def _as_text(content: Any) -> str:
    return content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)
