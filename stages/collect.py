"""collect: the problems of a system, from its tasks, with no test problem left in train.

Writes data/<system>/test.jsonl, train.jsonl and leaks.jsonl (the problems that were dropped, each with the
one it is a copy of; may be empty) and metrics/<system>_collect.json. All four change together, or none does.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from pydantic import Field

from stages.shared import params
from stages.shared.cli import progress, run
from stages.shared.errors import BadInput
from stages.shared.params import Strict
from stages.shared.rows import Problem, as_json, encode, replacing
from stages.tasks import TASKS, task
from stages.tasks.splitting.decontaminate import Leak, Sieve
from stages.tasks.splitting.splits import TEST, TRAIN


class Params(Strict):
    """`root`: a folder of data sets shaped like the Hub, and of JSONL files. `near`: from which similarity on
    (0 to 1) a train problem counts as a copy of a test problem with the same numbers; 1 finds only copies
    with the same words in every place."""

    root: str = Field(min_length=1)
    tasks: params.members("stages.tasks", TASKS)  # type: ignore[valid-type]
    near: float = Field(gt=0, le=1)


def main(system: str) -> None:
    """Collects `system`."""
    section, seed, data = params.read(system, "collect", Params), params.seed(), Path("data") / system
    sieve, counts = Sieve(section.near), Counter[str]()

    def problems(split: str) -> Iterator[Problem]:
        for name, member in section.tasks.items():
            yield from task(name).load(split, member, Path(section.root), seed)

    paths = [
        data / "test.jsonl",
        data / "train.jsonl",
        data / "leaks.jsonl",
        Path("metrics") / f"{system}_collect.json",
    ]
    with replacing(*paths) as (test, train, leaks, metrics):
        # test first: what it holds is what train is sieved by
        for split, file, copy_of in ((TEST, test, sieve.test), (TRAIN, train, sieve.train)):
            _write(split, progress(problems(split), f"{system} {split}"), copy_of, file, leaks, counts)
        metrics.write(as_json(_report(counts)))


def _write(
    split: str,
    problems: Iterable[Problem],
    copy_of: Callable[[Problem], Leak | None],
    file: Any,
    leaks: Any,
    counts: Counter[str],
) -> None:
    """The problems that are no copy go to `file`, the others' records to `leaks`."""
    for problem in problems:
        if leak := copy_of(problem):
            leaks.write(encode(leak) + b"\n")
            counts[f"{split}_dropped_{leak.kind}"] += 1
            continue
        file.write(encode(problem) + b"\n")
        counts[split] += 1
        counts[f"{split}_{problem.task}"] += 1
        if problem.level is not None:
            counts[f"{split}_level_{problem.level}"] += 1
    if not counts[split]:
        dropped = sum(count for name, count in counts.items() if name.startswith(f"{split}_dropped"))
        raise BadInput(
            f"no {split} problem is left ({dropped} dropped as copies); see tasks and near in the collect section"
        )


def _report(counts: Counter[str]) -> dict[str, int]:
    """The counts by name, the kinds of drops always among them; levels only where they are few."""
    for name in ("test_dropped_repeat", "train_dropped_exact", "train_dropped_near", "train_dropped_repeat"):
        counts.setdefault(name, 0)
    levels = {name.split("_level_")[1] for name in counts if "_level_" in name}
    return {name: counts[name] for name in sorted(counts) if "_level_" not in name or len(levels) <= 12}


if __name__ == "__main__":
    run(main)
