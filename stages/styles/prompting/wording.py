"""Styles whose text stands in params, where people edit it."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any

from pydantic import AfterValidator

from stages.shared.errors import BadInput, unknown
from stages.shared.rows import Message, Problem
from stages.styles import style
from stages.styles.prompting.filling import FIELDS, fields_of

TEMPLATED: Mapping[str, tuple[str, ...]] = {
    "rulebook": ("text", "rule_book"),
    "rulebook_at_student": ("text", "rule_book"),
    "reasoned": ("text",),
    "label_only": ("text",),
}
"""The styles whose texts stand in params, and the fields that each of them needs."""


def _checked(templates: dict[str, str]) -> dict[str, str]:
    for name, template in templates.items():
        if name not in TEMPLATED:
            raise ValueError(unknown("style with a template", name, TEMPLATED))
        try:
            named = fields_of(template)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
        if strangers := sorted(named - set(FIELDS)):
            raise ValueError(f"{name}: {unknown('field', strangers[0], FIELDS)}")
        if missing := [field for field in TEMPLATED[name] if field not in named]:
            raise ValueError(f"{name}: the field {{{missing[0]}}} is missing")
    return templates


Templates = Annotated[dict[str, str], AfterValidator(_checked)]
"""A params type: the text of each style that has its text in params."""


def renderer(name: str, templates: Mapping[str, str]) -> Callable[[Problem], list[Message]]:
    """How the style called `name` renders a problem. Raises BadInput where its text is not among
    `templates`."""
    if name not in TEMPLATED:
        return style(name).render
    if name not in templates:
        raise BadInput(f"style {name!r}: its text is missing: give it in `templates`, such as {name}: ...")
    member: Any = style(name)
    template = templates[name]

    def render(problem: Problem) -> list[Message]:
        messages: list[Message] = member.render(problem, template)
        return messages

    return render
