"""The HTML file, made of its templates."""

from collections.abc import Mapping, Sequence
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined

from stages.pages import bundle
from stages.pages.embedding import as_data, policy
from stages.pages.sections import Chart, Interval, Section, Table

SCRIPTS = (
    "data.js",
    "filters.js",
    "state.js",
    "charts.js",
    "elements.js",
    "traces.js",
    "problem.js",
    "views.js",
)


def page(title: str, sections: Sequence[Section], rows: Mapping[str, Any]) -> str:
    """The report: `sections` as HTML, `rows` (`TraceTable.data`) as JSON that the page's script reads.

    The same arguments give the same bytes. Nothing in it comes from the network, and its content policy lets
    it ask for nothing. `title` and all texts may be hostile.
    """
    environment = Environment(
        autoescape=True, loader=FunctionLoader(_template), undefined=StrictUndefined, trim_blocks=True
    )
    script = "\n".join(["'use strict';", *map(_script, SCRIPTS), "start();"])
    charts = [block.spec for section in sections for block in section.blocks if isinstance(block, Chart)]
    vega = bundle.vega() if charts else ""
    return environment.get_template("report.html").render(
        title=title,
        sections=sections,
        is_table=lambda block: isinstance(block, Table),
        drawn=_drawn,
        encoded=_encoded,
        policy=policy(vega, script),
        style=bundle.text("templates/report.css"),
        vega=vega,
        script=script,
        charts=as_data(charts),
        rows=as_data(rows),
    )


def _template(name: str) -> str:
    return bundle.text(f"templates/{name}")


def _script(name: str) -> str:
    return bundle.text(f"templates/{name}")


def _encoded(rows: Mapping[str, str]) -> dict[str, bytes]:
    """The filters of a link as bytes, which Jinja writes in percent form; a lone surrogate has no bytes."""
    return {key: value.encode(errors="replace") for key, value in rows.items()}


def _drawn(interval: Interval) -> dict[str, float]:
    """An interval in percent of its line: where it starts, how wide it is, where value and bar stand."""
    width = interval.end - interval.start or 1.0

    def place(value: float) -> float:
        return round(100 * min(1.0, max(0.0, (value - interval.start) / width)), 2)

    low, high = place(interval.low), place(interval.high)
    drawn = {"low": low, "width": max(0.5, round(high - low, 2)), "value": place(interval.value)}
    return drawn | ({} if interval.bar is None else {"bar": place(interval.bar)})
