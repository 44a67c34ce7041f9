"""Trains a student on its chats, from its base model.

A run that was killed goes on from its last checkpoint.
"""

from pathlib import Path
from typing import Annotated, Any

from stages.shared import params
from stages.shared.cli import progress, run, working_directory
from stages.shared.files import read
from stages.shared.member_params import StudentParams
from stages.shared.rows import Chat
from stages.students import STUDENTS, Job, student

Params: Any = Annotated[StudentParams, params.member("stages.students", STUDENTS, "student")]


def main(name: str) -> None:
    """data/S/chats/N.jsonl, models/bases/B -> models/students/S/N, metrics/N_train/."""
    section = params.read(name, "train", Params, family="students")
    system, base = (params.refers("students", name, to) for to in ("system", "base"))
    chats = list(
        progress(
            read(Path("data", system, "chats", f"{name}.jsonl"), Chat, key=lambda chat: chat.id), "chats"
        )
    )
    out, curves = Path("models/students", system, name), Path("metrics", f"{name}_train")
    job = Job(out, curves, working_directory() / "checkpoints", params.seed(), Path("models/bases", base))
    student(section.student).train(chats, job, section)


if __name__ == "__main__":
    run(main, family="student")
