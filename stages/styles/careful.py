"""The single strong style: read carefully, split, solve each part, double-check."""

from stages.shared.rows import Message, Problem
from stages.styles.prompting.core import wrapped

TEXT = """\
Read the problem carefully; mind every number, name and condition. Split it into parts and solve them one \
after the other ("Part 1: ..."). Then double-check the last result against the problem ("Check: ..."), \
and give the answer."""


def render(problem: Problem) -> list[Message]:
    """The problem as a user's turn, the request below it."""
    return wrapped(TEXT, problem)
