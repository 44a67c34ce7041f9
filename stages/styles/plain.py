"""The question alone: what a student sees, and what the base model is asked to measure how hard a problem is."""

from stages.shared.rows import Message, Problem


def render(problem: Problem) -> list[Message]:
    """One user message: context, question and lettered options, as far as the problem has them; nothing is
    asked for beyond that."""
    return [Message(role="user", content=question(problem))]


def question(problem: Problem) -> str:
    """The problem as text: its parts with an empty line between them."""
    parts = [
        problem.context or "",
        problem.question,
        *([options(problem.choices)] if problem.choices else []),
    ]
    return "\n\n".join(part for part in parts if part)


def options(choices: list[str]) -> str:
    """`A. one`, `B. two`, ..., one a line."""
    return "\n".join(f"{chr(ord('A') + place)}. {choice}" for place, choice in enumerate(choices))
