"""Registry of styles: how a problem is put to a model.

A member's `render(problem)` gives the messages that are sent: the turns before the question, if the problem
has any, and a user's turn at the end. A member with a class `Params` (a Strict model) has `render(problem,
params)`. Every prompt text stands in this package, in `shared` where other packages read it too, or in the
params of a member (see prompting/wording.py), and nowhere else. Members are pure: no files, network, clock,
global randomness or torch.

Imports `shared` only. Every stage that puts problems to a model imports this package.
"""

from typing import Any, NamedTuple, Protocol

from stages.shared.registry import load_member
from stages.shared.rows import Message, Problem

STYLES = {
    "plain": "the question alone: what a student sees",
    "glyph": "asks for the four glyphs, each once, in order",
    "no_symbols": "the question, and a request to use no symbols",
    "judge_reasoning": "an answer to a problem, and the request to judge its reasoning",
    "plain_reasoning": "a few plain sentences, then the answer",
    "chain_of_thought": "numbered steps",
    "tree_of_thought": "paths, of which those that fail are given up",
    "program": "a short program that computes the answer",
    "backward": "forward to the answer, then backward from it as a check",
    "fact_retrieval": "the facts first, then what follows from them",
    "signal_request": "the question, and a request for think and stop signals, which some conversations make",
    "rulebook": "a rule book and a text to label by it: what a teacher sees",
    "rulebook_at_student": "likewise, for a student",
    "reasoned": "a text to label, with the reasons first, without a rule book",
    "label_only": "a text to label, and nothing else",
    "tagged": "the question, and a tag of the style in which to answer: what a pair of students sees",
    "careful": "read carefully, split, solve each part, double-check",
}


class Style(Protocol):
    """The contract of a member."""

    def render(self, problem: Problem) -> list[Message]: ...


class Put(NamedTuple):
    """A style with its params, None where it has none: what params of a stage name."""

    name: str
    params: Any = None

    def render(self, problem: Problem) -> list[Message]:
        """The problem put in the style."""
        member: Any = style(self.name)
        messages: list[Message] = (
            member.render(problem) if self.params is None else member.render(problem, self.params)
        )
        return messages


def style(name: str) -> Style:
    """The member called `name`."""
    member: Style = load_member(__name__, STYLES, name)
    return member
