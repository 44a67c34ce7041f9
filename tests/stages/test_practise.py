"""The stage practise: what it hands to the loop, what it writes, and what it refuses."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from stages.shared.errors import BadInput
from stages.shared.files import read, write
from stages.shared.rows import Ending, Kind, Problem, Trace
from stages.students.practice.practice_rows import Point, Rollout

from stages import generate, practise
from tiny import one_thread

PRACTISE: dict[str, Any] = {
    "backend": {"backend": "local", "device": "cpu"},
    "steps": 2,
    "problems": 2,
    "group": 2,
    "learning_rate": 0.001,
    "max_new_tokens": 4,
    "style": "plain",
    "reward": {"graders": {"answer": {}}, "weights": {"answer": 1.0}, "parsed": 0.1},
    "validation": {"problems": 2, "every": 1},
}
ARM = {"style": "plain", "ask": {"sampler": "hf", "model": "models/students/s/p", "max_new_tokens": 4, "device": "cpu"}}


def problem(number: int, split: str) -> dict[str, Any]:
    return {
        "id": f"{split}-{number}",
        "task": "t",
        "kind": Kind.NUMBER,
        "split": split,
        "question": f"What is {number}?",
        "answer": str(number),
    }


def trace(number: int, by: str, right: bool, pass_rate: float | None, sample: int = 0) -> Trace:
    asked: dict[str, Any] = {"by": by, "style": "plain", "messages": [], "sampler": "", "model": "", "sample": sample}
    grades: dict[str, Any] = {"grades": {"answer": float(right)}, "reasons": {}, "pred": None, "pass_rate": pass_rate}
    return Trace(**problem(number, "train"), **asked, **grades, text="", ending=Ending.STOP, tokens=1)


def params(start: str = "models/bases/b", **changed: Any) -> None:
    values = {
        "seed": 0,
        "bases": {"b": {}},
        "systems": {"s": {"base": "b", "generate": {"arms": {"practised": ARM}}}},
        "students": {"n": {"system": "s", "base": "b"}},
        "practice": {"p": {"system": "s", "start": start, "practise": PRACTISE | changed}},
    }
    with Path("params.yaml").open("w") as file:
        YAML().dump(values, file)


@pytest.fixture(autouse=True)
def project(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Six train problems: the base model solves two of the first four; nobody asked it the others, of which the teacher solved one."""
    monkeypatch.chdir(tmp_path)
    one_thread()
    shutil.copytree(base, "models/bases/b")
    for split, path in (("train", "data/s/train"), ("validation", "data/validation/s"), ("test", "data/held_out/s")):
        write(Path(f"{path}.jsonl"), [Problem(**problem(number, split)) for number in range(6)])
    rates = [0.0, 0.5, 0.75, 1.0, None, None]
    traces = [trace(number, "teacher", number != 5, rate) for number, rate in enumerate(rates)]
    write(Path("data/s/traces.jsonl"), traces)
    params()
    yield


def rollouts() -> list[Rollout]:
    return list(read(Path("data/s/practice/p/rollouts.jsonl"), Rollout))


def test_it_writes_a_student_its_rows_and_its_metrics() -> None:
    practise.main("p")
    metrics = json.loads(Path("metrics/p_practise.json").read_text())
    assert metrics["metric"] == "accuracy"
    assert (metrics["steps"], metrics["answers"], metrics["groups"]) == (2, 8, 4)
    assert {row.split for row in rollouts()} == {"train"}
    assert [(row.step, row.split) for row in read(Path("data/s/practice/p/history.jsonl"), Point)] == [
        (0, "validation"),
        (1, "train"),
        (1, "validation"),
        (2, "train"),
        (2, "validation"),
    ]
    assert Path("metrics/p_practise/plots/metrics/train/reward.tsv").is_file()
    assert not list(Path(".athanor/checkpoints").iterdir())


def test_a_student_that_practised_answers_as_an_arm() -> None:
    practise.main("p")
    generate.main("s")
    assert len(Path("data/s/generations.jsonl").read_text().splitlines()) == 6


@pytest.mark.parametrize(("subset", "numbers"), [("hard", {0, 1, 5}), ("easy", {2, 3, 4}), ("all", set(range(6)))])
def test_a_subset_alone_is_practised(subset: str, numbers: set[int]) -> None:
    params(subset=subset, steps=3)
    practise.main("p")
    assert {int(row.answer) for row in rollouts()} <= numbers
    assert {row.subset for row in rollouts()} == ({subset} if subset != "all" else {"hard", "easy"})


def test_a_subset_that_is_too_small_is_refused() -> None:
    params(subset="hard", problems=4)
    with pytest.raises(BadInput, match="subset 'hard' has 3 problems, a step takes 4; hard: 3, easy: 3, of unknown difficulty: 0"):
        practise.main("p")


def test_without_validation_problems_it_is_refused() -> None:
    Path("data/validation/s.jsonl").write_bytes(b"")
    with pytest.raises(BadInput, match=r"s\.jsonl: no validation problems, .* systems\.s\.collect\.tasks\.<task>\.validation"):
        practise.main("p")


@pytest.mark.parametrize("start", ["models/students/s/p", "models/students/t/n", "models/bases/c", "somewhere"])
def test_a_start_that_no_stage_makes_is_refused(start: str) -> None:
    params(start)
    with pytest.raises(BadInput, match=r"practice\.p\.start: unknown model .*choose from: models/bases/b, models/students/s/n"):
        practise.main("p")


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"loss": "dpo"}, "practice.p.practise: unknown loss 'dpo'|practise.loss: unknown loss 'dpo'"),
        ({"reward": {"graders": {"answers": {}}, "weights": {}}}, "unknown grader 'answers'"),
        ({"style": "plane"}, "style: unknown style 'plane'"),
        ({"backend": {"backend": "tinker", "url": 3}}, r"practise\.backend\.url"),
        ({"validation": {"metric": "bleu"}}, r"practise\.validation\.metric"),
    ],
)
def test_faults_in_params_are_told(changed: dict[str, Any], fault: str) -> None:
    params(**changed)
    with pytest.raises(BadInput, match=fault):
        practise.main("p")
