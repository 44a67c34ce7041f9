"""JSON that a person brings, of which nothing is lost or let through by the reader."""

import json
from typing import Any


def strict(text: str | bytes) -> Any:
    """What the text holds; ValueError where it is no JSON, holds NaN or Infinity, or a key stands twice.

    A lone surrogate is read, which https://www.rfc-editor.org/rfc/rfc8259 allows in escapes. RecursionError
    where values are nested too deeply.
    """
    return json.loads(text, parse_constant=_refuse, object_pairs_hook=_once)


def _refuse(name: str) -> float:
    raise ValueError(f"{name} is no JSON")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A mapping whose keys all differ: of two alike the first would be lost."""
    values = dict(pairs)
    if len(values) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twice!r} stands twice")
    return values
