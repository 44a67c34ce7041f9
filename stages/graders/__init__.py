"""How good an answer is: `grade(response, params)` gives a score from 0 to 1 and, below 1, the reason."""

from typing import Any, NamedTuple, Protocol

from stages.shared.registry import load_member
from stages.shared.rows import Response

GRADERS = {
    "answer": "whether the final answer equals the gold answer",
    "glyph_structure": "whether the four glyphs stand once each, in order, no section empty, the answer in the last",
    "judge": "whether a model that was asked found the reasoning valid",
}


class Grade(NamedTuple):
    """`reason` is a short stable name (`wrong`, `no_answer`, `missing_plan`): reports count by it; `pred` the
    answer as extracted."""

    score: float
    reason: str = ""
    pred: str | None = None


class Grader(Protocol):
    """The contract of a member; `Params` (a Strict model) is its section of params."""

    Params: Any

    def grade(self, response: Response, params: Any) -> Grade: ...


def grader(name: str) -> Grader:
    """The member called `name`."""
    member: Grader = load_member(__name__, GRADERS, name)
    return member
