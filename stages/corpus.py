"""Writes the corpus of a base model that is made from nothing: problems with their plain answers.

A problem that copies a held-out problem of any system is left out, as in collect. The corpus of a pinned base
model is an empty file.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from pydantic import Field

from stages.shared import params
from stages.shared.answers import plain_answer
from stages.shared.cli import progress, run
from stages.shared.errors import BadInput, unknown
from stages.shared.files import read, write
from stages.shared.params import Rows, Strict, members
from stages.shared.rows import Chat, Message, Problem
from stages.shared.seen import Seen
from stages.shared.shards import has_rows
from stages.styles import plain
from stages.tasks import TASKS, task
from stages.tasks.splitting.decontaminate import HeldOut, Sieve

HELD_OUT, VALIDATION = Path("data/held_out"), Path("data/validation")


class Params(Rows):
    """What a base model that is made from nothing learns from."""

    # a folder of data sets shaped like the Hub
    root: str = Field(min_length=1)
    # from this similarity on (0 to 1) a problem with a held-out problem's numbers is a copy of it
    near: float = Field(gt=0, le=1)
    # by task, the params of its `pretrain` split; null: no corpus, for a pinned base model
    tasks: Annotated[dict[str, Strict], members("stages.tasks", TASKS)] | None = None


def main(base: str) -> None:
    """data/held_out/*.jsonl, data/validation/*.jsonl (to keep their problems out) -> data/corpora/B.jsonl."""
    section = params.read(base, "corpus", Params, family="bases")
    out = Path("data/corpora", f"{base}.jsonl")
    if section.tasks:
        chats = progress(_chats(section, params.seed()), "corpus")
        write(out, chats, empty="no problem of the corpus is left", shard_rows=section.shard_rows)
    else:
        write(out, [])


def _chats(section: Params, seed: int) -> Iterator[Chat]:
    """Every corpus problem with its plain answer."""
    held_out = HeldOut(_of_all_systems(), section.near)
    repeats = Sieve(section.near)
    for name, chosen in (section.tasks or {}).items():
        for problem in task(name).load("pretrain", chosen, Path(section.root), seed):
            if held_out.leak(problem) is None and repeats.train(problem) is None:
                yield _chat(problem)


def _of_all_systems() -> Iterator[Problem]:
    """The held-out and validation problems of all systems; one that several systems hold out comes once.

    Raises BadInput on a file that belongs to no system of params: a system that is gone left the file behind,
    and its problems would go on shaping every corpus.
    """
    systems, seen = params.entries("systems"), Seen()
    for folder in (HELD_OUT, VALIDATION):
        for path in sorted(folder.iterdir()):
            if path.suffix != ".jsonl" or path.stem not in systems:
                raise BadInput(f"{path}: {unknown('system', path.stem, systems)}; delete the file")
        for path in (folder / f"{system}.jsonl" for system in systems):
            if folder == HELD_OUT or has_rows(path):  # validation may have no problems
                rows = read(path, Problem, key=lambda problem: problem.id)
                yield from (problem for problem in rows if seen.add(problem.id))


def _chat(problem: Problem) -> Chat:
    turns = [*plain.render(problem), Message(role="assistant", content=plain_answer(problem))]
    return Chat(
        id=problem.id,
        problem=problem.id,
        format="natural",
        style="plain",
        messages=turns,
        trace=f"gold:{problem.id}",
    )


if __name__ == "__main__":
    run(main, family="base")
