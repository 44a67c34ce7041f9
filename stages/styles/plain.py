"""The question alone: what a student sees, and what the base model is asked to measure how hard a problem
is."""

from stages.shared.rows import Message, Problem
from stages.styles.prompting.question import question, turns


def render(problem: Problem) -> list[Message]:
    """The problem as a user's turn; nothing is asked for beyond that."""
    return turns(problem, question(problem))
