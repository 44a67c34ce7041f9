"""Code that computes the answer (Chen et al. 2022, https://arxiv.org/abs/2211.12588); the model runs it in
its head."""

from stages.shared.rows import Message, Problem
from stages.styles.prompting.core import wrapped

TEXT = """\
Write a short Python program that computes the answer: one statement a line, its result in a comment, \
facts as comments, and a print at the end. Work out what it prints, and give that as the answer below the \
program."""


def render(problem: Problem) -> list[Message]:
    """The problem as a user's turn, the request below it."""
    return wrapped(TEXT, problem)
