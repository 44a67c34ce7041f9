"""Rule book and text, for a teacher that reasons, cites rules and labels. Its words stand in params."""

from stages.shared.rows import Message, Problem
from stages.styles.prompting.filling import filled


def render(problem: Problem, template: str) -> list[Message]:
    """`template` with the fields of the problem, as a user's turn."""
    return filled(template, problem)
