"""Several branches, of which one holds (Yao et al. 2023, https://arxiv.org/abs/2305.10601), in a single
answer."""

from stages.shared.rows import Message, Problem
from stages.styles.prompting.core import wrapped

TEXT = """\
Think in branches. Write each idea as a path of its own ("Path 1: ...", "Path 2: ...") and judge it; give \
up a path that fails and say so. Follow the path that holds to its end, and then give the answer."""


def render(problem: Problem) -> list[Message]:
    """The problem as a user's turn, the request below it."""
    return wrapped(TEXT, problem)
