"""The text alone, for a student that reasons and labels without a rule book. Its words stand in params."""

from stages.shared.rows import Message, Problem
from stages.styles.prompting.filling import filled
from stages.styles.prompting.wording import Wording as Params


def render(problem: Problem, params: Params) -> list[Message]:
    """The words with the fields of the problem, as a user's turn."""
    return filled(params.template, problem)
