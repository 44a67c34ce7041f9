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
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

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
ROUNDS = 3  # of the runs that are held against SCALE: a shared machine's cores change their speed by a fifth between two runs
LIGHT, SCALE, GROWTH = 300.0, 1.8, 1.5  # cases a second on one core; two workers over one; memory at ten times the rows


class Round(NamedTuple):
    """The stage on the same rows with one worker, with two, and twice at the same time with one worker each."""

    alone: Cost
    shared: Cost
    beside: list[Cost]


def main(arguments: list[str] | None = None) -> None:
    """Prints a table of agreement for each set of cases, and one of the stage's speed and memory."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="number rows of the largest run")
    parser.add_argument(
        "--copies",
        type=int,
        default=200,
        help="how often the cases are put into one file: so often that starting is nothing beside grading",
    )
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
    count = copies * len(cases)
    with _project(_write_cases, cases, copies) as one, _project(_write_cases, cases, copies) as other:
        rounds = [Round(_graded(1, one)[0], _graded(2, one)[0], _graded(1, one, other)) for _ in range(ROUNDS)]
    by_rows = []
    for size in (rows // 10, rows):
        with _project(_write_numbers, size) as folder:
            by_rows.append([_graded(workers, folder)[0] for workers in (1, 2)])
    lines = [
        _line("cases", 1, count, [found.alone for found in rounds]),
        _line("cases", 2, count, [found.shared for found in rounds]),
        *(
            _line("number rows", workers, size, [cost])
            for size, costs in zip((rows // 10, rows), by_rows, strict=True)
            for workers, cost in zip((1, 2), costs, strict=True)
        ),
    ]
    table(f"The stage grade ({note}; cases: the median of {ROUNDS})", ("rows of", "workers", "rows", "rows/s", "peak MiB"), lines)
    scales = [found.alone.seconds / found.shared.seconds for found in rounds]
    limits = [2 * found.alone.seconds / max(cost.seconds for cost in found.beside) for found in rounds]
    slowest = count / max(found.alone.seconds for found in rounds)
    growth = by_rows[1][0].peak / by_rows[0][0].peak
    bars = [
        (f"cases/s with one worker, at least {LIGHT:.0f} in every round", slowest, _met(slowest >= LIGHT)),
        (f"two workers over one, at least {SCALE}: the median", middle(scales), _met(statistics.median(scales) >= SCALE)),
        ("what the machine gives: two stages at once, each with one worker, over one alone", middle(limits), "-"),
        (f"memory at ten times the rows, at most {GROWTH}", growth, _met(growth <= GROWTH)),
    ]
    table("Bars", ("", "found", "met"), bars)


def _line(name: str, workers: int, rows: int, costs: list[Cost]) -> tuple[str, str, int, float, float]:
    return name, str(workers), rows, rows / statistics.median(cost.seconds for cost in costs), max(cost.peak for cost in costs)


@contextmanager
def _project(write_rows: Callable[..., None], *what: Any) -> Iterator[Path]:
    """A folder of its own for the stage, with the responses that `write_rows` writes."""
    with tempfile.TemporaryDirectory(prefix="athanor-bench-") as folder:
        (Path(folder) / "data/s").mkdir(parents=True)
        write_rows(Path(folder) / "data/s/responses.jsonl", *what)
        yield Path(folder)


def _graded(workers: int, *folders: Path) -> list[Cost]:
    """What the stage takes for the rows in each of `folders`, all at the same time."""
    grade: dict[str, Any] = {"graders": {"answer": {}}, "workers": workers}
    for folder in folders:
        (folder / "params.yaml").write_text(json.dumps({"seed": 0, "systems": {"s": {"grade": grade}}}))
    with ThreadPoolExecutor(len(folders)) as pool:
        return list(pool.map(lambda folder: run(python("stages.grade", "s"), folder), folders))


def _met(yes: bool) -> str:
    return "yes" if yes else "NO"


def _write_cases(file: Path, cases: list[dict[str, Any]], copies: int) -> None:
    from judge import response
    from stages.shared.files import write

    write(file, (response(case, f"{copy}-{place}", f"Copy {copy}.\n") for copy in range(copies) for place, case in enumerate(cases)))


def _write_numbers(file: Path, rows: int) -> None:
    """Four answers to each problem, in a few words; three of four are right."""
    from judge import response
    from stages.shared.files import write

    texts = ("She sells {} eggs.\nThe answer is {}.", "So it is \\boxed{{{}}}.", "#### {}", "We get 3 + 4 = {}")

    def made() -> Any:
        for row in range(rows):
            gold = row // 4
            case = {"gold": str(gold), "kind": "number", "response": texts[row % 4].format(gold + (row % 5 == 0), gold + (row % 5 == 0))}
            yield response(case, str(gold), sample=row % 4)

    write(file, made())


if __name__ == "__main__":
    main()
