"""The report of many problems: how long its stage takes, how large the page is, how long a browser filters its rows.

A made-up system of 10,000 problems with three answers each. Filters run in headless Chromium; bars: 2 MB plus the rows, 100 ms a filter.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path
from statistics import median

from measure import ROOT, load, options, python, run, table

sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from browser import Page, browser  # noqa: E402
from report_project import lay, row  # noqa: E402

WORDS = ("amber", "basil", "cedar", "delta", "ember", "fjord", "grove", "haven", "inlet", "lotus", "maple", "north", "ocean")
FILTERS = (
    "split=test",
    "arm=student&verdict=wrong",
    "fate=kept&style=careful",
    "better=student&worse=base",
    "q=maple%20north",
    "q=zzz&arm=base",
)
BAR_MS, BAR_BYTES = 100.0, 2_000_000


def _text(number: int) -> str:
    """Some fifty words that depend on the number."""
    return " ".join(WORDS[(number * 7 + place * place) % len(WORDS)] for place in range(50)) + f" {number}"


def main(arguments: list[str] | None = None) -> None:
    """Prints a line for the stage, and one for each filter."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--problems", type=int, default=10_000, help="half of them training problems")
    parser.add_argument("--rounds", type=int, default=7, help="how often each filter runs")
    given = options(parser, arguments, problems=200, rounds=2)
    note, half = load(), given.problems // 2
    with tempfile.TemporaryDirectory(prefix="athanor-bench-") as name:
        folder = Path(name)
        traces = [
            row(n, "train", by, _text(n), n % 5 > 0, s) for n in range(half) for by, s in (("teacher", 0), ("probe", 0), ("probe", 1))
        ]
        answers = [row(n, "test", by, _text(n), n % 3 > 0) for n in range(half) for by in ("base", "student", "always")]
        lay(folder, traces, answers)
        cost = run(python("stages.report", "s"), folder)
        path = folder / "data/s/report.html"
        rows = path.read_text().split('<script id="rows-data" type="application/json">')[1].split("</script>")[0]
        size = path.stat().st_size
        header = ("problems", "answers", "seconds", "MiB of memory", "bytes", "without rows", "at most")
        line = (given.problems, len(traces) + len(answers), cost.seconds, cost.peak, size, size - len(rows.encode()), BAR_BYTES)
        table(f"The stage report ({note})", header, [line])
        with browser() as page:
            page.open(path, "#traces")
            lines = [(query, *_filter(page, query, given.rounds), BAR_MS) for query in FILTERS]
    table(
        "Filters, milliseconds until the rows are found, and until the list stands",
        ("filter", "problems", "found", "shown", "at most"),
        lines,
    )


def _filter(page: Page, query: str, rounds: int) -> tuple[int, float, float]:
    """How many problems pass; the medians of the milliseconds of a filter, and of that with the list drawn anew."""
    script = f"""(() => {{
      history.replaceState(null, '', '#traces');
      show();
      const start = performance.now();
      history.replaceState(null, '', {json.dumps("#traces?" + query)});
      show();
      document.getElementById('list').offsetHeight;
      return [Number(document.getElementById('count').textContent.split(' ')[0]), took, performance.now() - start];
    }})()"""
    results = [page.run(script) for _ in range(rounds)]
    found, shown = (float(median(result[place] for result in results)) for place in (1, 2))
    return int(results[0][0]), found, shown


if __name__ == "__main__":
    main()
