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
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # a script of this folder, which is no package

from stages.tools.bars import (
    DOCS,
    INTERVAL,
    METRIC,
    README,
    SEEDS,
    VALUE,
    cells_of,
    claims,
    lookup,
    pages,
    system_of,
    verdicts,
)


def updated(text: str, metrics: Any, seeds: Sequence[Any] = ()) -> str:
    """`text` with the numbers of these runs in its tables.

    A run's metrics are those of each system, by its name. The columns of runs that are not given stay as they
    are.
    """
    return "\n".join(_updated(line, metrics, seeds) for line in text.split("\n"))


def _updated(line: str, metrics: Any, seeds: Sequence[Any]) -> str:
    cells = cells_of(line)
    if not cells:
        return line
    metric = cells[METRIC].strip("`")
    system = system_of(metric)
    cells[VALUE] = _span([lookup(metrics, metric)])
    cells[INTERVAL] = _span(lookup(metrics, f"{system}:interval.{metric.removeprefix(f'{system}:')}") or [])
    if seeds and all(system in run for run in seeds):
        values = [lookup(run, metric) for run in seeds]
        cells[SEEDS] = "" if None in values else _span([min(values), max(values)])
    return f"| {' | '.join(cells)} |"


def _span(values: Sequence[float | None]) -> str:
    """`0.5` or `0.4 to 0.6`; a value that is not there is left out."""
    return " to ".join(dict.fromkeys(f"{value:.4g}" for value in values if value is not None))


def systems(texts: Iterable[str]) -> set[str]:
    """The systems whose metrics the tables name."""
    lines = (line for text in texts for line in text.splitlines())
    return {system_of(cells[METRIC].strip("`")) for line in lines if (cells := cells_of(line))}


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
