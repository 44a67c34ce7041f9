"""Params of a style whose words stand in params, where people edit them."""

from typing import ClassVar

from pydantic import field_validator

from stages.shared.errors import unknown
from stages.shared.params import Strict
from stages.styles.prompting.filling import FIELDS, fields_of


class Wording(Strict):
    """The words of a style, with fields that each problem fills in."""

    # the fields that the words have at least
    needed: ClassVar[tuple[str, ...]] = ("text",)
    # the words of the user's turn; see prompting/filling.py for the fields
    template: str

    @field_validator("template")
    @classmethod
    def _fields_are_known(cls, template: str) -> str:
        named = fields_of(template)
        if strangers := sorted(named - set(FIELDS)):
            raise ValueError(unknown("field", strangers[0], FIELDS))
        if missing := [field for field in cls.needed if field not in named]:
            raise ValueError(f"the field {{{missing[0]}}} is missing")
        return template
