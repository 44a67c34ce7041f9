"""Takes a thought that a server left in front of an answer out of the text: `<think>...</think>The answer`.

Servers without a parser for reasoning send it so. A tag that the prompt itself names was asked for, and is a
part of the answer.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

# The marks that models of today put around a thought.
PAIRS = (
    ("<think>", "</think>"),  # DeepSeek-R1, Qwen3, GLM, MiniMax
    ("<thinking>", "</thinking>"),
    ("<thought>", "</thought>"),
    ("<reasoning>", "</reasoning>"),  # Hermes
    ("[THINK]", "[/THINK]"),  # Magistral
    ("<seed:think>", "</seed:think>"),  # Seed-OSS
    ("◁think▷", "◁/think▷"),  # Kimi
    ("<|begin_of_thought|>", "<|end_of_thought|>"),  # Sky-T1, OpenThinker
    ("<|START_THINKING|>", "<|END_THINKING|>"),  # Command A
)
# A template may open the thought itself: the answer then holds the closing mark alone.
UNOPENED = ("</think>", "</seed:think>", "[/THINK]", "◁/think▷")
_CHANNEL = re.compile(r"<\|channel\|>\s*(\w+)[^<]*<\|message\|>")  # harmony, of gpt-oss
_CHANNEL_END = re.compile(r"<\|(?:end|return|call|start)\|>")


class Split(NamedTuple):
    """An answer and the thought before it (None: there is none). `ended`: the thought was closed."""

    text: str
    thought: str | None
    ended: bool


def split_thought(text: str, messages: Iterable[Mapping[str, Any]]) -> Split:
    """`text`, which answers the prompt `messages`, without the thought in front of it."""
    if not any(mark in text for mark in "<[◁"):
        return Split(text, None, True)
    if _CHANNEL.match(text.lstrip()):
        return _of_channels(text)
    asked = "\n".join(str(message.get("content")) for message in messages).lower()
    pairs = [pair for pair in PAIRS if pair[0].lower() not in asked]
    thoughts: list[str] = []
    rest = text
    while pair := next((pair for pair in pairs if _starts_with(rest, pair[0])), None):
        inside, close, after = _partition(rest.lstrip()[len(pair[0]) :], pair[1])
        thoughts.append(inside)
        if not close:
            return Split("", _joined(thoughts), False)
        rest = after.lstrip()
    if not thoughts:
        return _unopened(text, pairs)
    return Split(rest, _joined(thoughts), True)


def _unopened(text: str, pairs: list[tuple[str, str]]) -> Split:
    for opening, closing in pairs:
        if closing in UNOPENED:
            inside, close, after = _partition(text, closing)
            if close and opening not in inside:
                return Split(after.lstrip(), inside.strip() or None, True)
    return Split(text, None, True)


def _of_channels(text: str) -> Split:
    channels = list(_CHANNEL.finditer(text))
    ends = [match.start() for match in channels[1:]] + [len(text)]
    parts = [
        (channel[1], _CHANNEL_END.split(text[channel.end() : end])[0])
        for channel, end in zip(channels, ends, strict=True)
    ]
    answers = [part for name, part in parts if name == "final"]
    thoughts = [part for name, part in parts if name != "final"]
    return Split(answers[-1] if answers else "", _joined(thoughts), bool(answers))


def _starts_with(text: str, mark: str) -> bool:
    return text.lstrip()[: len(mark)].lower() == mark.lower()


def _partition(text: str, mark: str) -> tuple[str, str, str]:
    """As str.partition, whatever the case of the letters of `mark`."""
    match = re.search(re.escape(mark), text, re.IGNORECASE)
    return (text[: match.start()], match.group(), text[match.end() :]) if match else (text, "", "")


def _joined(thoughts: list[str]) -> str | None:
    return "\n\n".join(thought.strip() for thought in thoughts if thought.strip()) or None
