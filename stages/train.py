"""Trains a student on its chats, from its base model.

A run that was killed goes on from its last checkpoint.
"""

from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any

import msgspec
from pydantic import AfterValidator

from stages.graders import GRADERS, grader
from stages.models.code import hash_of_code
from stages.shared import params
from stages.shared.cli import progress, run, working_directory
from stages.shared.errors import BadInput
from stages.shared.files import read, timed
from stages.shared.member_params import StudentParams, ValidationParams
from stages.shared.rows import Chat, Prompt, Response, Trace
from stages.shared.shards import content_of, has_rows
from stages.students import STUDENTS, Held, Job, student


class _Graders(params.Strict):
    """The graders of a validation, which students do not know."""

    # by name, with their params
    graders: Annotated[dict[str, Any], params.members("stages.graders", GRADERS)]


class _Graded(params.Strict):
    """As far as a section is read here."""

    # as the section has it
    validation: _Graders


def _checked(graders: Mapping[str, Any]) -> dict[str, Any]:
    """`graders` with their params read; raises ValidationError where these are wrong."""
    return _Graded.model_validate({"validation": {"graders": graders}}).validation.graders if graders else {}


def _with_graders(section: StudentParams) -> StudentParams:
    if validation := _validation(section):
        _checked(validation.graders)
    return section


def _validation(section: StudentParams) -> ValidationParams | None:
    """None too of a student that knows no validation."""
    return getattr(section, "validation", None)


Params: Any = Annotated[
    StudentParams,
    params.member("stages.students", STUDENTS, "student"),
    AfterValidator(_with_graders),
]


def main(name: str) -> None:
    """data/S/chats/N.jsonl, data/S/validation/N/, models/bases/B -> models/students/S/N, metrics/N_train/."""
    section = params.read(name, "train", Params, family="students")
    system, base = (params.refers("students", name, to) for to in ("system", "base"))
    chats = list(
        progress(
            read(Path("data", system, "chats", f"{name}.jsonl"), Chat, key=lambda chat: chat.id), "chats"
        )
    )
    out, curves = Path("models/students", system, name), Path("metrics", f"{name}_train")
    checkpoints = working_directory() / "checkpoints"
    validation, rows = _validation(section), Path("data", system, "validation", name)
    held = held_out(rows, validation.graders) if validation else None
    job = Job(out, curves, checkpoints, params.seed(), Path("models/bases", base), held=held)
    with timed(working_directory() / "timings.jsonl", stage="train", entry=name):
        student(section.student).train(chats, job, section)


def held_out(folder: Path, graders: Mapping[str, Any]) -> Held:
    """What a training is validated by: the rows in `folder`, and `graders` with their params as written.

    Raises BadInput where the rows are missing.
    """
    chats, prompts = folder / "chats.jsonl", folder / "prompts.jsonl"
    if not (chats.exists() and prompts.exists()):
        raise BadInput(f"{folder}: no validation rows; run the stage format (`dvc repro`)")
    content = sha256(content_of(chats) + content_of(prompts)).hexdigest()
    code = hash_of_code("graders") if graders else ""
    held = list(read(chats, Chat)) if has_rows(chats) else []
    asked = list(read(prompts, Prompt)) if has_rows(prompts) else []
    return Held(held, asked, grading(graders), f"{content} {code}")


def grading(graders: Mapping[str, Any]) -> Callable[[Response], Trace]:
    """A function that grades an answer by all of `graders`."""
    checked = _checked(graders)

    def grade(response: Response) -> Trace:
        results = {name: grader(name).grade(response, section) for name, section in checked.items()}
        return Trace(
            **msgspec.structs.asdict(response),
            pred=results["answer"].pred if "answer" in results else None,
            grades={name: result.score for name, result in results.items()},
            reasons={name: result.reason for name, result in results.items() if result.score < 1},
        )

    return grade


if __name__ == "__main__":
    run(main, family="student")
