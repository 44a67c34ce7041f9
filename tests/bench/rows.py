"""Rows a second and peak memory of the stages without a model, from ten thousand to a million problems.

Each stage runs as its own process on a project in a temporary folder. The problems are made by `collect` from `word_problems`, then read
back by `collect` as a file (`jsonl`); the scripted teacher stands in for the base model as well. Bar: memory that does not grow.
"""

import argparse
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

from measure import load, options, python, run, table

STAGES = {  # and what each reads
    "collect": "problems.jsonl",
    "prompt": "data/file/train.jsonl",
    "respond": "data/file/prompts.jsonl",
    "grade": "data/file/responses.jsonl",
    "judge": "data/file/traces.jsonl",
    "filter": "data/file/judged.jsonl",
    "format": "data/file/kept.jsonl",
}
GROWTH = 1.5  # peak memory at the largest size over that at the smallest, at most
HELD_OUT = 1000

Figures = dict[str, tuple[int, float, float]]  # by stage: rows read or made, seconds, MiB


def main(arguments: list[str] | None = None) -> None:
    """Prints a table of all stages and sizes, and one of the growth."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000, 1_000_000], help="numbers of problems")
    sizes = sorted(options(parser, arguments, sizes=[200, 400]).sizes)
    note = load()
    found = {size: measure(size) for size in sizes}
    lines = [(stage, size, rows, rows / seconds, peak) for size in sizes for stage, (rows, seconds, peak) in found[size].items()]
    table(f"Rows ({note})", ("stage", "problems", "rows", "rows/s", "peak MiB"), lines)
    growth = [(stage, found[sizes[0]][stage][2], found[sizes[-1]][stage][2]) for stage in found[sizes[0]]]
    table(
        f"Peak MiB at {sizes[0]:,} and at {sizes[-1]:,} problems",
        ("stage", "smallest", "largest", "growth", f"at most {GROWTH}"),
        [(stage, low, high, high / low, "yes" if high / low <= GROWTH else "NO") for stage, low, high in growth],
    )


def measure(size: int) -> Figures:
    """Every stage once, on `size` problems; what no later stage reads is removed, so that the disk holds a few files at a time."""
    with tempfile.TemporaryDirectory(prefix="athanor-bench-") as name:
        folder = Path(name)
        (folder / "params.yaml").write_text(json.dumps({"seed": 0} | _params(size)))
        cost = run(python("stages.collect", "made"), folder)
        with (folder / "problems.jsonl").open("wb") as file:
            for made in ("data/held_out/made.jsonl", "data/made/train.jsonl"):
                with (folder / made).open("rb") as rows:
                    shutil.copyfileobj(rows, file)
        shutil.rmtree(folder / "data/made")
        found = {"collect (made)": (_lines(folder / "problems.jsonl"), cost.seconds, cost.peak)}
        for stage, source in STAGES.items():
            rows_read = _lines(folder / source)
            cost = run(python(f"stages.{stage}", "file"), folder)
            (folder / source).unlink()
            found["collect (file)" if stage == "collect" else stage] = rows_read, cost.seconds, cost.peak
        return found


def _lines(path: Path) -> int:
    with path.open("rb") as lines:
        return sum(1 for _ in lines)


def _params(size: int) -> dict[str, Any]:
    """`made` and `file`; the rest of the flow is the file's."""
    test = min(HELD_OUT, size // 10)
    made = {"word_problems": {"train": size - test, "test": test, "levels": [2, 1, 1, 1, 1], "highest": 20}}
    asked = {"sampler": "scripted", "wrong": 0.05, "truncated": 0.03, "missing": 0.03, "misordered": 0.03}
    rules = {"teacher": {"grades": {"answer": 1.0, "glyph_structure": 1.0}}, "probe": {"grades": {"answer": 1.0}}}
    flow = {
        "prompt": {"teacher": "glyph", "probe": "plain"},
        "respond": {"root": ".", "teacher": asked, "probe": {"sampler": "scripted", "wrong": 0.5}},
        "grade": {"graders": {"answer": {}, "glyph_structure": {}}},
        "filter": {"rules": rules},
        "judge": {},
    }
    collect = {"root": ".", "near": 0.8}
    systems = {
        "made": {"collect": collect | {"tasks": made}},
        "file": flow | {"collect": collect | {"tasks": {"jsonl": {"file": "problems.jsonl"}}}},
    }
    return {"systems": systems, "students": {"file": {"system": "file", "format": {"reason_below": 0.75}}}}


if __name__ == "__main__":
    main()
