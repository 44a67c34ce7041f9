"""A chat as the template writes it, with the character spans of what is learnt.

What is learnt of a turn begins where generation begins: behind the prompt that opens the turn. Templates
differ in three ways, each of which is told from the others by what they write, never by their names:

- The prompt opens a thought (DeepSeek-R1: `<think>`) and a finished turn does not show it. The turn is then
  put together from the prompt, the rest of the words and the end of the finished turn.
- A turn is written differently once a later one follows (Qwen3 takes its thoughts out). Each turn is then a
  row of its own, with the turns before it as generation sees them.
- A text stands behind the last turn alone (Phi-3). Nothing there is learnt.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from stages.models.templates import render
from stages.shared.errors import BadInput
from stages.shared.rows import Chat, Message

_OPENED = re.compile(r"<(think|thinking|thought|reasoning)>\s*$")
_THOUGHT = re.compile(r"\s*(</?(?:think|thinking|thought|reasoning)>)\s*")


class Rendered(NamedTuple):
    """A row as the template writes it."""

    text: str
    # first character, and last one plus 1, of what is learnt of each turn
    spans: list[tuple[int, int]]
    # why the row may not be trained on
    faults: list[str]
    # how much each of its learnt tokens counts in the loss; None: 1
    weight: float | None
    # the words of the turns that are learnt
    answers: tuple[str, ...]


class _Turn(NamedTuple):
    """An assistant's turn, the last one of `text`: the span that is learnt, or why nothing can be."""

    text: str
    span: tuple[int, int]
    fault: str
    answer: str


def rendered(chat: Chat, tokenizer: Any, end: int) -> list[Rendered]:
    """`chat` as one row, or as a row for each assistant's turn where the template writes an earlier turn
    differently once a later one follows; `end` is the id of the end-of-turn token.

    Raises BadInput where the template refuses the chat, and on a lone surrogate, which no tokenizer takes.
    """
    text = render(tokenizer, chat.messages)
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise BadInput("the words hold a lone surrogate, which is no character") from None
    turns = list(_turns(chat.messages, tokenizer, tokenizer.convert_ids_to_tokens(end)))
    if all(text[: turn.span[1]] == turn.text[: turn.span[1]] for turn in turns if not turn.fault):
        return [_row(chat, text, turns)]
    return [_row(chat, turn.text, [turn]) for turn in turns]


def _row(chat: Chat, text: str, turns: Sequence[_Turn]) -> Rendered:
    spans = [turn.span for turn in turns if not turn.fault]
    faults = [turn.fault for turn in turns if turn.fault]
    return Rendered(text, spans, faults, chat.weight, tuple(turn.answer for turn in turns))


def _turns(messages: Sequence[Message], tokenizer: Any, end: str) -> Iterator[_Turn]:
    for place, message in enumerate(messages):
        if message["role"] == "assistant":
            asked = render(tokenizer, messages[:place], prompt=True)
            finished = render(tokenizer, messages[: place + 1])
            yield _turn(message["content"], asked, finished, end)


def _turn(content: str, asked: str, finished: str, end: str) -> _Turn:
    """The turn with the words `content`: `asked` is the prompt before it, `finished` the chat up to it."""
    if not content.strip():
        return _Turn(finished, (0, 0), "an assistant's turn is empty", content)
    tag = _OPENED.search(asked)
    header = asked[: tag.start()] if tag else asked
    if not finished.startswith(header):
        fault = f"generation begins behind {asked[-40:]!r}, with which no finished turn begins"
        return _Turn(finished, (0, 0), fault, content)
    written = finished[len(header) :]
    if end not in written:
        return _Turn(finished, (0, 0), "an assistant's turn has no end-of-turn token", content)
    place = written.rindex(end)
    answer, words, tail = content, written[:place], written[place:]
    if tag:
        answer = words = _behind(content, tag[1])
    if not _same_words(answer, words):
        return _Turn(finished, (0, 0), "the template changes the assistant's words", content)
    text = asked + words + tail
    return _Turn(text, (len(asked), len(asked) + len(words) + len(end)), "", answer)


def _behind(content: str, tag: str) -> str:
    """What follows an opened thought: the thought of `content` and the rest, or no thought and all of it."""
    inner = content.lstrip()
    if inner.startswith(f"<{tag}>"):
        return inner.removeprefix(f"<{tag}>").lstrip("\n")
    return inner if f"</{tag}>" in inner else f"\n</{tag}>\n\n{inner}"


def _same_words(content: str, written: str) -> bool:
    """Whether the template wrote all of `content`. The space around the words may go, as may the space around
    the marks of a thought: many templates trim it."""
    if content.strip() in written:
        return True
    return _THOUGHT.sub(r"\1", content).strip() in _THOUGHT.sub(r"\1", written)
