"""The results of the systems against the bars of docs/, on a screen.

    python -m stages.tools.results           every system that has results
    python -m stages.tools.results glyph     one system, or several

`make repro` ends with it. The bars are those of the default params.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from stages.shared import params
from stages.shared.cli import guard
from stages.shared.errors import BadInput, unknown
from stages.tools.bars import claims, pages, system_of, verdicts

METRICS = Path("metrics")
MOST = 3  # missed bars that are listed


def lines(systems: Sequence[str]) -> Iterator[str]:
    """A line for each system, one for each missed bar, and where to look.

    Raises BadInput where no system has results.
    """
    summaries = {name: _json(METRICS / "summary" / f"{name}.json") for name in systems}
    shown = [name for name, summary in summaries.items() if summary]
    if not shown:
        raise BadInput("no results yet: metrics/summary/ is empty; run `make repro`")
    metrics = {name: _json(METRICS / f"{name}.json") for name in shown}
    bars = [bar for page, text in pages().items() for bar in claims(text, page)]
    judged = {
        name: list(verdicts([bar for bar in bars if system_of(bar.metric) == name], metrics))
        for name in shown
    }
    for name in shown:
        yield _line(name, dict(summaries[name]), [met for met, _ in judged[name]])
    missed = [line for name in shown for met, line in judged[name] if not met]
    yield from missed[:MOST]
    if len(missed) > MOST:
        yield f"{len(missed) - MOST} more bars missed; the bars are those of the default params"
    yield f"read: docs/results-*.md, metrics/{shown[0]}_samples.md; see: dvc plots show --open"
    yield f"ask: python -m stages.tools.ask {shown[0]}; all numbers: metrics/{shown[0]}.json"


def _line(system: str, summary: dict[str, Any], met: Sequence[bool]) -> str:
    """`glyph | n 1200 | student 0.9934 (0.9808 to 0.9978), base 0.0859 | bars 10/10`: those that are met."""
    count, ends = summary.pop("n"), [summary.pop(end, None) for end in ("low", "high")]
    parts = [f"{name} {value}" for name, value in summary.items()]
    if parts and None not in ends:
        parts[0] += f" ({ends[0]} to {ends[1]})"
    bars = f" | bars {sum(met)}/{len(met)}" if met else ""
    return f"{system:>8} | n {count} | {', '.join(parts)}{bars}"


def _json(path: Path) -> Any:
    """What a file holds; None where there is no file."""
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise BadInput(f"{path}: malformed JSON: {error}") from None


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(prog="python -m stages.tools.results", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("systems", nargs="*", help="sections of params.yaml: systems.<system>; none: all")
    given = parser.parse_args()

    def act() -> None:
        known = params.entries("systems")
        for system in given.systems:
            if system not in known:
                raise BadInput(unknown("system", system, known))
        sys.stdout.write("".join(f"{line}\n" for line in lines(given.systems or list(known))))

    guard("results", act)


if __name__ == "__main__":
    main()
