"""Makes the base model from nothing, or pins one that others made; and a second one beside it for a system
with two students.

A base model made here sees plain answers only, never a glyph."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import msgspec
from pydantic import model_validator

from stages.models.folders import PEER
from stages.samplers import scripted
from stages.shared import params
from stages.shared.cli import progress, run, working_directory
from stages.shared.member_params import StudentParams
from stages.shared.params import Strict, member, members
from stages.shared.rows import Chat, Message, Problem, Prompt, read
from stages.students import STUDENTS, Job, student
from stages.students.training.describe import whole
from stages.styles import plain
from stages.tasks import TASKS, task
from stages.tasks.splitting.decontaminate import Sieve


class Params(Strict):
    """`model` is who learns; `corpus` the tasks whose `pretrain` problems it learns from (none where it is
    pinned). Copies of test problems are left out, as in collect. `peer` is a second model, made of the same
    corpus in the same way (its `student` is that of `model`: the code that dvc.yaml has this stage depend
    on), but from another seed."""

    root: str
    near: float
    model: Annotated[StudentParams, member("stages.students", STUDENTS, "student")]
    peer: Annotated[StudentParams, member("stages.students", STUDENTS, "student")] | None = None
    corpus: Annotated[dict[str, Strict], members("stages.tasks", TASKS)] | None = None

    @model_validator(mode="after")
    def _alike(self) -> "Params":
        if self.peer and self.peer.student != self.model.student:
            raise ValueError(
                f"peer.student must be that of model, {self.model.student!r}, got {self.peer.student!r}"
            )
        return self


def main(system: str) -> None:
    """data/held_out/S.jsonl and data/S/validation.jsonl (only to keep them out) -> models/S/base and, where
    there is a peer, models/S/base/peer."""
    mine, seed = params.read(system, "base", Params), params.seed()
    chats = list(progress(_chats(system, mine, seed), "corpus"))
    out = Path("models", system, "base")
    if mine.peer is None:
        _make(mine.model, chats, out, f"{system}_base", seed)
        return
    with whole(out) as folder:  # both or none
        _make(mine.model, chats, folder, f"{system}_base", seed)
        _make(mine.peer, chats, folder / PEER, f"{system}_{PEER}", seed + 1)


def _make(model: Any, chats: list[Chat], out: Path, curves: str, seed: int) -> None:
    student(model.student).train(
        chats,
        Job(out, working_directory() / "curves" / curves, working_directory() / "checkpoints", seed),
        model,
    )


def _chats(system: str, mine: Params, seed: int) -> Iterator[Chat]:
    """Every corpus problem with its plain answer."""
    if mine.corpus is None:
        return
    sieve = Sieve(mine.near)
    for problem in read(Path("data", "held_out", f"{system}.jsonl"), Problem, key=lambda problem: problem.id):
        sieve.test(problem)
    if (validation := Path("data", system, "validation.jsonl")).stat().st_size:
        for problem in read(validation, Problem, key=lambda problem: problem.id):
            sieve.validation(problem)
    for name, chosen in mine.corpus.items():
        for problem in task(name).load("pretrain", chosen, Path(mine.root), seed):
            if sieve.train(problem) is None:
                yield _chat(problem, seed)


def _chat(problem: Problem, seed: int) -> Chat:
    messages = plain.render(problem)
    prompt = Prompt(**msgspec.structs.asdict(problem), by="base", style="plain", messages=messages)
    answer = next(scripted.answer([prompt], scripted.Params(sampler="scripted"), seed))[0]
    turns = [*messages, Message(role="assistant", content=answer.text)]
    return Chat(
        id=problem.id,
        problem=problem.id,
        format="natural",
        style="plain",
        messages=turns,
        trace=f"gold:{problem.id}",
    )


if __name__ == "__main__":
    run(main)
