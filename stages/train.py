"""Trains the student on its chats, from the base model. A run that was killed goes on from its last
checkpoint."""

from pathlib import Path
from typing import Annotated, Any

from stages.shared import params
from stages.shared.cli import progress, run, working_directory
from stages.shared.member_params import StudentParams
from stages.shared.rows import Chat, read
from stages.students import STUDENTS, Job, student

Params: Any = Annotated[StudentParams, params.member("stages.students", STUDENTS, "student")]


def main(system: str) -> None:
    """data/S/chats.jsonl, models/S/base -> models/S/student, metrics/S_train/."""
    mine = params.read(system, "train", Params)
    chats = list(progress(read(Path("data", system, "chats.jsonl"), Chat, key=lambda chat: chat.id), "chats"))
    models = Path("models", system)
    job = Job(
        models / "student",
        Path("metrics", f"{system}_train"),
        working_directory() / "checkpoints",
        params.seed(),
        models / "base",
    )
    student(mine.student).train(chats, job, mine)


if __name__ == "__main__":
    run(main)
