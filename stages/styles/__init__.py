"""How a problem is put: `render(problem)` gives the messages that are sent. Every prompt text stands here and
nowhere else."""

from typing import Protocol

from stages.shared.registry import load_member
from stages.shared.rows import Message, Problem

STYLES = {
    "plain": "the question alone: what a student sees",
    "glyph": "asks for the four glyphs, each once, in order",
    "no_symbols": "the question, and a request to use no symbols",
    "judge": "an answer to a problem, and the request to judge its reasoning",
    "plain_reasoning": "a few plain sentences, then the answer",
    "chain_of_thought": "numbered steps",
    "tree_of_thought": "paths, of which those that fail are given up",
    "program": "a short program that computes the answer",
    "backward": "forward to the answer, then backward from it as a check",
    "fact_retrieval": "the facts first, then what follows from them",
    "careful": "read carefully, split, solve each part, double-check",
}


class Style(Protocol):
    """The contract of a member."""

    def render(self, problem: Problem) -> list[Message]: ...


def style(name: str) -> Style:
    """The member called `name`."""
    member: Style = load_member(__name__, STYLES, name)
    return member
