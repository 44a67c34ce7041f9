"""A problem as text, and as the turns of a chat: what every style starts from."""

from stages.shared.rows import Message, Problem


def turns(problem: Problem, content: str) -> list[Message]:
    """The turns that the problem has before its question, if any, then `content` as a user's turn.

    No style writes a system turn but where its params say so, since some chat templates refuse it.
    """
    return [*(problem.history or []), Message(role="user", content=content)]


def question(problem: Problem) -> str:
    """The problem as text: context, question and lettered options, with an empty line between them."""
    parts = [
        problem.context or "",
        problem.question,
        *([options(problem.choices)] if problem.choices else []),
    ]
    return "\n\n".join(part for part in parts if part)


def options(choices: list[str]) -> str:
    """`A. first option`, `B. second option`, ..., one a line."""
    return "\n".join(f"{chr(ord('A') + place)}. {choice}" for place, choice in enumerate(choices))
