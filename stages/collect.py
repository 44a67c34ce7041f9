"""collect: the problems of a system, from its tasks, without copies between the splits.

Writes data/held_out/<system>.jsonl (the test problems), data/validation/<system>.jsonl (empty unless a task's
params ask for validation problems), data/<system>/train.jsonl, data/<system>/leaks.jsonl (the problems that
were dropped, each with the problem of which it is a copy; may be empty), metrics/<system>_collect.json and
the folder data/<system>/data_splits, which is empty unless params ask for tables.
All of them change together, or none does.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from stages.shared import params
from stages.shared.cli import progress, run
from stages.shared.errors import BadInput
from stages.shared.files import as_bytes, as_json, csv_line, replacing, sweep
from stages.shared.params import Rows, Strict, members
from stages.shared.rows import Problem, encode
from stages.tasks import TASKS, task
from stages.tasks.splitting.decontaminate import Leak, Sieve
from stages.tasks.splitting.splits import TEST, TRAIN, VALIDATION

FILES = {TRAIN: "train", VALIDATION: "val", TEST: "test"}  # names of tables, as people know them


class Params(Rows):
    """Where problems come from, and which count as copies."""

    # What is read besides code, and what the stage depends on: a file of problems, or a folder of such files
    # and of data sets shaped like the Hub. Generated tasks read nothing, and then any file of code will do.
    root: str = Field(min_length=1)
    # The tasks with their own params; a task set to null is left out, so that a file of conf/ can inherit
    # another and take a task out.
    tasks: Annotated[dict[str, Strict], members("stages.tasks", TASKS, null_leaves_out=True)]
    # From which similarity on (0 to 1) a problem counts as a copy of a held-out problem with the same
    # numbers; 1 finds only copies with the same words in every place.
    near: float = Field(gt=0, le=1)
    # Whether the problems are also written as data_splits/{train,val,test}.csv, and their rule book, where
    # they share one, as data_splits/rulebook.txt: the same data a second time, under names that people know.
    data_splits: bool = False


def main(system: str) -> None:
    """The tasks of `systems.<system>.collect` -> data/, metrics/."""
    section, seed, data = params.read(system, "collect", Params), params.seed(), Path("data", system)
    sieve, counts = Sieve(section.near), Counter[str]()

    def problems(split: str) -> Iterator[Problem]:
        for name, member in section.tasks.items():
            yield from task(name).load(split, member, Path(section.root), seed)

    paths = [
        Path("data", "held_out", f"{system}.jsonl"),
        Path("data", "validation", f"{system}.jsonl"),
        data / "train.jsonl",
        data / "leaks.jsonl",
        Path("metrics", f"{system}_collect.json"),
    ]
    tables = Tables(data / "data_splits") if section.data_splits else None
    outs = replacing(*paths, shard_rows=section.shard_rows)
    with outs as (test, validation, train, leaks, metrics):
        # test first, then validation: what they hold is what train may not hold
        splits = (
            (TEST, test, sieve.test),
            (VALIDATION, validation, sieve.validation),
            (TRAIN, train, sieve.train),
        )
        for split, file, copy_of in splits:
            rows = progress(problems(split), f"{system} {split}")
            _write(split, rows, copy_of, file, leaks, counts, tables.adding(outs) if tables else None)
        metrics.write(as_json(_report(counts)))
        if tables:
            tables.end(outs)
    sweep(data / "data_splits", tables.paths if tables else [])


class Tables:
    """The problems as tables (columns id, text, label), one a split, and the rule book that they share."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.paths: list[Path] = []
        self.books: set[str] = set()

    def adding(self, outs: replacing) -> Callable[[Problem], None]:
        """A function that writes a problem into the table of its split, which is one of `outs`."""

        def add(problem: Problem) -> None:
            path = self.folder / f"{FILES[problem.split]}.csv"
            if path not in self.paths:
                self.paths.append(path)
                outs.also(path).write(csv_line("id", "text", "label"))
            outs.also(path).write(csv_line(problem.id, problem.question, problem.answer))
            if len(self.books) < 2:
                self.books.add(problem.rule_book or "")

        return add

    def end(self, outs: replacing) -> None:
        """Writes the rule book, where all problems share one."""
        if len(self.books) == 1 and (book := min(self.books)):
            path = self.folder / "rulebook.txt"
            self.paths.append(path)
            outs.also(path).write(as_bytes(f"{book}\n"))


def _write(
    split: str,
    problems: Iterable[Problem],
    copy_of: Callable[[Problem], Leak | None],
    file: Any,
    leaks: Any,
    counts: Counter[str],
    also: Callable[[Problem], None] | None,
) -> None:
    """The problems that are no copy go to `file` and to `also`, the records of the others to `leaks`.

    Raises BadInput where no problem is left; only validation may have had none from the start.
    """
    for problem in problems:
        if leak := copy_of(problem):
            leaks.write(encode(leak) + b"\n")
            counts[f"{split}_dropped_{leak.kind}"] += 1
            continue
        file.write(encode(problem) + b"\n")
        if also:
            also(problem)
        counts[split] += 1
        counts[f"{split}_{problem.task}"] += 1
        if problem.level is not None:
            counts[f"{split}_level_{problem.level}"] += 1
    dropped = sum(count for name, count in counts.items() if name.startswith(f"{split}_dropped"))
    if not counts[split] and (dropped or split != VALIDATION):
        raise BadInput(
            f"no {split} problem is left ({dropped} dropped as copies); see tasks and near in the collect "
            "section. `held_out` of a task is the share of its rows that go to test, by a hash of their ids: "
            "a file of few rows may leave a split empty"
        )


def _report(counts: Counter[str]) -> dict[str, int]:
    """The counts by name; levels only where they are few.

    The kinds of drops are always among the counts, those of validation where it has problems.
    """
    kinds = {TEST: ["repeat"], TRAIN: ["exact", "near", "repeat"]}
    if counts[VALIDATION]:
        kinds[VALIDATION] = kinds[TRAIN]
    for name in (f"{split}_dropped_{kind}" for split in kinds for kind in kinds[split]):
        counts.setdefault(name, 0)
    levels = {name.split("_level_")[1] for name in counts if "_level_" in name}
    return {name: counts[name] for name in sorted(counts) if "_level_" not in name or len(levels) <= 12}


if __name__ == "__main__":
    run(main)
