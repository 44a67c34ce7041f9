"""Has both students of a pair answer the held-out problems in every style, and the router say beforehand what
it expects of each answer.

The validation problems that the pair was not calibrated on are answered as well: what the router is compared
with is chosen on them.
"""

import json
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any

import msgspec
from pydantic import Field, field_validator, model_validator

from stages.models.folders import DESCRIPTION
from stages.samplers import SAMPLERS
from stages.samplers.ask import ask
from stages.shared import params
from stages.shared.cli import is_main_process, progress, run
from stages.shared.errors import BadInput
from stages.shared.files import put, read, replacing
from stages.shared.member_params import SamplerParams
from stages.shared.params import Rows, Strict, member
from stages.shared.routes import STUDENTS, Route
from stages.shared.rows import VALIDATION, Problem, Prompt
from stages.shared.shards import has_rows
from stages.styles import Put
from stages.styles.prompting.prompts import Asked, StyleName

Sampler = Annotated[SamplerParams, member("stages.samplers", SAMPLERS, "sampler")]


class Samplers(Strict):
    """Who is asked, and how: the two students."""

    # the sampler that asks the first student
    first: Sampler
    # the sampler that asks the second student
    second: Sampler


class PerTask(Strict):
    """How many problems of each task are answered, the first ones of the file; null: all."""

    # of the test problems
    test: int | None = Field(default=None, ge=1)
    # of the validation problems that the pair was not calibrated on
    validation: int | None = Field(default=None, ge=1)


class Params(Rows):
    """How the students of a pair answer."""

    # what dvc.yaml starts the stage with; accelerate launch ...: the GPUs share the batches of the sampler hf
    launcher: str = "python"
    # the style `tagged`, whose tags the pair was trained with
    style: Asked
    # the styles that are asked for, each a tag of `style`; null: all tags
    styles: list[StyleName] | None = Field(default=None, min_length=1)
    # by student
    ask: Samplers
    # bounds of the number of problems
    per_task: PerTask = PerTask()

    @field_validator("style")
    @classmethod
    def _with_tags(cls, style: Put) -> Put:
        if style.name != "tagged":
            raise ValueError(f"expected the style 'tagged' with its tags, got {style.name!r}")
        return style

    @model_validator(mode="after")
    def _known_tags(self) -> "Params":
        strangers = [name for name in self.styles or () if name not in self.style.params.tags]
        if strangers or len(set(self.styles or ())) < len(self.styles or ()):
            raise ValueError(f"styles: expected some of {', '.join(self.style.params.tags)}, each once")
        return self

    @model_validator(mode="after")
    def _as_often(self) -> "Params":
        first, second = (getattr(sampler, "n", 1) for sampler in (self.ask.first, self.ask.second))
        if first != second:
            raise ValueError(f"ask: expected the same n for both students, got {first} and {second}")
        return self

    def asked(self) -> dict[str, Put]:
        """For each style the style `tagged` that asks for it."""
        tags = self.style.params
        return {
            name: Put("tagged", tags.model_copy(update={"ask": name})) for name in self.styles or tags.tags
        }


def main(pair: str) -> None:
    """data/held_out/S.jsonl, data/validation/S.jsonl -> data/S/pair_generations/N.jsonl and
    data/S/routes/N.jsonl.

    Of each problem the answers are adjacent: by student, style and sample. The test problems come first.
    """
    section = params.read(pair, "generate", Params, family="pairs")
    system = params.refers("pairs", pair, "system")
    folder = Path("models/students", system, pair)
    _check_models(pair, section, folder)
    _check_tags(pair, section, folder)
    problems = list(_chosen(_problems(system, pair), section.per_task))
    asked = section.asked()

    def prompts() -> Iterator[Prompt]:
        for problem in problems:
            fields = msgspec.structs.asdict(problem)
            for student in STUDENTS:
                for name, style in asked.items():
                    yield Prompt(**fields, by=student, style=name, messages=style.render(problem))

    samplers = {student: getattr(section.ask, student) for student in STUDENTS}
    responses = progress(ask(prompts, samplers, params.seed()), "generate_pair")
    if not is_main_process():
        deque(responses, maxlen=0)
        return
    data = Path("data", system)
    files = data / "pair_generations" / f"{pair}.jsonl", data / "routes" / f"{pair}.jsonl"
    with replacing(*files, shard_rows=section.shard_rows) as (answers, routes):
        put(routes, _routes(pair, folder / "router", problems, section))
        put(answers, responses)


def _problems(system: str, pair: str) -> Iterator[Problem]:
    """The test problems, and the validation problems that the pair was not calibrated on."""
    held_out = Path("data/held_out", f"{system}.jsonl")
    yield from read(held_out, Problem, key=lambda problem: problem.id)
    validation, calibration = (
        Path("data/validation", f"{system}.jsonl"),
        Path("data", system, "calibration", f"{pair}.jsonl"),
    )
    if validation.exists() and not has_rows(validation):
        return  # a system without validation problems
    taken = {problem.id for problem in _any(calibration)}
    for problem in read(validation, Problem, key=lambda problem: problem.id):
        if problem.id not in taken:
            yield problem


def _any(path: Path) -> Iterator[Problem]:
    """The problems of a file that may be empty."""
    if not path.exists() or has_rows(path):
        yield from read(path, Problem)


def _chosen(problems: Iterable[Problem], limits: PerTask) -> Iterator[Problem]:
    """The first problems of each task and split."""
    taken: Counter[tuple[str, str]] = Counter()
    for problem in problems:
        split = problem.split == VALIDATION
        limit = limits.validation if split else limits.test
        taken[problem.split, problem.task] += 1
        if limit is None or taken[problem.split, problem.task] <= limit:
            yield problem


def _routes(pair: str, router: Path, problems: list[Problem], section: Params) -> Iterator[Route]:
    """What the router predicts of each problem in each style that is asked for: it reads the question as the
    style `plain` puts it. Without a router, which some signals have none of, no utilities."""
    utilities: list[Any] = [None] * len(problems)
    if router.is_dir():
        from stages.students.router.predicting import predicted  # needs torch, which takes seconds to import

        first, second = (Path("models/bases", params.refers("pairs", pair, to)) for to in STUDENTS)
        questions = [Put("plain").render(problem) for problem in problems]
        asking: Any = section.ask.first  # of the sampler hf, see _check_models
        utilities = predicted(router, (first, second), questions, asking.device, asking.batch_size)
    names = list(section.asked())
    for problem, utility in zip(problems, utilities, strict=True):
        known = utility and {student: _of_styles(utility[student], names, router) for student in STUDENTS}
        yield Route(id=problem.id, task=problem.task, split=problem.split, utility=known)


def _of_styles(utility: dict[str, float], styles: list[str], router: Path) -> dict[str, float]:
    missing = [name for name in styles if name not in utility]
    if missing:
        raise BadInput(
            f"{router}: it says nothing of the styles {', '.join(missing)}, only of {', '.join(utility)}; "
            "train the pair on paths in these styles, or leave the styles out of pairs.<pair>.generate.styles"
        )
    return {name: utility[name] for name in styles}


def _check_models(pair: str, section: Params, folder: Path) -> None:
    """Raises BadInput where any other model than a student is asked: this stage depends on the pair's folder
    alone."""
    for student in STUDENTS:
        asking, where = getattr(section.ask, student), f"pairs.{pair}.generate.ask.{student}"
        if asking.sampler != "hf":
            raise BadInput(f"{where}.sampler: expected 'hf', a model of this machine, got {asking.sampler!r}")
        if asking.model != str(folder / student):
            raise BadInput(f"{where}.model: expected {folder / student}, got {asking.model!r}")


def _check_tags(pair: str, section: Params, folder: Path) -> None:
    """Raises BadInput where a tag is not that which the students were trained with, as far as these say."""
    for student in STUDENTS:
        path = folder / student / DESCRIPTION
        described = json.loads(path.read_bytes()) if path.is_file() else {}
        _, trained = described.get("params", {}).get("student_style") or (None, {"tags": {}})
        for name, tag in section.style.params.tags.items():
            if trained["tags"].get(name, tag) != tag:
                raise BadInput(
                    f"pairs.{pair}.generate.style.tagged.tags.{name}: expected {trained['tags'][name]!r}, "
                    f"which {folder / student} was trained with, got {tag!r}"
                )


if __name__ == "__main__":
    run(main, family="pair")
