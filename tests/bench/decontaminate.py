"""How many planted copies of held-out problems the sieve of `collect` finds, how many problems it takes for copies that are none, and
its speed and memory.

The problems are those of GSM8K, SVAMP and the project's own word problems; those of the Hub are read from ../shared/hub (or
ATHANOR_SHARED) and left out where they are absent. tests/planted.py makes the copies.
"""

import argparse
import os
import sys
import time
import tracemalloc
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from measure import ROOT, options, table

sys.path += [str(ROOT), str(ROOT / "tests")]
from stages.shared.rows import Problem
from stages.tasks import task
from stages.tasks.splitting.decontaminate import HeldOut

from planted import LEAKS, NON_LEAKS, PARAPHRASES, QUESTIONS, planted, problem

NEAR = 0.8
SHARED = Path(os.environ.get("ATHANOR_SHARED", ROOT.parent / "shared")) / "hub"
HUB = {
    "GSM8K": ("openai/gsm8k/main/{split}-00000-of-00001-*.parquet", ("question",)),
    "SVAMP": ("ChilleD/SVAMP/data/{split}-00000-of-00001-*.parquet", ("Body", "Question")),
}


def main(arguments: list[str] | None = None) -> None:
    """Prints recall by kind of copy, false drops by kind of look-alike, and the cost of many rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--held-out", type=int, default=1200, help="held-out problems of each source")
    parser.add_argument("--rows", type=int, default=100_000, help="train problems that are timed")
    given = options(parser, arguments, held_out=60, rows=2_000)
    sources = {"tests/planted.py": (list(QUESTIONS), []), **_of_the_hub()}
    made = _made(given.held_out + given.rows)
    sources["word_problems"] = (made[: given.held_out], made[given.held_out : given.held_out + 5_000])
    recall, wrong = [], []
    for name, (test, train) in sources.items():
        test = test[: given.held_out]
        held = HeldOut([problem(question, str(number), "test") for number, question in enumerate(test)], NEAR)
        recall += _rows(name, held, planted(test, LEAKS, seed=0))
        wrong += _rows(name, held, planted(test, NON_LEAKS, seed=0))
        if train:
            own = [("train problems of the data set", problem(text, str(number))) for number, text in enumerate(train)]
            wrong += _rows(name, held, own)
    again = HeldOut([problem(question, str(number), "test") for number, question in enumerate(QUESTIONS)], NEAR)
    others = [("paraphrases", problem(text, str(number))) for number, text in PARAPHRASES]
    table("Copies found", ("problems", "kind of copy", "planted", "found", "share"), recall + _rows("tests/planted.py", again, others))
    table("Dropped though no copy", ("problems", "kind", "asked", "dropped", "share"), wrong)
    caught, planted_copies = (sum(int(str(row[place])) for row in recall) for place in (3, 2))
    dropped = sum(int(str(row[3])) for row in wrong if row[1] in NON_LEAKS)
    print(f"\nrecall {caught / planted_copies:.4f} of {planted_copies} (paraphrases apart); precision {caught / (caught + dropped):.4f}")
    _cost(made, given.held_out, given.rows)


def _of_the_hub() -> dict[str, tuple[list[str], list[str]]]:
    """The test and the train questions of each data set that is there."""
    import pyarrow.parquet

    sources = {}
    for name, (pattern, columns) in HUB.items():
        splits = []
        for split in ("test", "train"):
            files = sorted(SHARED.glob(pattern.format(split=split)))
            rows = [row for file in files for row in pyarrow.parquet.read_table(file).to_pylist()]
            splits.append([" ".join(row[column].strip() for column in columns) for row in rows])
        if splits[0]:
            sources[name] = (splits[0], splits[1])
    return sources


def _made(count: int) -> list[str]:
    """Questions of the task word_problems."""
    member = task("word_problems")
    params = member.Params(train=count, levels=[1.0] * 5)
    return [row.question for row in member.load("train", params, ROOT, 0)]


def _rows(name: str, held: HeldOut, problems: Iterator[tuple[str, Problem]] | Sequence[tuple[str, Problem]]) -> list[tuple[object, ...]]:
    """By kind: how many problems there are, and how many are dropped."""
    asked, dropped = Counter[str](), Counter[str]()
    for kind, row in problems:
        asked[kind] += 1
        dropped[kind] += held.leak(row) is not None
    return [(name, kind, count, dropped[kind], round(dropped[kind] / count, 4)) for kind, count in asked.items()]


def _cost(questions: Sequence[str], held_out: int, rows: int) -> None:
    held = HeldOut([problem(text, str(number), "test") for number, text in enumerate(questions[:held_out])], NEAR)
    train = [problem(text, str(number)) for number, text in enumerate(questions[held_out : held_out + rows])]
    tracemalloc.start()
    for row in train[: len(train) // 10]:
        held.leak(row)
    first = tracemalloc.get_traced_memory()[0]
    tracemalloc.reset_peak()
    for row in train[len(train) // 10 : len(train) // 5]:
        held.leak(row)
    grown = tracemalloc.get_traced_memory()[0] - first
    tracemalloc.stop()
    started = time.perf_counter()
    for row in train:
        held.leak(row)
    seconds = time.perf_counter() - started
    header = ("held out", "rows", "seconds", "rows a second", "10^6 rows, minutes", "KiB more after as many rows again")
    speed = len(train) / seconds
    table("Cost", header, [(held_out, len(train), round(seconds, 1), round(speed), round(1e6 / speed / 60, 1), grown >> 10)])


if __name__ == "__main__":
    main()
