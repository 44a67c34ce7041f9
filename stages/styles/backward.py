"""Forward to the answer, then backward from it to what was given (Weng et al. 2023,
https://arxiv.org/abs/2212.09561)."""

from stages.shared.rows import Message, Problem
from stages.styles.prompting.core import wrapped

TEXT = """\
First reason forward to the answer, one short step a line. Then check it backward ("Back: ..."): start \
from the answer and undo the steps until you reach what was given. Mend what does not fit, and give the \
answer last."""


def render(problem: Problem) -> list[Message]:
    """The problem as a user's turn, the request below it."""
    return wrapped(TEXT, problem)
