"""The answer grader beside others that people use, on the same cases in one run; then the speed and memory of the stage `grade`.

The cases are public_cases.jsonl of ../shared/grader_cases (or ATHANOR_SHARED) where it is there, and those of tests/test_answer_math.py,
which are ours and say little of others. The others are installed into .athanor/, out of the way of our pins: math-verify as its README
calls it, and tuned as its README advises (golds put between dollars, both extractors, options as strings); and the `is_equiv` of
lm-evaluation-harness on the last box. Each grader runs in a process of its own; a case that it cannot answer counts as wrong.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from measure import BENCH, ROOT, Cost, load, middle, options, python, run, table

sys.path += [str(ROOT), str(ROOT / "tests")]  # for the cases: judge.py is imported late
PEERS = ROOT / ".athanor/graders"
PINS = ("math-verify==0.8.0", "lm_eval==0.4.9.1")
JUDGES = {
    "ours": "ours",
    "math-verify, README": "math_verify_plain",
    "math-verify, tuned": "math_verify_tuned",
    "lm-eval is_equiv": "lm_eval",
}
ROUNDS = 5  # of the pair of runs that is held against SCALE: a shared machine's cores change their speed by a fifth between two runs
LIGHT, SCALE, GROWTH = 300.0, 1.8, 1.5  # cases a second on one core; two workers over one; memory at ten times the rows


def main(arguments: list[str] | None = None) -> None:
    """Prints a table of agreement for each set of cases, and one of the stage's speed and memory."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="number rows of the largest run")
    parser.add_argument("--copies", type=int, default=40, help="how often the cases are put into one file")
    given = options(parser, arguments, rows=20_000, copies=2)
    from judge import load_cases

    note = load()
    _install()
    for name, cases in load_cases().items():
        if cases:
            _agreement(f"{len(cases):,} {name} ({note})", cases)
    _stage(given.rows, given.copies, note)


def _install() -> None:
    """The graders to compare with, without what they bring along: their dependencies would replace our pins."""
    done = PEERS / "installed.txt"
    if not done.is_file() or done.read_text() != " ".join(PINS):
        subprocess.run(
            [sys.executable, *python("pip"), "install", "--quiet", "--no-deps", "--upgrade", "--target", PEERS, *PINS], check=True
        )
        done.write_text(" ".join(PINS))


def _agreement(title: str, cases: list[dict[str, Any]]) -> None:
    lines = []
    with tempfile.TemporaryDirectory(prefix="athanor-bench-") as folder:
        file = Path(folder, "cases.json")
        file.write_text(json.dumps(cases))
        for name, judge in JUDGES.items():
            output = run(python(BENCH / "judge.py", judge, file), env={"PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}:{PEERS}"}).output
            found = json.loads(output.splitlines()[-1])
            agreed = [verdict == case["equal"] for verdict, case in zip(found["verdicts"], cases, strict=True)]
            taken = [verdict for verdict, case in zip(found["verdicts"], cases, strict=True) if not case["equal"]]
            by_kind = [
                _share(agreed, [case["kind"] in kinds for case in cases]) for kinds in (("math", "number"), ("choice", "yesno", "nli"))
            ]
            lines.append((name, _percent(agreed), *by_kind, _percent(taken), len(cases) / found["seconds"], len(cases) / found["cpu"]))
    table(title, ("grader", "agreement %", "math %", "labels %", "false positives %", "cases/s", "by CPU time"), lines)


def _percent(values: list[bool]) -> float:
    return round(100 * sum(values) / len(values), 1) if values else 0.0


def _share(values: list[bool], wanted: list[bool]) -> object:
    chosen = [value for value, take in zip(values, wanted, strict=True) if take]
    return _percent(chosen) if chosen else "-"


def _stage(rows: int, copies: int, note: str) -> None:
    from judge import load_cases

    cases = [case for found in load_cases().values() for case in found]
    jobs: dict[str, tuple[int, Callable[[Path], None]]] = {
        "cases": (copies * len(cases), lambda file: _write_cases(file, cases, copies)),
        "number rows, a tenth": (rows // 10, lambda file: _write_numbers(file, rows // 10)),
        "number rows": (rows, lambda file: _write_numbers(file, rows)),
    }
    lines, speeds, peaks = [], {}, {}
    for name, (count, fill) in jobs.items():
        with tempfile.TemporaryDirectory(prefix="athanor-bench-") as folder:
            (Path(folder) / "data/s").mkdir(parents=True)
            fill(Path(folder) / "data/s/responses.jsonl")
            rounds = [{workers: _graded(Path(folder), workers) for workers in (1, 2)} for _ in range(ROUNDS if name == "cases" else 1)]
            speeds[name] = [{workers: count / cost.seconds for workers, cost in one.items()} for one in rounds]
            peaks[name] = max(one[1].peak for one in rounds)
            for workers in (1, 2):
                median = statistics.median(one[workers] for one in speeds[name])
                lines.append((name, workers, count, median, max(one[workers].peak for one in rounds)))
    table(f"The stage grade ({note}; cases: the median of {ROUNDS})", ("rows of", "workers", "rows", "rows/s", "peak MiB"), lines)
    growth = peaks["number rows"] / peaks["number rows, a tenth"]
    slowest = min(one[1] for one in speeds["cases"])
    scales = [one[2] / one[1] for one in speeds["cases"]]
    bars = [
        (f"cases/s with one worker, at least {LIGHT:.0f} in every round", slowest, _met(slowest >= LIGHT)),
        (
            f"two workers over one, at least {SCALE}: the median of {ROUNDS} rounds",
            middle(scales),
            _met(statistics.median(scales) >= SCALE),
        ),
        (f"memory at ten times the rows, at most {GROWTH}", growth, _met(growth <= GROWTH)),
    ]
    table("Bars", ("", "found", "met"), bars)


def _graded(folder: Path, workers: int) -> Cost:
    """What the stage takes for the rows in `folder`."""
    grade: dict[str, Any] = {"graders": {"answer": {}}, "workers": workers}
    (folder / "params.yaml").write_text(json.dumps({"seed": 0, "systems": {"s": {"grade": grade}}}))
    return run(python("stages.grade", "s"), folder)


def _met(yes: bool) -> str:
    return "yes" if yes else "NO"


def _write_cases(file: Path, cases: list[dict[str, Any]], copies: int) -> None:
    from judge import response

    from stages.shared.rows import write

    write(file, (response(case, f"{copy}-{place}", f"Copy {copy}.\n") for copy in range(copies) for place, case in enumerate(cases)))


def _write_numbers(file: Path, rows: int) -> None:
    """Four answers to each problem, in a few words; three of four are right."""
    from judge import response

    from stages.shared.rows import write

    texts = ("She sells {} eggs.\nThe answer is {}.", "So it is \\boxed{{{}}}.", "#### {}", "We get 3 + 4 = {}")

    def made() -> Any:
        for row in range(rows):
            gold = row // 4
            case = {"gold": str(gold), "kind": "number", "response": texts[row % 4].format(gold + (row % 5 == 0), gold + (row % 5 == 0))}
            yield response(case, str(gold), sample=row % 4)

    write(file, made())


if __name__ == "__main__":
    main()
