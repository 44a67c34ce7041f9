"""The text alone, for a student that reasons and labels without a rule book. Its words stand in params."""

from stages.shared.rows import Message, Problem
from stages.styles.prompting.filling import filled


def render(problem: Problem, template: str) -> list[Message]:
    """`template` with the fields of the problem, as a user's turn."""
    return filled(template, problem)
