"""Measures a pair of students and its router: grades all answers, then scores each way to choose among them,
with 95 % intervals."""

import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import Field, field_validator

from stages.graders import GRADERS
from stages.graders.grading.apply import to_traces
from stages.scores.choosing.arms_of_pair import Scored
from stages.scores.choosing.cell_answers import Answers, Gathering
from stages.scores.choosing.pair_measures import choices, estimates, ways_of
from stages.scores.choosing.pair_plots import pair_plots
from stages.scores.measures.nesting import report
from stages.scores.measures.tabulation import by_problem
from stages.scores.pages.choice_page import choice_page
from stages.shared import params
from stages.shared.cli import progress, run
from stages.shared.errors import BadInput, unknown
from stages.shared.files import as_bytes, as_json, read, replacing, sweep
from stages.shared.routes import Route
from stages.shared.rows import VALIDATION, Response, Trace, encode

TEST = "test"  # the split that the scores are of
Name = Annotated[str, Field(pattern=r"^[\w-]+$")]  # part of a metric's name, where a dot would nest


class Params(params.Rows):
    """How the answers of a pair are graded, and what its ways are compared with."""

    # the graders and their params; `answer` must be among them
    graders: Annotated[dict[str, Any], params.members("stages.graders", GRADERS)]
    # other students of the system: name -> the arm of the system's evaluation, whose problems are the same
    against: dict[Name, str] = Field(default_factory=dict)

    @field_validator("graders")
    @classmethod
    def _with_answer(cls, graders: dict[str, Any]) -> dict[str, Any]:
        if "answer" not in graders:
            raise ValueError("'answer' is missing: accuracy is measured by it")
        return graders


def main(pair: str) -> None:
    """data/S/pair_generations/N.jsonl, data/S/routes/N.jsonl, data/S/graded.jsonl ->
    data/S/pair_graded/N.jsonl, metrics/N.json, metrics/N_choices.md, metrics/N_plots/*.csv and
    metrics/N_plots/rows.sha256, a hash of the routes and the graded rows: the report depends on this folder.

    The scores are of the test problems; the choices that need no router are made by the validation problems.
    """
    ours, seed = params.read(pair, "evaluate", Params, family="pairs"), params.seed()
    system = params.refers("pairs", pair, "system")
    data, metrics = Path("data", system), Path("metrics")
    routes = {
        route.id: route for route in read(data / "routes" / f"{pair}.jsonl", Route, lambda route: route.id)
    }
    path = data / "pair_generations" / f"{pair}.jsonl"
    rows = progress(read(path, Response, key=lambda response: response.trace_id), "evaluate_pair")
    with (outputs := replacing(data / "pair_graded" / f"{pair}.jsonl", shard_rows=ours.shard_rows)) as graded:
        gathering = Gathering(routes)
        digest = sha256(b"\n".join(map(encode, routes.values())))
        for traces in by_problem(to_traces(rows, ours.graders)):
            lines = [encode(trace) + b"\n" for trace in traces]
            graded.writelines(lines)
            digest.update(b"".join(lines))
            gathering.add(traces)
        answers, validation = gathering.answers(TEST), gathering.answers(VALIDATION)
        if answers is None:
            raise BadInput(f"{path}: no test problem")
        _say_what_is_left_out(answers, validation, system)
        against = _against(ours.against, answers, data / "graded.jsonl", pair)
        texts = _texts(pair, answers, validation, against, seed, metrics)
        texts[metrics / f"{pair}_plots/rows.sha256"] = as_bytes(f"{digest.hexdigest()}\n")
        for path, text in texts.items():
            outputs.also(path).write(text)
    sweep(metrics / f"{pair}_plots", texts)


def _texts(
    pair: str,
    answers: Answers,
    validation: Answers | None,
    against: Mapping[str, Scored],
    seed: int,
    folder: Path,
) -> dict[Path, bytes]:
    """The files of metrics, plots and the page."""
    choice = choices(answers, validation)
    clash = sorted({*choice, "oracle", "ensemble"} & against.keys())
    if clash:
        raise BadInput(f"pairs.{pair}.evaluate.against: {', '.join(clash)}: expected names that no way has")
    ways = ways_of(answers, choice, against)
    measured = estimates(answers, ways, seed)
    plots = pair_plots(answers, choice, ways, seed)
    texts = {folder / f"{pair}_plots" / f"{name}.csv": as_bytes(text) for name, text in plots.items()}
    texts[folder / f"{pair}_choices.md"] = as_bytes(choice_page(pair, answers, choice, measured, seed))
    texts[folder / f"{pair}.json"] = as_json(report(len(answers), measured))
    return texts


def _say_what_is_left_out(answers: Answers, validation: Answers | None, system: str) -> None:
    """What cannot be measured, on stderr."""
    reasons = []
    if validation is None:
        reasons.append(
            "no validation problem to choose the best student and style by; set validation in the tasks of "
            f"systems.{system}.collect"
        )
    elif missing := sorted(answers.tasks.keys() - validation.tasks.keys()):
        reasons.append(f"no validation problem of {', '.join(missing)}: best_single is taken there")
    if answers.samples < 2:
        reasons.append("no oracle: it takes two answers of each student in each style (n of the samplers)")
    if answers.utility is None:
        reasons.append("no router, so no pair, swapped or permuted routes")
    for reason in reasons:
        print(f"evaluate_pair: {reason}", file=sys.stderr)


def _against(named: Mapping[str, str], answers: Answers, path: Path, pair: str) -> dict[str, Scored]:
    """What other students of the system are worth on the same problems; raises BadInput on an arm that did
    not answer all of them."""
    if not named:
        return {}
    wanted = set(answers.ids.tolist())
    there: defaultdict[tuple[str, str], list[tuple[float, float]]] = defaultdict(list)  # of each sample
    arms: set[str] = set()
    for trace in _of_test(path):
        arms.add(trace.by)
        if trace.by in named.values() and trace.id in wanted:
            there[trace.by, trace.id].append((float(trace.grades["answer"] == 1), float(trace.tokens)))
    for name, arm in named.items():
        if arm not in arms:
            raise BadInput(f"pairs.{pair}.evaluate.against.{name}: {unknown('arm', arm, arms)}")
        missing = [str(problem) for problem in answers.ids if (arm, problem) not in there]
        if missing:
            raise BadInput(f"{path}: arm {arm!r} has no answer to {len(missing)} problems, as {missing[0]!r}")
    figures = {
        name: np.array([np.mean(there[arm, problem], axis=0) for problem in answers.ids])
        for name, arm in named.items()
    }
    return {name: Scored(columns[:, 0], columns[:, 1]) for name, columns in figures.items()}


def _of_test(path: Path) -> Iterator[Trace]:
    return (trace for trace in read(path, Trace) if trace.split == TEST)


if __name__ == "__main__":
    run(main, family="pair")
