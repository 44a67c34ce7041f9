"""Measures what a file has changed: the student before it and after it answer the validation problems.

The validation problems are the same for every file, and no file may teach them. The held-out problems stay
unseen for the evaluation of the system.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

from stages.graders import GRADERS
from stages.graders.grading.apply import to_traces
from stages.samplers import SAMPLERS
from stages.samplers.ask import ask
from stages.scores import SCORES, score
from stages.scores.measures.estimates import Estimates
from stages.scores.measures.nesting import report
from stages.scores.measures.tabulation import by_problem, tabulate
from stages.shared import params
from stages.shared.cli import progress, run
from stages.shared.errors import BadInput
from stages.shared.files import read, write_json
from stages.shared.member_params import SamplerParams
from stages.shared.params import Strict, member, members
from stages.shared.rows import Problem, Prompt
from stages.shared.shards import has_rows
from stages.styles import Put
from stages.styles.prompting.prompts import Asked, prompts

BEFORE, AFTER = "before", "after"


class Params(Strict):
    """How the student is asked, and what is reported of its answers."""

    # the style in which a problem is put
    style: Asked = Put("plain")
    # the sampler that asks a model; its `model` is replaced by the student before and the student after
    ask: Annotated[SamplerParams, member("stages.samplers", SAMPLERS, "sampler")]
    # the graders and their params
    graders: Annotated[dict[str, Any], members("stages.graders", GRADERS)]
    # the scores and their params; the arms are `before` and `after`, their comparison `after_before`
    scores: Annotated[dict[str, Any], members("stages.scores", SCORES)]


def main(name: str) -> None:
    """data/validation/S.jsonl, updates/N/last, models/students/S/N -> metrics/N.json."""
    section, seed = params.read(name, "assess", Params, family="updates"), params.seed()
    system = params.refers("updates", name, "system")
    path = Path("data/validation", f"{system}.jsonl")
    if path.exists() and not has_rows(path):
        raise BadInput(f"{path}: no problem; ask the tasks of {system!r} for validation problems")
    models = {BEFORE: Path("updates", name, "last"), AFTER: Path("models/students", system, name)}
    asks: dict[str, Any] = {
        by: section.ask.model_copy(update={"model": str(model)})  # type: ignore[attr-defined]
        for by, model in models.items()
    }

    def put() -> Iterator[Prompt]:
        problems = read(path, Problem, key=lambda problem: problem.id)
        return prompts(problems, dict.fromkeys(models, section.style))

    traces = to_traces(progress(ask(put, asks, seed), "assess"), section.graders)
    table = tabulate(by_problem(traces), 0.5, {}, {"after_before": (AFTER, BEFORE)})
    estimates: Estimates = {}
    for member_name, member_params in section.scores.items():
        estimates |= score(member_name).score(table, member_params, seed)
    write_json(Path("metrics", f"{name}.json"), report(len(table), estimates))


if __name__ == "__main__":
    run(main, family="update")
