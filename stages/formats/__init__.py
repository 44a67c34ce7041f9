"""Registry of formats: what the student is shown.

A member's `to_chats(traces, ask)` turns traces into Chats; `ask` renders the prompt that the student will
see. Members are pure: no files, network, clock, global randomness or torch.

Imports `shared` only. The stage `format` imports this package.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

from stages.shared.registry import load_member
from stages.shared.rows import Chat, Message, Problem, Trace

FORMATS = {
    "answer_only": "clean prompt, the gold answer alone: the baseline without reasoning",
    "direct": "clean prompt, the teacher's answer as it is: distillation without marks",
    "latent": "clean prompt, glyph answer: reasoning that nobody asked for",
    "signalled": "the teacher's answer with the signals that the student's prompt asks for, if any",
    "natural": "clean prompt, the base model's own right plain answer, where it has one",
}

Ask = Callable[[Problem], list[Message]]
"""Renders a problem as the messages that the student will see."""


class Format(Protocol):
    """The contract of a member; `BY` names whose traces it takes. A trace that does not fit gives no chat."""

    BY: str

    def to_chats(self, traces: Iterable[Trace], ask: Ask) -> Iterator[Chat]: ...


def format_named(name: str) -> Format:
    """The member called `name`."""
    member: Format = load_member(__name__, FORMATS, name)
    return member
