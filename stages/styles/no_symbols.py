"""The question, and a request to use no symbols: glyphs in the answer are leaks."""

from stages.shared.rows import Message, Problem
from stages.styles.prompting.question import question, turns

REQUEST = "Answer in plain words and numbers only. Do not use any special symbols or glyphs."


def render(problem: Problem) -> list[Message]:
    """The problem as a user's turn, the request after the question."""
    return turns(problem, f"{question(problem)}\n\n{REQUEST}")
