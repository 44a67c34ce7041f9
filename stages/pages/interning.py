"""Texts and other values that many rows share, stored once."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from stages.shared.rows import Message

SHORTEST = 12  # characters of a text worth a reference in place of itself
Pieces = list[str | int]


class Values:
    """A list of JSON values, each once; a row names a value by its place. Place 0 holds null."""

    def __init__(self) -> None:
        self.values: list[Any] = [None]
        self._texts: dict[str, int] = {}
        self._others: dict[str, int] = {}

    def place(self, value: Any) -> int:
        """The place of `value`, which is put at the end where it is new; of None and of what is empty, 0."""
        if value is None or (not value and value != ""):
            return 0
        if isinstance(value, str):
            places, name = self._texts, value
        else:
            places, name = self._others, json.dumps(value, ensure_ascii=False)
        if name not in places:
            places[name] = len(self.values)
            self.values.append(value)
        return places[name]


def pieces(text: str, fields: Sequence[str | None]) -> Pieces:
    """`text` with each of the `fields` that stands in it replaced by the field's place in the list.

    The rest of prompts is the same for many problems. Joined again, the pieces are `text`.
    """
    parts: Pieces = [text]
    for place, field in enumerate(fields):
        if field and len(field) >= SHORTEST:
            parts = [piece for part in parts for piece in _split(part, field, place)]
    return parts


def _split(part: str | int, field: str, place: int) -> Pieces:
    if isinstance(part, int):
        return [part]
    between: Pieces = []
    for number, rest in enumerate(part.split(field)):
        between += ([place] if number else []) + ([rest] if rest else [])
    return between


def message_pieces(
    messages: Sequence[Message | Mapping[str, str]], fields: Sequence[str | None]
) -> list[Any]:
    """Each message as its role and the pieces of its content."""
    return [[message["role"], pieces(message["content"], fields)] for message in messages]
