"""What an overview is made of: sections with tables and charts."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple


class Interval(NamedTuple):
    """A 95 % interval drawn on a line from `start` to `end`. `bar` is the bound that the value is held
    against (None: none)."""

    low: float
    high: float
    value: float
    bar: float | None = None
    start: float = 0.0
    end: float = 1.0


class Cell(NamedTuple):
    """A cell of a table: text, the filters of the rows that it counts (`{"arm": "student"}`), a class of the
    style sheet, an interval drawn beside it."""

    text: str
    rows: Mapping[str, str] = MappingProxyType({})
    look: str = ""
    interval: Interval | None = None


class Table(NamedTuple):
    """A table; a cell that is a number stands on the right."""

    head: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    # shown once a person opens it; "": always
    summary: str = ""


class Chart(NamedTuple):
    """A Vega-Lite specification without width and height, and what it shows in words."""

    spec: dict[str, Any]
    words: str
    # in pixels
    height: int = 240


class Section(NamedTuple):
    """A part of the overview. `name` is its fragment: `#overview/<name>`."""

    name: str
    title: str
    note: str
    blocks: Sequence[Table | Chart]


def number(value: float) -> str:
    """A number as a table shows it: whole numbers whole, others with four digits at most."""
    if float(value).is_integer():
        return str(int(value))
    return f"{value:.4f}".rstrip("0").rstrip(".")


def share(hits: int, n: int) -> str:
    """A share in percent; a dash where n is 0."""
    return f"{100 * hits / n:.1f} %" if n else "–"
