"""The metrics of an evaluation as tables: those that params name, against their bars; and all of them."""

import operator
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from stages.pages.sections import Cell, Interval, Table, number

BAR = r"^(>=|<=) -?\d+(\.\d+)?$"
HOLDS: dict[str, Callable[[float, float], bool]] = {">=": operator.ge, "<=": operator.le}


class Result(NamedTuple):
    """A metric that the page shows first. `bar` is `>= number`, `<= number` or "" (none)."""

    metric: str
    what: str
    bar: str


class Names(NamedTuple):
    """What a part of a metric's name can name: an arm, a task."""

    arms: Collection[str]
    tasks: Collection[str]


def at(nested: Mapping[str, Any], metric: str) -> Any:
    """The value of a metric by its name, whose dots nest; None where there is none."""
    value: Any = nested
    for key in metric.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return value


def met(value: float, bar: str) -> bool:
    """Whether `value` is on the right side of `bar`."""
    sign, bound = bar.split(" ")
    return HOLDS[sign](value, float(bound))


def results(wanted: Sequence[Result], metrics: Mapping[str, Any], names: Names) -> Table:
    """A row for each metric wanted: what it is, its value with its interval, its bar, whether that is met.

    A metric that the evaluation lacks has no value; where it has a bar, the bar is missed.
    """
    return Table(
        ["", "value", "95 % interval", "", "bar", ""], [_row(result, metrics, names) for result in wanted]
    )


def _row(result: Result, metrics: Mapping[str, Any], names: Names) -> list[Cell]:
    value, interval = at(metrics, result.metric), at(metrics.get("interval", {}), result.metric)
    known = isinstance(value, int | float)
    passed = known and bool(result.bar) and met(value, result.bar)
    verdict = Cell("met", look="good") if passed else Cell("missed", look="bad") if result.bar else Cell("")
    bound = float(result.bar.split(" ")[1]) if result.bar else None
    return [
        Cell(result.what or result.metric),
        Cell(number(value) if known else "–", rows_of(result.metric, names), "number"),
        Cell(" to ".join(map(number, interval)) if interval else "", look="number"),
        Cell("", interval=_drawn(value, interval, bound) if known and interval else None),
        Cell(result.bar, look="number"),
        verdict,
    ]


def _drawn(value: float, interval: Sequence[float], bar: float | None) -> Interval:
    """On a line from 0 to 1, or from -1 to 1 where it goes below 0, or up to twice its value."""
    low, high = interval
    end = 1.0 if high <= 1 else 2 * high
    return Interval(low, high, value, bar, min(0.0, -1.0 if low < 0 else 0.0, low), end)


def rows_of(metric: str, names: Names) -> dict[str, str]:
    """The filters of the rows that a metric is of: those of the arm, the task and the level that its name
    names; of a difference of two arms the problems that only the first has right. Empty without an arm."""
    parts: dict[str, str] = {}
    for part in metric.split(".")[1:]:
        pairs = [
            (first, second) for first in names.arms for second in names.arms if part == f"{first}_{second}"
        ]
        if part in names.arms:
            parts["arm"] = part
        elif part in names.tasks:
            parts["task"] = part
        elif pairs:
            parts |= {"better": pairs[0][0], "worse": pairs[0][1]}
        elif metric.startswith("accuracy_level.") and part.isdigit():
            parts["level"] = part
    if not parts.keys() & {"arm", "better"}:
        return {}
    return {"split": "test"} | parts


def every(title: str, metrics: Mapping[str, Any], names: Names) -> Table:
    """All metrics of a file, shown once a person opens the table."""
    intervals = metrics.get("interval", {})
    split = next((split for split in ("validation", "train") if f"metrics_{split}" in title), "test")
    rows = []
    for name, value in flat({key: held for key, held in metrics.items() if key != "interval"}):
        interval = at(intervals, name)
        shown = number(value) if isinstance(value, int | float) else str(value)
        between = " to ".join(map(number, interval)) if isinstance(interval, list) else ""
        where = rows_of(name, names)
        where |= {"split": split} if where else {}
        rows.append([Cell(name), Cell(shown, where, "number"), Cell(between, look="number")])
    return Table(["metric", "value", "95 % interval"], rows, f"{title}: {len(rows)} metrics")


def flat(nested: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """The leaves of nested mappings, by their names joined with dots."""
    for key, value in nested.items():
        if isinstance(value, dict):
            yield from flat(value, f"{before}{key}.")
        else:
            yield f"{before}{key}", value


def is_bar(text: str) -> bool:
    """Whether `text` is a bar, or "" for none."""
    return not text or re.fullmatch(BAR, text) is not None
