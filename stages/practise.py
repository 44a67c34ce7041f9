"""Has a student practise: a policy that goes on from another model by reinforcement learning, rewarded by the
graders.

A run that was killed goes on from its last validation.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from stages.graders.grading import rewards
from stages.graders.grading.apply import problems
from stages.models.code import hash_of_code
from stages.shared import params
from stages.shared.cli import run, working_directory
from stages.shared.errors import BadInput, unknown
from stages.shared.files import read, write_json
from stages.shared.rows import PROBE, Problem, Prompt, Response, Trace
from stages.shared.shards import has_rows
from stages.students.practice.practice_rows import PracticeJob, Reward, Task
from stages.students.practice.rl_settings import Settings
from stages.styles import Put
from stages.styles.prompting.prompts import Asked, prompts


class Params(Settings):
    """What is practised, and what is rewarded."""

    # the style in which a problem is put to the policy
    style: Asked
    # what an answer is worth
    reward: rewards.Params
    # which train problems are practised: those that the base model (or, where it was not asked, the teacher)
    # solves less often than `hard_below`, the others, or all
    subset: Literal["all", "hard", "easy"] = "all"
    # a problem is hard where the base model's pass rate, or else the teacher's, is below this
    hard_below: float = Field(default=0.75, gt=0, le=1)


def main(name: str) -> None:
    """data/S/train.jsonl, data/S/traces.jsonl, data/validation/S.jsonl and the model to start from ->
    models/students/S/N, data/S/practice/N/{rollouts,history}.jsonl, metrics/N_practise.json and
    metrics/N_practise/."""
    section = params.read(name, "practise", Params, family="practice")
    system, start = params.refers("practice", name, "system"), _start(name)
    train, validation = Path("data", system, "train.jsonl"), Path("data/validation", f"{system}.jsonl")
    chosen, subsets = _chosen(_put(train, section.style), _difficulties(system), section)
    if not has_rows(validation):
        raise BadInput(
            f"{validation}: no validation problems, by which the best policy is chosen; ask for some in "
            f"systems.{system}.collect.tasks.<task>.validation"
        )
    task = Task(
        chosen,
        subsets,
        _put(validation, section.style)[: section.validation.problems],
        lambda responses: [Reward(*rewards.worth(response, section.reward)) for response in responses],
        lambda responses, worths: _metric(section.validation.metric, responses, worths),
    )
    data = Path("data", system, "practice", name)
    job = PracticeJob(
        start,
        Path("models/students", system, name),
        Path("metrics", f"{name}_practise"),
        data / "rollouts.jsonl",
        data / "history.jsonl",
        working_directory() / "checkpoints",
        params.seed(),
    )
    from stages.students.practice.grpo import practise

    facts = {"graders_code": hash_of_code("graders"), "rewards": section.model_dump()}
    write_json(Path("metrics", f"{name}_practise.json"), practise(task, job, section, facts))


def _start(name: str) -> Path:
    """The folder of the model that practice starts from.

    Raises BadInput where it is no base and no student of the same system.
    """
    system = params.refers("practice", name, "system")
    value = params.entries("practice")[name].get("start")
    known = [f"models/students/{system}/{model}" for model in params.folders_of(system) if model != name]
    known += [f"models/bases/{base}" for base in params.entries("bases")]
    if value not in known:
        raise BadInput(f"{params.PARAMS}: practice.{name}.start: {unknown('model', value, known)}")
    return Path(value)


def _put(path: Path, style: Put) -> list[Prompt]:
    return list(prompts(read(path, Problem, key=lambda problem: problem.id), {"practice": style}))


def _difficulties(system: str) -> dict[str, float | None]:
    """How often each train problem was solved, by its id."""
    traces = read(Path("data", system, "traces.jsonl"), Trace, key=lambda trace: trace.trace_id)
    return {
        rows[0].id: rewards.difficulty(rows[0].pass_rate, [row.grades for row in rows if row.by != PROBE])
        for rows in problems(traces)
    }


def _chosen(
    asked: Sequence[Prompt], solved: dict[str, float | None], section: Params
) -> tuple[list[Prompt], list[str]]:
    """The prompts of the subset that is practised, and the subset of each.

    Raises BadInput where there are fewer than a step takes.
    """

    def subset(prompt: Prompt) -> str:
        rate = solved.get(prompt.id)
        return "all" if rate is None else "hard" if rate < section.hard_below else "easy"

    named = [(prompt, subset(prompt)) for prompt in asked]
    kept = [pair for pair in named if section.subset in ("all", pair[1])]
    if len(kept) < section.problems:
        counts = {name: sum(name == chosen for _, chosen in named) for name in ("hard", "easy", "all")}
        raise BadInput(
            f"practise: subset {section.subset!r} has {len(kept)} problems, a step takes {section.problems}; "
            f"hard: {counts['hard']}, easy: {counts['easy']}, of unknown difficulty: {counts['all']}"
        )
    return [prompt for prompt, _ in kept], [name for _, name in kept]


def _metric(name: str, responses: Sequence[Response], worths: Sequence[Any]) -> float:
    if name == "macro_f1":
        return rewards.macro_f1([response.answer for response in responses], worths)
    values = [float(item.total if name == "reward" else item.right) for item in worths]
    return sum(values) / len(values)


if __name__ == "__main__":
    run(main, family="practice")
