"""Step by step (Wei et al. 2022, https://arxiv.org/abs/2201.11903)."""

from stages.shared.rows import Message, Problem
from stages.styles.prompting.core import wrapped

TEXT = """\
Think step by step. Write one numbered step a line ("Step 1: ..."), each short and built on the steps \
before it, and then the answer."""


def render(problem: Problem) -> list[Message]:
    """The problem as a user's turn, the request below it."""
    return wrapped(TEXT, problem)
