"""The bars of the results tables in README.md and docs/*.md, held against metrics.

A metric is named with its system: `router:accuracy` is `accuracy` in metrics/router.json. A metric that names
no system is one of metrics/glyph.json.
"""

import operator
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

README, DOCS = Path("README.md"), Path("docs")
FIRST = "glyph"  # the system of a metric that names none
# the cells of a row, after one that says what it is
METRIC, VALUE, INTERVAL, BAR, SEEDS = range(1, 6)
BARS: dict[str, Callable[[float, float], bool]] = {">=": operator.ge, "<=": operator.le}


class Claim(NamedTuple):
    """`metric` must be `sign` (>= or <=) `bound`."""

    metric: str
    sign: str
    bound: float


def pages() -> dict[Path, str]:
    """The text of each page that may hold a results table."""
    files = [file for file in (README, *sorted(DOCS.glob("*.md"))) if file.is_file()]
    return {file: file.read_text() for file in files}


def claims(text: str, page: Path = README) -> list[Claim]:
    """The rows with a bar in the tables of `page`; raises ValueError on a bar that cannot be read."""
    bars = []
    for cells in filter(None, map(cells_of, text.splitlines())):
        if cells[BAR]:
            bar = re.fullmatch(r"(>=|<=) (-?\d+\.?\d*)", cells[BAR])
            if not bar:
                raise ValueError(
                    f"{page}: {cells[METRIC]}: a bar is `>= number` or `<= number`, got {cells[BAR]!r}"
                )
            bars.append(Claim(cells[METRIC].strip("`"), bar[1], float(bar[2])))
    return bars


def verdicts(bars: Sequence[Claim], metrics: Any) -> Iterator[tuple[bool, str]]:
    """For each claim whether it is met, and a line that says so."""
    for metric, sign, bound in bars:
        value = lookup(metrics, metric)
        met = value is not None and BARS[sign](value, bound)
        measured = "is missing" if value is None else value
        yield met, f"{'met ' if met else 'MISS'} {metric} {measured}, claimed {sign} {bound:g}"


def lookup(metrics: Any, name: str) -> Any:
    """The value of `system:dotted.name` in the metrics of all systems; None where there is none."""
    system = system_of(name)
    for key in (system, *name.removeprefix(f"{system}:").split(".")):
        metrics = metrics.get(key) if isinstance(metrics, dict) else None
    return metrics


def system_of(metric: str) -> str:
    """The system whose metric it is."""
    return metric.partition(":")[0] if ":" in metric else FIRST


def cells_of(line: str) -> list[str]:
    """The cells of a row of a results table; none of any other line."""
    cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
    return cells if len(cells) == SEEDS + 1 and re.fullmatch(r"`[\w.+:-]+`", cells[METRIC]) else []
