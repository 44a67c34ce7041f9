"""Has every arm of the evaluation answer the held-out problems: the student, the base model and whatever they
are compared with.

An arm also answers validation problems, on which a threshold may be chosen, and train problems, where its
params ask for it.
"""

from collections import deque
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator

from stages.samplers import SAMPLERS
from stages.samplers.ask import ask
from stages.shared import params
from stages.shared.cli import is_main_process, progress, run
from stages.shared.errors import BadInput, unknown
from stages.shared.files import read, write
from stages.shared.member_params import SamplerParams
from stages.shared.params import Rows, Strict, member
from stages.shared.rows import Problem, Prompt
from stages.shared.shards import has_rows
from stages.styles.prompting.prompts import Asked, prompts

Split = Literal["test", "validation", "train"]


class Arm(Strict):
    """Who is asked, and how."""

    # the style in which a problem is put, with its params where it has any
    style: Asked
    # the sampler that is asked
    ask: Annotated[SamplerParams, member("stages.samplers", SAMPLERS, "sampler")]
    # the splits whose problems are put; the test problems always are
    splits: list[Split] = Field(default=["test"], min_length=1)

    @field_validator("splits")
    @classmethod
    def _with_test(cls, splits: list[Split]) -> list[Split]:
        if "test" not in splits or len(set(splits)) < len(splits):
            raise ValueError("expected test, and perhaps validation and train, each once")
        return splits


class Params(Rows):
    """Who answers the held-out problems."""

    # what dvc.yaml starts the stage with; accelerate launch ...: the GPUs share the batches of the sampler hf
    launcher: str = "python"
    # by name, which is the `by` of the arm's rows
    arms: dict[str, Arm] = Field(min_length=1)


def main(system: str) -> None:
    """data/held_out/S.jsonl -> data/S/generations.jsonl, the answers of all arms to a problem adjacent.

    After the test problems come those of data/validation/S.jsonl and data/S/train.jsonl, where an arm answers
    them.
    """
    section = params.read(system, "generate", Params)
    arms = section.arms
    _check_students(system)
    _check_models(system, arms)
    _check_splits(system, arms)

    def put() -> Iterator[Prompt]:
        for split, path in _problems(system).items():
            styles = {by: arm.style for by, arm in arms.items() if split in arm.splits}
            if styles:
                problems = read(path, Problem, key=lambda problem: problem.id)
                yield from prompts(problems, styles)

    responses = progress(ask(put, {by: arm.ask for by, arm in arms.items()}, params.seed()), "generate")
    if not is_main_process():
        deque(responses, maxlen=0)
        return
    out = Path("data", system, "generations.jsonl")
    write(out, responses, "no arm answered any problem", section.shard_rows)


def _problems(system: str) -> dict[Split, Path]:
    """The file of each split, in the order in which the splits are answered."""
    return {
        "test": Path("data/held_out", f"{system}.jsonl"),
        "validation": Path("data/validation", f"{system}.jsonl"),
        "train": Path("data", system, "train.jsonl"),
    }


def _check_students(system: str) -> None:
    """Raises BadInput on a folder of the system's students that no student of params owns: DVC does not
    remove the folder of a student that was taken out of params, and the folder would count as an input of
    this stage."""
    students = params.models_of(system)
    folder = Path("models/students", system)
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        if path.name not in students:
            raise BadInput(f"{path}: {unknown('student', path.name, students)}; delete the folder")


def _check_splits(system: str, arms: Mapping[str, Arm]) -> None:
    """Raises BadInput where an arm is to answer validation problems and there are none."""
    path = _problems(system)["validation"]
    asking = [name for name, arm in arms.items() if "validation" in arm.splits]
    if asking and path.exists() and not has_rows(path):
        raise BadInput(
            f"{path}: no validation problem, but systems.{system}.generate.arms.{asking[0]}.splits asks for "
            f"them; set validation in the tasks of systems.{system}.collect"
        )


def _check_models(system: str, arms: Mapping[str, Arm]) -> None:
    """Raises BadInput on an arm with a model that dvc.yaml does not make this stage depend on: trained anew,
    that model would leave the answers of its predecessor."""
    for name, arm in arms.items():
        served = getattr(arm.ask, "serves", None)
        model = served or str(getattr(arm.ask, "model", ""))
        if served or model.startswith(("models/bases/", "models/students/")):
            known = [f"models/students/{system}/{folder}" for folder in params.folders_of(system)]
            known.append(f"models/bases/{params.refers('systems', system, 'base')}")
            if model not in known:
                raise BadInput(f"systems.{system}.generate.arms.{name}.ask: {unknown('model', model, known)}")


if __name__ == "__main__":
    run(main)
