"""What every benchmark needs: a command run as its own process with its time and peak memory, its options, and a Markdown table."""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple

BENCH = Path(__file__).resolve().parent
ROOT = BENCH.parents[1]
SIZES = ("small", "whole")


class Cost(NamedTuple):
    """What a command took: wall seconds, peak resident memory in MiB, what it printed on standard output, and CPU seconds.

    Memory and CPU seconds are those of its own process, without its children's.
    """

    seconds: float
    peak: float
    output: str
    cpu: float = 0.0


def python(what: str | Path, *arguments: object) -> list[str]:
    """The command, for `run`, of a module or a script with its arguments."""
    return [*([str(what)] if isinstance(what, Path) else ["-m", what]), *map(str, arguments)]


def run(command: Sequence[str], folder: Path = ROOT, env: Mapping[str, str] | None = None) -> Cost:
    """Runs what `python` gave in `folder` with the repository importable; a failure ends the benchmark with what the command said."""
    known = {**os.environ, "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false", **(env or {})}
    with tempfile.NamedTemporaryFile("r") as peak, tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        whole = [sys.executable, str(BENCH / "child.py"), peak.name, *command]
        started = time.perf_counter()
        ended = subprocess.run(whole, cwd=folder, env=known, stdout=output, stderr=errors)
        seconds = time.perf_counter() - started
        output.seek(0)
        errors.seek(0)
        if ended.returncode:
            sys.exit(f"{' '.join(command)} failed with {ended.returncode}:\n{errors.read().decode(errors='replace')[-4000:]}")
        highest, cpu = map(float, peak.read().split())
        return Cost(seconds, highest, output.read().decode(), cpu)


def options(parser: argparse.ArgumentParser, arguments: Sequence[str] | None, **small: object) -> argparse.Namespace:
    """The options given, with one more: `--size small` has those of `small` stand in for the defaults."""
    parser.add_argument("--size", choices=SIZES, default="whole", help="small: shows in seconds that all of it runs, and measures nothing")
    if parser.parse_known_args(arguments)[0].size == "small":
        parser.set_defaults(**small)
    return parser.parse_args(arguments)


def table(title: str, header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Prints a Markdown table: text to the left, numbers to the right, thousands apart."""
    sides = [":-" if isinstance(cell, str) else "-:" for cell in rows[0]]
    print(f"\n### {title}\n")
    for line in (header, sides, *([_cell(cell) for cell in row] for row in rows)):
        print(f"| {' | '.join(line)} |", flush=True)


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def middle(values: Sequence[float]) -> str:
    """`1.72 (1.68 to 1.75)`: the median and the range."""
    return f"{median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


def load() -> str:
    """How busy the machine was: figures of a loaded one are not worth quoting."""
    return f"{os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f} at the start"
