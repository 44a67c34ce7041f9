"""Trains a student on its chats, from its base model.

A run that was killed goes on from its last checkpoint.
"""

from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any

import msgspec
from pydantic import AfterValidator, TypeAdapter

from stages.graders import GRADERS, grader
from stages.models.code import hash_of_code
from stages.shared import params
from stages.shared.cli import progress, run, working_directory
from stages.shared.files import read
from stages.shared.member_params import StudentParams
from stages.shared.rows import Chat, Prompt, Response, Trace
from stages.students import STUDENTS, Held, Job, student

_graders = TypeAdapter(Annotated[dict[str, Any], params.members("stages.graders", GRADERS)])


def _with_graders(section: StudentParams) -> StudentParams:
    """Raises ValidationError where the params of a grader of the validation are wrong."""
    if section.validation and section.validation.graders:
        _graders.validate_python(section.validation.graders)
    return section


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
    held = None
    if section.validation:
        held = held_out(Path("data", system, "validation", name), section.validation.graders)
    job = Job(out, curves, checkpoints, params.seed(), Path("models/bases", base), held)
    student(section.student).train(chats, job, section)


def held_out(folder: Path, graders: Mapping[str, Any]) -> Held:
    """What a training is validated by: the rows in `folder`, and `graders` with their params as written."""
    chats, prompts = folder / "chats.jsonl", folder / "prompts.jsonl"
    content = sha256(chats.read_bytes() + prompts.read_bytes()).hexdigest()
    code = hash_of_code("graders") if graders else ""
    rows = [
        list(read(path, noun)) if path.stat().st_size else []
        for path, noun in ((chats, Chat), (prompts, Prompt))
    ]
    return Held(*rows, grading(graders), f"{content} {code}")


def grading(graders: Mapping[str, Any]) -> Callable[[Response], Trace]:
    """A function that grades an answer by all of `graders`."""
    checked = _graders.validate_python(graders) if graders else {}

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
