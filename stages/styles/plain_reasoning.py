"""Reasoning as plain prose: why first, then the answer."""

from stages.shared.rows import Message, Problem
from stages.styles.prompting.core import wrapped

TEXT = """\
Explain in a few plain sentences how you get to the answer, and give the answer after that."""


def render(problem: Problem) -> list[Message]:
    """The problem as a user's turn, the request below it."""
    return wrapped(TEXT, problem)
