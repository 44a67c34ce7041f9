"""Trains a student further, from where it stands, on the rows that the stage admit made.

A run that was killed or paused goes on from its last checkpoint.
"""

from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator

from stages.shared import params
from stages.shared.cli import progress, run, working_directory
from stages.shared.files import read
from stages.shared.member_params import StudentParams
from stages.shared.rows import Chat
from stages.students import STUDENTS, Job, student


def _not_validated(section: StudentParams) -> StudentParams:
    if getattr(section, "validation", None) is not None:
        raise ValueError("validation: an update is measured by the stage assess; set it to null")
    return section


Params: Any = Annotated[
    StudentParams,
    params.member("stages.students", STUDENTS, "student"),
    AfterValidator(_not_validated),
]


def main(name: str) -> None:
    """data/S/admitted/N.jsonl, updates/N/last -> models/students/S/N, metrics/N_train/."""
    section = params.read(name, "train", Params, family="updates")
    system = params.refers("updates", name, "system")
    rows = read(Path("data", system, "admitted", f"{name}.jsonl"), Chat, key=lambda chat: chat.id)
    chats = list(progress(rows, "chats"))
    job = Job(
        out=Path("models/students", system, name),
        curves=Path("metrics", f"{name}_train"),
        checkpoints=working_directory() / "checkpoints",
        seed=params.seed(),
        base=Path("updates", name, "last"),
        control=working_directory() / "control",
    )
    student(section.student).train(chats, job, section)


if __name__ == "__main__":
    run(main, family="update")
