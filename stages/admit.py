"""Makes the chats that a student learns next: the rows of a file that arrived, and some older ones beside
them.

What was learnt before is forgotten where only new rows are learnt; rehearsal of older rows is the plainest
remedy (https://arxiv.org/abs/1811.11682).
"""

import hashlib
import heapq
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Annotated, Any

from msgspec import structs
from pydantic import Field, field_validator

from stages.formats import format_named
from stages.formats.mixing import mixture
from stages.formats.mixing.mixture import Report, mix
from stages.shared import params
from stages.shared.cli import progress, run
from stages.shared.errors import BadInput
from stages.shared.files import as_json, put, read, replacing
from stages.shared.params import Strict, members
from stages.shared.rows import Chat, Ending, Problem, Trace
from stages.shared.shards import has_rows
from stages.styles import Put
from stages.styles.prompting.prompts import Asked
from stages.tasks import TASKS, task
from stages.tasks.splitting.decontaminate import HeldOut
from stages.tasks.splitting.splits import TRAIN

NONE = {"rows": 0, "repeated": 0, "held_out": 0, "older": 0}


Reading: Any = Annotated[dict[str, Strict], members("stages.tasks", TASKS)]


class Format(mixture.Params):
    """The mixture, and the prompt that the student sees."""

    # the style in which the student is asked, with its params where it has any
    student_style: Asked = Put("plain")


class Params(Strict):
    """What becomes of the rows of a new file, and what is mixed into them."""

    # the task that reads the file, with its params, whose `file` is the name of the file
    read: Reading
    # what the student is shown
    format: Format
    # from which similarity on (0 to 1) a row counts as a copy of a held-out or validation problem
    near: float = Field(gt=0, le=1)
    # older rows for each row of the file
    replay: float = Field(ge=0)
    # rows that are kept as a sample of all rows so far
    older: int = Field(ge=0)

    @field_validator("read")
    @classmethod
    def _one(cls, value: dict[str, Strict]) -> dict[str, Strict]:
        if len(value) != 1:
            raise ValueError("expected one task")
        return value


def main(name: str) -> None:
    """updates/N/arrived.jsonl, updates/N/older.jsonl -> data/S/admitted/N.jsonl, data/S/older/N.jsonl,
    metrics/N_admit.json.

    Rows that are copies of held-out or validation problems are left out, and counted.
    """
    section = params.read(name, "admit", Params, family="updates")
    system, seed = params.refers("updates", name, "system"), params.seed()
    folder, data = Path("updates", name), Path("data", system)
    sample, counts = Sample(section.older, seed), Counter(NONE)
    held_out = HeldOut(chain(_problems("held_out", system), _problems("validation", system)), section.near)

    def kept() -> Iterator[Trace]:
        counts["repeated"] = counts["held_out"] = 0  # `mix` may read twice
        return _traces(_arrived(section.read, folder, seed), section.format, held_out, counts)

    targets = [data / part / f"{name}.jsonl" for part in ("admitted", "older")]
    with replacing(*targets, Path("metrics", f"{name}_admit.json")) as (admitted, older, metrics):
        chats = mix(kept, section.format, section.format.student_style.render, seed, Report())
        counts["rows"] = put(admitted, progress(_seen(chats, sample), "admit"))
        if not counts["rows"]:
            raise BadInput(f"{folder}/arrived.jsonl: no row to learn from ({dict(counts)})")
        before = list(read(folder / "older.jsonl", Chat))
        put(admitted, replayed(before, round(section.replay * counts["rows"]), seed, sample, counts))
        for chat in before:
            sample.add(chat)
        put(older, sample.chats())
        metrics.write(as_json({key: counts[key] for key in NONE}))


def _problems(split: str, system: str) -> Iterator[Problem]:
    """The problems of a split, of which validation may have none."""
    path = Path("data", split, f"{system}.jsonl")
    return read(path, Problem) if not path.exists() or has_rows(path) else iter(())


def _arrived(reading: dict[str, Strict], folder: Path, seed: int) -> Iterator[Problem]:
    ((name, member),) = reading.items()
    return task(name).load(TRAIN, member, folder, seed)


def _seen(chats: Iterable[Chat], sample: "Sample") -> Iterator[Chat]:
    for chat in chats:
        sample.add(chat)
        yield chat


def _traces(
    problems: Iterable[Problem], form: Format, held_out: HeldOut, counts: Counter[str]
) -> Iterator[Trace]:
    """Each row as a right answer of whomever the format takes answers from; its id is a hash of its words, so
    that the same row of two files is one."""
    by, seen = format_named(form.hard).BY, set[str]()
    for problem in problems:
        words = json.dumps([problem.history, problem.question, problem.solution, problem.answer])
        digest = hashlib.sha256(words.encode("utf-8", "surrogatepass")).hexdigest()[:24]
        if digest in seen:
            counts["repeated"] += 1
        elif held_out.leak(problem):
            counts["held_out"] += 1
        else:
            seen.add(digest)
            yield _trace(structs.replace(problem, id=digest), by)


def _trace(problem: Problem, by: str) -> Trace:
    text = problem.solution if problem.solution is not None else problem.answer
    return Trace(
        **{field: getattr(problem, field) for field in Problem.__struct_fields__},
        by=by,
        style="arrived",
        messages=[],
        sampler="arrived",
        model="arrived",
        sample=0,
        text=text,
        ending=Ending.STOP,
        tokens=len(text.split()),
        pred=problem.answer,
        grades={},
        reasons={},
    )


def replayed(
    older: Iterable[Chat], count: int, seed: int, new: "Sample", counts: Counter[str]
) -> Iterator[Chat]:
    """`count` older chats, other ones for each file: what is drawn depends on the file's first rows."""
    salt = min((chat.id for chat in new.chats()), default="")
    drawn = heapq.nsmallest(count, older, key=lambda chat: _rank(f"{seed}/{salt}", chat.id))
    for chat in drawn:
        if chat.id not in new:
            counts["older"] += 1
            yield chat


class Sample:
    """A uniform sample of all chats that were added, in bounded memory: those whose hashes are the
    smallest."""

    def __init__(self, size: int, seed: int) -> None:
        self.size, self.seed = size, seed
        self.kept: dict[str, tuple[int, Chat]] = {}
        self.heap: list[tuple[int, str]] = []  # the largest rank first

    def __contains__(self, name: str) -> bool:
        return name in self.kept

    def add(self, chat: Chat) -> None:
        """Adds a chat; one that is there already stays."""
        if not self.size or chat.id in self.kept:
            return
        rank = _rank(str(self.seed), chat.id)
        self.kept[chat.id] = rank, chat
        heapq.heappush(self.heap, (-rank, chat.id))
        if len(self.kept) > self.size:
            del self.kept[heapq.heappop(self.heap)[1]]

    def chats(self) -> list[Chat]:
        """The sample, by rank."""
        return [chat for _, chat in sorted(self.kept.values(), key=lambda pair: pair[0])]


def _rank(salt: str, name: str) -> int:
    return int.from_bytes(hashlib.sha256(f"{salt}/{name}".encode()).digest()[:8])


def check(arguments: list[str]) -> None:
    """checks that a student can read the rows of a file; runs nothing: --check FILE SYSTEM"""
    if len(arguments) != 2:
        raise BadInput(f"--check: expected a file and a system, got {len(arguments)} arguments")
    path, system = Path(arguments[0]), arguments[1]
    section = params.read(system, "read", Reading, family="daemon")
    ((name, member),) = section.items()
    problems = task(name).load(TRAIN, member.model_copy(update={"file": path.name}), path.parent, 0)
    rows = sum(1 for _ in problems)
    if not rows:
        raise BadInput(f"{path}: no row to learn from")
    print(f"{rows} rows")


if __name__ == "__main__":
    run(main, instead={"--check": check}, family="update")
