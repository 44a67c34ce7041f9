"""Vega-Lite specifications. Data are values; no text of a row stands in an expression or a field's name."""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

from stages.pages.sections import Chart

Rows = Sequence[Mapping[str, Any]]
PERCENT = {"format": ".0%"}


def points_of(text: str, delimiter: str = ",") -> list[dict[str, Any]]:
    """The rows of a CSV file, numbers as numbers; an empty cell is null."""
    rows = csv.DictReader(io.StringIO(text), delimiter=delimiter)
    return [{str(name): _value(cell) for name, cell in row.items()} for row in rows]


def _value(cell: Any) -> Any:
    if cell in (None, ""):
        return None
    try:
        value = float(cell)
    except (TypeError, ValueError):
        return cell
    return value if value - value == 0 else None  # no infinity, no NaN: JSON lacks them


def folded(rows: Rows, x: str, names: Sequence[str]) -> list[dict[str, Any]]:
    """A row for each point of each of several columns: `x`, `name`, `value`."""
    return [
        {"x": row[x], "name": name, "value": row[name]}
        for row in rows
        for name in names
        if isinstance(row.get(name), float)
    ]


def _x(title: str | None, kind: str = "quantitative", **more: Any) -> dict[str, Any]:
    return {"field": "x", "type": kind, "title": title, **more}


def _color(names: Sequence[str]) -> dict[str, Any]:
    return {"field": "name", "type": "nominal", "title": None, "sort": None, "scale": {"domain": list(names)}}


def lines(
    rows: Rows, names: Sequence[str], x: str, y: str, words: str, log: bool = False, diagonal: bool = False
) -> Chart:
    """A line for each of `names` over rows of `x`, `name` and `value`; `log` for a logarithmic y axis,
    `diagonal` for a dashed line from (0, 0) to (1, 1)."""
    scale: dict[str, Any] = {"type": "log"} if log else {"zero": False}
    whole = {"tickMinStep": 1} if all(float(row["x"]).is_integer() for row in rows) else {}
    line = {
        "data": {"values": list(rows)},
        "mark": {"type": "line", "point": len(rows) <= 60 * len(names), "clip": True},
        "encoding": {
            "x": _x(x, scale={"zero": False, "nice": False}, axis=whole),
            "y": {"field": "value", "type": "quantitative", "title": y, "scale": scale},
            "color": _color(names),
            "tooltip": [
                {"field": "name", "type": "nominal"},
                {"field": "x", "type": "quantitative", "title": x},
                {"field": "value", "type": "quantitative", "title": y},
            ],
        },
    }
    if not diagonal:
        return Chart(line, words)
    chance = {
        "data": {"values": [{"x": 0, "value": 0}, {"x": 1, "value": 1}]},
        "mark": {"type": "line", "strokeDash": [4, 4], "opacity": 0.5},
        "encoding": {"x": _x(x), "y": {"field": "value", "type": "quantitative", "title": y}},
    }
    return Chart({"layer": [chance, line]}, words, 300)


def bars(rows: Rows, names: Sequence[str], x: str, y: str, words: str, across: bool = False) -> Chart:
    """Bars side by side, one for each of `names` at each `x`, over rows of `x`, `name`, `value` (a share) and
    `n`; `across` for bars from left to right, which long names need."""
    ends = ("y", "x") if across else ("x", "y")
    values = list(dict.fromkeys(row["x"] for row in rows))
    label = {"labelAngle": 0, "labelOverlap": not across, "labelLimit": 260}
    spec = {
        "data": {"values": list(rows)},
        "mark": "bar",
        "encoding": {
            ends[0]: _x(None if across else x, "nominal", sort=None, axis=label),
            f"{ends[0]}Offset": {"field": "name", "sort": None},
            ends[1]: {"field": "value", "type": "quantitative", "title": y, "axis": PERCENT},
            "color": _color(names),
            "tooltip": [
                {"field": "x", "type": "nominal", "title": x},
                {"field": "name", "type": "nominal"},
                {"field": "value", "type": "quantitative", "title": y, "format": ".1%"},
                {"field": "n", "type": "quantitative"},
            ],
        },
    }
    return Chart(spec, words, 70 + 24 * len(values) * len(names) if across else 240)


def intervals(rows: Rows, x: str, words: str) -> Chart:
    """A point with its 95 % interval for each name within each group, over rows of `group`, `name`, `value`,
    `low`, `high`."""
    groups = dict.fromkeys(row["group"] for row in rows)
    lanes = max(sum(row["group"] == group for row in rows) for group in groups)
    shared: dict[str, Any] = {
        "y": {"field": "group", "type": "nominal", "title": None, "sort": None},
        "color": _color(list(dict.fromkeys(row["name"] for row in rows))),
    }
    shared |= {"yOffset": {"field": "name", "sort": None}} if lanes > 1 else {}
    tooltip = [{"field": name} for name in ("group", "name", "value", "low", "high")]
    point = {
        "mark": {"type": "point", "filled": True, "size": 45, "opacity": 1},
        "encoding": {"x": {"field": "value", "type": "quantitative", "title": x}, "tooltip": tooltip},
    }
    rule = {
        "mark": {"type": "rule", "strokeWidth": 2},
        "encoding": {"x": {"field": "low", "type": "quantitative"}, "x2": {"field": "high"}},
    }
    height = 70 + len(groups) * (10 * lanes + 14)
    return Chart({"data": {"values": list(rows)}, "encoding": shared, "layer": [rule, point]}, words, height)


def heat(rows: Rows, x: str, y: str, words: str) -> Chart:
    """A cell for each `x` and `y`, coloured by `value` from 0 to 1."""
    base = {
        "x": _x(x, "nominal", sort=None),
        "y": {"field": "y", "type": "nominal", "title": y, "sort": None},
    }
    fill = {
        "field": "value",
        "type": "quantitative",
        "title": None,
        "scale": {"domain": [0, 1], "scheme": "viridis"},
        "legend": PERCENT,
    }
    tooltip = [{"field": "x"}, {"field": "y"}, {"field": "value", "format": ".1%"}, {"field": "n"}]
    cell = {"mark": "rect", "encoding": {"color": fill, "tooltip": tooltip}}
    label = {
        "mark": {"type": "text", "fontSize": 11},
        "encoding": {
            "text": {"field": "value", "type": "quantitative", "format": ".0%"},
            "color": {"condition": {"test": "datum.value > 0.6", "value": "black"}, "value": "white"},
        },
    }
    names = 6 * max((len(str(row["x"])) for row in rows), default=0)  # they stand upright where they are long
    height = 60 + 26 * len({row["y"] for row in rows}) + names
    return Chart({"data": {"values": list(rows)}, "encoding": base, "layer": [cell, label]}, words, height)
