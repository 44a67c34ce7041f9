"""Answers in the words of the plain style."""

from stages.shared.rows import Kind, Problem

OPENING = "The answer is "


def plain_answer(problem: Problem) -> str:
    """`The answer is 9.`; an expression stands in a box."""
    boxed = problem.kind is Kind.EXPRESSION
    return OPENING + (f"\\boxed{{{problem.answer}}}." if boxed else f"{problem.answer}.")
