"""A template with named fields, and a problem put into it.

    {text}       the question of the problem
    {rule_book}  its rule book
    {labels}     the labels to choose from: `ham or spam`

A brace that is no field is written twice: `{{"label": "ham"}}`.
"""

from string import Formatter

from stages.shared.errors import BadInput
from stages.shared.rows import Message, Problem
from stages.styles.prompting.question import turns

FIELDS = {"text": "text", "rule_book": "rule book", "labels": "labels to choose from"}


def fields_of(template: str) -> set[str]:
    """The names of the fields. Raises ValueError where the template is none."""
    try:
        parts = list(Formatter().parse(template))
    except ValueError as error:
        raise ValueError(f"{error}; a brace that is no field is written twice") from None
    if any(form or conversion for _, _, form, conversion in parts):
        raise ValueError("a field is its name in braces and nothing else")
    return {field for _, field, _, _ in parts if field is not None}


def filled(template: str, problem: Problem) -> list[Message]:
    """The template with the fields of `problem`, as a user's turn. Raises BadInput where the problem lacks
    what the template asks for."""
    values = {"text": problem.question, "rule_book": problem.rule_book, "labels": labels(problem)}
    for field in sorted(fields_of(template)):
        if not values[field]:
            raise BadInput(
                f"problem {problem.id!r} has no {FIELDS[field]}, which the prompt's template asks for"
            )
    return turns(problem, template.format(**values).strip())


def labels(problem: Problem) -> str:
    """`ham or spam`; "" where the problem names none."""
    *others, last = problem.choices or [""]
    return f"{', '.join(others)} or {last}" if others else last
