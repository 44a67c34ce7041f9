"""The claims of README's results tables, held against the metrics, and the numbers in them written anew.

    python .ci/claims.py                            a line for each bar; exits with 1 where one is missed
    python .ci/claims.py --update                   writes values and intervals from metrics/ into the tables
    python .ci/claims.py --update --seeds a b c     also the lowest and highest value of these runs
    python .ci/claims.py --update --ablation d ...  the same of the runs that a table names in its last column

A metric is one of metrics/glyph.json, or `router:accuracy` of metrics/router.json. A run is a folder with
such files, or anything that DVC knows by name: an experiment, a branch, a commit; what it has no metrics of
stays as it is.
"""

import argparse
import json
import operator
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

README = Path("README.md")
FIRST = "glyph"  # the system of a metric that names none
METRIC, VALUE, INTERVAL, BAR, SEEDS, ABLATION = range(
    1, 7
)  # the cells of a row, after one that says what it is
BARS: dict[str, Callable[[float, float], bool]] = {">=": operator.ge, "<=": operator.le}


class Claim(NamedTuple):
    """`metric` must be `sign` (>= or <=) `bound`."""

    metric: str
    sign: str
    bound: float


def claims(readme: str) -> list[Claim]:
    """The rows of the table that have a bar; raises ValueError on a bar that cannot be read."""
    found = []
    for line in readme.splitlines():
        cells = _cells(line)
        if cells and cells[BAR]:
            sign, _, bound = cells[BAR].partition(" ")
            if sign not in BARS:
                raise ValueError(
                    f"README: {cells[METRIC]}: a bar is `>= number` or `<= number`, got {cells[BAR]!r}"
                )
            found.append(Claim(cells[METRIC].strip("`"), sign, float(bound)))
    return found


def verdicts(found: Sequence[Claim], metrics: Any) -> Iterator[tuple[bool, str]]:
    """For each claim whether it is met, and a line that says so."""
    for metric, sign, bound in found:
        value = lookup(metrics, metric)
        met = value is not None and BARS[sign](value, bound)
        yield (
            met,
            f"{'met ' if met else 'MISS'} {metric} {'is missing' if value is None else value}, claimed {sign} {bound:g}",
        )


def updated(readme: str, metrics: Any, seeds: Sequence[Any] = (), ablation: Sequence[Any] = ()) -> str:
    """`readme` with the numbers of these runs in its tables; the columns of runs that are not given stay as
    they are.

    A run's metrics are those of each system, by its name.
    """
    return "\n".join(_updated(line, metrics, seeds, ablation) for line in readme.split("\n"))


def _updated(line: str, metrics: Any, seeds: Sequence[Any], ablation: Sequence[Any]) -> str:
    cells = _cells(line)
    if not cells:
        return line
    metric = cells[METRIC].strip("`")
    system = _system(metric)
    cells[VALUE] = _span([lookup(metrics, metric)])
    cells[INTERVAL] = _span(lookup(metrics, f"{system}:interval.{metric.removeprefix(f'{system}:')}") or [])
    for column, runs in ((SEEDS, seeds), (ABLATION, ablation)):
        if runs and all(system in run for run in runs):
            values = [lookup(run, metric) for run in runs]
            cells[column] = "" if None in values else _span([min(values), max(values)])
    return f"| {' | '.join(cells)} |"


def _system(metric: str) -> str:
    return metric.partition(":")[0] if ":" in metric else FIRST


def lookup(metrics: Any, name: str) -> Any:
    """The value of `system:dotted.name` in the metrics of all systems; None where there is none."""
    system = _system(name)
    for key in (system, *name.removeprefix(f"{system}:").split(".")):
        metrics = metrics.get(key) if isinstance(metrics, dict) else None
    return metrics


def _cells(line: str) -> list[str]:
    """The cells of a row of the results table; of any other line none."""
    cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
    return cells if len(cells) == ABLATION + 1 and re.fullmatch(r"`[\w.+:-]+`", cells[METRIC]) else []


def _span(values: Sequence[float | None]) -> str:
    """`0.5` or `0.4 to 0.6`; a value that is not there is left out."""
    return " to ".join(dict.fromkeys(f"{value:.4g}" for value in values if value is not None))


def _load(run: str, systems: set[str]) -> dict[str, Any]:
    """The metrics of those of `systems` that a run has."""
    if Path(run).is_dir():
        return {
            system: json.loads(file.read_text())
            for system in systems
            if (file := Path(run, f"{system}.json")).is_file()
        }
    from dvc.api import read
    from dvc.exceptions import PathMissingError

    found = {}
    for system in systems:
        with suppress(PathMissingError):
            found[system] = json.loads(read(f"metrics/{system}.json", rev=run))
    return found


def main() -> None:
    """Checks the table, or writes it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--update", action="store_true")
    parser.add_argument("--seeds", nargs="+", default=[])
    parser.add_argument("--ablation", nargs="+", default=[])
    chosen = parser.parse_args()
    readme = README.read_text()
    systems = {_system(cells[METRIC].strip("`")) for line in readme.splitlines() if (cells := _cells(line))}
    metrics = _load("metrics", systems)
    if chosen.update:
        seeds, ablation = ([_load(run, systems) for run in runs] for runs in (chosen.seeds, chosen.ablation))
        README.write_text(updated(readme, metrics, seeds, ablation))
        return
    found = list(verdicts(claims(readme), metrics))
    print("\n".join(line for _, line in found))
    if not found or not all(met for met, _ in found):
        sys.exit(
            "README claims what the metrics do not show" if found else "README has no results table with bars"
        )


if __name__ == "__main__":
    main()
