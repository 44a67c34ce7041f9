"""What is measured of a pair while it is trained: two measures of paths, their rank correlations, and evaluations."""

import csv
from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from safetensors.torch import load_file
from stages.shared.errors import BadInput
from stages.shared.files import read
from stages.students.pairing.evaluations import parts
from stages.students.pairing.pair_rows import PathMeasure
from stages.students.pairing.pair_settings import Evaluation
from stages.students.pairing.path_measures import PathMeasures, last_layer, rank_surprisal
from stages.students.pairing.rank_correlations import correlations
from stages.students.router.route_settings import Diagnostics, Params

from pairs import CALIBRATION, SETTINGS, TAGS, points, run_of, task, trained

EVALUATION = Evaluation(problems=1, max_new_tokens=4)


def test_the_rank_surprisal_ratio_by_hand() -> None:
    """Ranks 1 and 3; probabilities 1/2 and 1/8."""
    logits = torch.tensor([[0.5, 0.25, 0.25], [0.125, 0.5, 0.375]]).log()
    surprisal = float(torch.tensor([2.0, 8.0]).log().sum())
    assert rank_surprisal(logits, torch.tensor([0, 0])) == pytest.approx(4 / surprisal)
    many = torch.arange(500.0)[None]
    assert rank_surprisal(many, torch.tensor([0])) == pytest.approx(100 / 499.4587, rel=1e-4)  # no rank above 100


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        (["model.embed.weight", "model.layers.0.q.weight", "model.layers.11.q.weight", "model.layers.11.experts.40.up.weight"], [2, 3]),
        (["h.2.c.lora_A.default.weight", "h.10.c.lora_A.default.weight"], [1]),
        (["head.weight", "norm.bias"], [0, 1]),
    ],
)
def test_the_last_layer_is_the_one_with_the_highest_number(names: list[str], chosen: list[int]) -> None:
    weights = {name: torch.nn.Parameter(torch.zeros(1)) for name in names}
    assert [id(weight) for weight in last_layer(weights)] == [id(weights[names[place]]) for place in chosen]


def test_a_path_is_aligned_with_itself_and_less_with_others(bases: tuple[Path, Path], tmp_path: Path) -> None:
    """A path that stands for the right answers has a cosine of 1. A student without right answers has none, and a frozen one no rows."""
    run = run_of(tmp_path, bases, freeze="second")
    measures = PathMeasures(run.paths, run.learners, Diagnostics(paths=6), 0)
    chosen = measures.drawn(0)
    right = run.paths[chosen[2]].examples[0]
    observed: list[dict[tuple[str, str], float]] = [{("sums", "program"): 0.25}, {}]
    rows = measures.measure(3, chosen, [[right], []], torch.full((2, 6), 0.5), observed)
    assert {row.student for row in rows} == {"first"} and len(rows) == 6
    own = [row.alignment for row in rows if row.alignment is not None]
    assert own[2] == pytest.approx(1.0, abs=1e-5) and all(value < 0.9999 for place, value in enumerate(own) if place != 2)
    assert all(row.observed == (0.25 if (row.task, row.style) == ("sums", "program") else None) for row in rows)
    assert all(
        row.alignment is None and row.rank_surprisal > 0 for row in measures.measure(3, chosen, [[], []], torch.zeros(2, 6), observed)
    )
    assert run.learners[0].model.training


def test_measures_leave_the_training_as_it_is(bases: tuple[Path, Path], tmp_path: Path) -> None:
    plain = trained(tmp_path / "plain", bases)
    measured = trained(tmp_path / "measured", bases, router=SETTINGS["router"] | {"diagnostics": {"every": 2, "paths": 5}})
    for name in ("first", "second"):
        before, after = (load_file(folder / "pair" / name / "model.safetensors") for folder in (plain, measured))
        assert all(torch.equal(before[key], after[key]) for key in before)
    rows = list(read(measured / "logs/path_measures.jsonl", PathMeasure))
    assert [row.step for row in rows[::10]] == [0, 6, 7] and len(rows) == 30  # rounds 0 and 2, and the last one
    with (measured / "curves/path_measures.csv").open() as file:
        table = list(csv.DictReader(file))
    assert {(row["student"], row["measure"], row["against"]) for row in table} >= {("first", "rank_surprisal", "expected")}
    assert all(-1 <= float(row["low"]) <= float(row["spearman"]) <= float(row["high"]) <= 1 for row in table if row["spearman"])


def measured(step: int, problem: str, ratio: float, expected: float, **changed: Any) -> PathMeasure:
    fields: dict[str, Any] = {"cot_index": 0, "style": "s", "task": "t", "student": "first", "observed": None, "alignment": None}
    return PathMeasure(step=step, sample=problem, rank_surprisal=ratio, expected=expected, **fields | changed)


def test_rank_correlations_are_those_within_a_round() -> None:
    """Both values rise from round to round; within each, one falls where the other rises. What is missing is left out."""
    rows = [measured(step, f"p{place}", 10 * step + place**2, 100 * step - place) for step in (1, 2) for place in range(6)]
    rows += [measured(3, "p0", 1.0, 1.0)]  # a round of one path
    table = correlations(rows, 0)
    told = {row["step"]: row for row in table if (row["measure"], row["against"]) == ("rank_surprisal", "expected")}
    assert set(told) == {1, 2, "all"} and told["all"]["paths"] == 12
    assert all((row["spearman"], row["low"], row["high"]) == (-1, -1, -1) for row in told.values())
    assert [row["spearman"] for row in table if row["measure"] == "alignment"] == ["", ""]  # of all rounds, against each utility


def test_ties_have_their_mean_rank_and_noise_has_an_interval_over_0() -> None:
    rows = [measured(0, f"p{place}", *pair) for place, pair in enumerate([(1, 1), (2, 1), (2, 3), (4, 2), (5, 9)])]
    [tied] = [row for row in correlations(rows, 0) if (row["measure"], row["against"], row["step"]) == ("rank_surprisal", "expected", 0)]
    assert tied["spearman"] == pytest.approx(0.7632, abs=1e-4)  # as scipy.stats.spearmanr has it
    generator = torch.Generator().manual_seed(0)
    values = torch.rand(60, 2, generator=generator).tolist()
    rows = [measured(0, f"p{place // 3}", *pair) for place, pair in enumerate(values)]
    [noise] = [row for row in correlations(rows, 0) if (row["measure"], row["against"], row["step"]) == ("rank_surprisal", "expected", 0)]
    assert noise["low"] < 0 < noise["high"]
    constant = [measured(0, f"p{place}", 1.0, place) for place in range(5)]
    assert {row["spearman"] for row in correlations(constant, 0)} == {""}


def test_students_are_evaluated_once_an_epoch_by_problems_that_the_router_never_sees(bases: tuple[Path, Path], tmp_path: Path) -> None:
    """20 paths in steps of 6: an epoch is 3 steps. The pair itself is what the router chooses."""
    run = run_of(tmp_path / "run", bases, evaluation={"problems": 1, "max_new_tokens": 4})
    assert run.rounds and run.monitors.evaluations
    asked, evaluated = ({prompt.id for prompt in prompts} for prompts in (run.rounds.task.asked, run.monitors.evaluations.prompts))
    assert (len(asked), len(evaluated)) == (3, 1) and not asked & evaluated
    folder = trained(tmp_path / "whole", bases, evaluation={"problems": 1, "max_new_tokens": 4})
    with (folder / "curves/evaluation.csv").open() as file:
        rows = list(csv.DictReader(file))
    epochs = {int(row["step"]): int(row["epoch"]) for row in rows}
    assert epochs == {0: 0, 3: 0, 6: 1, 7: 1}  # a step of the curves has the same epoch
    assert [point["epoch"] for point in points(folder) if point["step"] == 7] == [1]
    ways = [(name, style) for name in ("first", "second") for style in TAGS] + [("pair", "routed")]
    assert [(row["student"], row["style"]) for row in rows if row["step"] == "3" and row["task"] == "all"] == ways
    assert {row["task"] for row in rows} == {"all", "sums"} and {row["problems"] for row in rows} == {"1"}


@pytest.mark.parametrize("router", [{"signal": "off"}, {"signal": "loss"}])
def test_what_the_pair_answers_is_evaluated_where_there_is_a_router(
    router: dict[str, Any], bases: tuple[Path, Path], tmp_path: Path
) -> None:
    folder = trained(tmp_path, bases, steps=1, router=router, evaluation={"problems": 4, "max_new_tokens": 2})
    students = [line.split(",")[2] for line in (folder / "curves/evaluation.csv").read_text().splitlines()]
    assert ("pair" in students) == (router["signal"] == "loss")


@pytest.mark.parametrize(
    ("every", "steps"), [(None, [0, 3, 6, 8]), (4, [0, 4, 8]), (100, [0, 8])], ids=["once an epoch", "every 4 steps", "first and last"]
)
def test_when_an_evaluation_is_due(every: int | None, steps: list[int]) -> None:
    section = Evaluation(every=every, problems=1, max_new_tokens=1)
    assert [step for step in range(9) if section.due(step, 8, 3)] == steps


def test_an_evaluation_that_leaves_the_router_nothing_is_refused() -> None:
    with pytest.raises(
        BadInput, match=r"evaluation.problems: asks for 4 problems of each task; of sums there are 4, and the router needs one"
    ):
        parts(task(), EVALUATION.model_copy(update={"problems": 4}), True, 0)
    with pytest.raises(BadInput, match="evaluation: no validation problem is there"):
        parts(task()._replace(asked=[]), EVALUATION, False, 0)
    assert parts(task(), None, True, 0).evaluated == []
    chosen = parts(task(), EVALUATION, True, 0)
    assert sorted(chosen.router + chosen.evaluated) == [0, 1, 2, 3] and len(chosen.evaluated) == 1


def test_diagnostics_need_rounds() -> None:
    with pytest.raises(ValidationError, match="diagnostics: expected the signal pass_rate"):
        Params.model_validate({"signal": "off", "diagnostics": {}, "calibration": CALIBRATION})
