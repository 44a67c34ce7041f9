"""The claims of the results tables in README.md and docs/*.md, held against the metrics; their numbers anew.

    python .ci/claims.py                            a line for each bar; exits with 1 where one is missed
    python .ci/claims.py --update                   writes values and intervals from metrics/ into the tables
    python .ci/claims.py --update --seeds a b c     also the lowest and highest value of these runs

A metric is named with its system: `router:accuracy` is `accuracy` in metrics/router.json. A metric that names
no system is one of metrics/glyph.json. A run is a folder with such files, or anything that DVC knows by name:
an experiment, a branch, a commit. Cells for which a run has no metrics stay as they are. --update rewrites
the files in which tables stand.
"""

import argparse
import json
import operator
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
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
    for cells in filter(None, map(_cells, text.splitlines())):
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


def updated(text: str, metrics: Any, seeds: Sequence[Any] = ()) -> str:
    """`text` with the numbers of these runs in its tables.

    A run's metrics are those of each system, by its name. The columns of runs that are not given stay as they
    are.
    """
    return "\n".join(_updated(line, metrics, seeds) for line in text.split("\n"))


def _updated(line: str, metrics: Any, seeds: Sequence[Any]) -> str:
    cells = _cells(line)
    if not cells:
        return line
    metric = cells[METRIC].strip("`")
    system = _system(metric)
    cells[VALUE] = _span([lookup(metrics, metric)])
    cells[INTERVAL] = _span(lookup(metrics, f"{system}:interval.{metric.removeprefix(f'{system}:')}") or [])
    if seeds and all(system in run for run in seeds):
        values = [lookup(run, metric) for run in seeds]
        cells[SEEDS] = "" if None in values else _span([min(values), max(values)])
    return f"| {' | '.join(cells)} |"


def _system(metric: str) -> str:
    return metric.partition(":")[0] if ":" in metric else FIRST


def systems(texts: Iterable[str]) -> set[str]:
    """The systems whose metrics the tables name."""
    lines = (line for text in texts for line in text.splitlines())
    return {_system(cells[METRIC].strip("`")) for line in lines if (cells := _cells(line))}


def lookup(metrics: Any, name: str) -> Any:
    """The value of `system:dotted.name` in the metrics of all systems; None where there is none."""
    system = _system(name)
    for key in (system, *name.removeprefix(f"{system}:").split(".")):
        metrics = metrics.get(key) if isinstance(metrics, dict) else None
    return metrics


def _cells(line: str) -> list[str]:
    """The cells of a row of a results table; none of any other line."""
    cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
    return cells if len(cells) == SEEDS + 1 and re.fullmatch(r"`[\w.+:-]+`", cells[METRIC]) else []


def _span(values: Sequence[float | None]) -> str:
    """`0.5` or `0.4 to 0.6`; a value that is not there is left out."""
    return " to ".join(dict.fromkeys(f"{value:.4g}" for value in values if value is not None))


def _load(run: str, wanted: set[str]) -> dict[str, Any]:
    """The metrics of those of the `wanted` systems that a run has."""
    if Path(run).is_dir():
        return {
            system: json.loads(file.read_text())
            for system in wanted
            if (file := Path(run, f"{system}.json")).is_file()
        }
    from dvc.api import read
    from dvc.exceptions import PathMissingError

    metrics = {}
    for system in wanted:
        with suppress(PathMissingError):
            metrics[system] = json.loads(read(f"metrics/{system}.json", rev=run))
    return metrics


def main() -> None:
    """Checks the tables, or writes them."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--update", action="store_true")
    parser.add_argument("--seeds", nargs="+", default=[])
    chosen = parser.parse_args()
    texts = pages()
    wanted = systems(texts.values())
    metrics = _load("metrics", wanted)
    if chosen.update:
        seeds = [_load(run, wanted) for run in chosen.seeds]
        for file, text in texts.items():
            if (after := updated(text, metrics, seeds)) != text:
                file.write_text(after)
        return
    bars = [claim for file, text in texts.items() for claim in claims(text, file)]
    judged = list(verdicts(bars, metrics))
    print("\n".join(line for _, line in judged))
    if not judged:
        sys.exit(f"no results table with bars in {README} or {DOCS}/*.md")
    if not all(met for met, _ in judged):
        sys.exit("the results tables claim what the metrics do not show")


if __name__ == "__main__":
    main()
