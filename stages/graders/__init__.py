"""How good a response is: `grade(response, params)` gives a score from 0 to 1 and, below 1, a reason.

Contract: a member is a module with a function `grade(response, params) -> Grade` and a class `Params` (a
Strict model) for the grader's section of params. `grade` is a pure function of its arguments: no files, no
network, no clock, no global randomness. `grade` raises BadInput, naming the row, where a row cannot be
graded at all. The only process that a grader starts is the one of `sandbox`, which has limits of time and
memory.

Graders may import `stages.shared` and other modules of `stages.graders`, and nothing else of `stages`.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

from stages.shared.registry import load_member
from stages.shared.rows import Response

GRADERS = {
    "answer": "whether the final answer equals the gold answer",
    "glyph_structure": "whether the four glyphs stand once each, in order, no section empty, "
    "the answer in the last",
    "signal_compliance": "whether the answer has exactly the signals that its prompt asks for, and ends "
    "right after them",
    "valid_reasoning": "whether a model that was asked found the reasoning valid",
}


class Grade(NamedTuple):
    """What a grader says of one response."""

    score: float  # 0 to 1
    reason: str = ""  # why the score is below 1: a short stable name (`wrong`, `missing_plan`) to count by
    pred: str | None = None  # the final answer as written; None where the grader extracts none
    facts: Mapping[str, float | str] = MappingProxyType({})  # what it saw besides, by name: numbers and words


class Grader(Protocol):
    """The contract of a member."""

    Params: Any  # the Strict model of the grader's section of params

    def grade(self, response: Response, params: Any) -> Grade: ...


def grader(name: str) -> Grader:
    """The member called `name`; raises BadInput, with the names to choose from, where there is none."""
    member: Grader = load_member(__name__, GRADERS, name)
    return member
