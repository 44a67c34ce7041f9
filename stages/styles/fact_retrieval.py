"""The facts first, then what follows from them."""

from stages.shared.rows import Message, Problem
from stages.styles.prompting.core import wrapped

TEXT = """\
First list the facts that matter ("Facts: ..."), those that are given and those that you know. Then \
conclude from these facts alone ("So: ..."), and give the answer."""


def render(problem: Problem) -> list[Message]:
    """The problem as a user's turn, the request below it."""
    return wrapped(TEXT, problem)
