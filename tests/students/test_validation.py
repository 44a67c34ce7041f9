"""A training that is measured while it goes on: the numbers are the model's, and the best step can be chosen."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from stages.models.loading import load_model
from stages.models.templates import load_tokenizer
from stages.shared.errors import BadInput
from stages.shared.rows import Chat, Response, Trace
from stages.students import Held, Job, scratch, sft
from stages.students.training import validation_rows
from stages.students.training.curves import Curves
from stages.students.training.encoding import encode
from stages.students.training.packing import Collator
from stages.students.training.settings import Validation
from stages.students.training.validation_rows import Answered, Measured
from test_resume import Kill, at_step, files

from tiny import ADAPTERS, SCRATCH, SFT, chats, loaded, one_thread, question, talk
from tiny import prompts as asked

pytestmark = pytest.mark.usefixtures("base")
CHATS = [talk(question(number), f"The answer is {number}.", name=f"p{number}") for number in range(6)]
VALIDATION: dict[str, Any] = {"at": [3, 6], "max_new_tokens": 12, "batch_size": 4}


def long_is_right(response: Response) -> Trace:
    """Grades by a rule that no training changes much."""
    fields = {name: getattr(response, name) for name in response.__struct_fields__}
    right = len(response.text) % 2 == 0
    return Trace(**fields, pred=response.text[:3], grades={"even": float(right)}, reasons={} if right else {"even": "odd"})


def held(rows: list[Chat] | None = None) -> Held:
    rows = CHATS if rows is None else rows
    prompts = asked([question(number) for number in range(8)])
    return Held(rows, prompts, long_is_right, "key")


def train(base: Path, folder: Path, validation: dict[str, Any] | None = None, data: Held | None = None, **changed: Any) -> Path:
    one_thread()
    job = Job(folder / "student", folder / "curves", folder / "checkpoints", 0, base, held=data or held())
    settings = SFT | {"steps": 8, "validation": None if validation is None else VALIDATION | validation} | changed
    sft.train(chats(), job, sft.Params(**settings))
    return job.out


def described(student: Path) -> Any:
    return json.loads((student / "student.json").read_text())


def history(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "curves" / "eval_history.jsonl").read_text().splitlines()]


def record(folder: Path, step: int) -> Any:
    return json.loads((folder / "curves" / "validation" / f"step_{step:06}.json").read_text())


@pytest.mark.parametrize(
    ("given", "last", "expected"),
    [
        ({}, 300, [0, 10, 25, 50, 100, 150, 200, 250, 300]),
        ({}, 2000, [0, 10, 25, 50, 100, 150, 200, 250, 500, 750, 1000, 1500, 2000]),
        ({}, 7500, [0, 10, 25, 50, 100, 150, 200, 250, 500, 750, *range(1000, 5000, 500), 5000, 6000, 7000, 7500]),
        ({"at": []}, 9, [0, 9]),
        ({"at": [4, 99]}, 9, [0, 4, 9]),
        ({"at": [], "every": 3}, 9, [0, 3, 6, 9]),
    ],
)
def test_the_steps_that_are_measured(given: dict[str, Any], last: int, expected: list[int]) -> None:
    assert sorted(Validation(max_new_tokens=1, **given).steps(last)) == expected


@pytest.mark.parametrize("changed", [{}, {"adapters": ADAPTERS}, {"bf16": True, "accumulate": 2}], ids=["whole", "adapters", "bf16"])
def test_a_measured_training_is_the_one_that_is_not(base: Path, changed: dict[str, Any], tmp_path: Path) -> None:
    """Weights and curves: dropout draws the same numbers, and the order of the rows is the same."""
    plain, measured = (train(base, tmp_path / name, given, **changed) for name, given in (("a", None), ("b", {})))
    apart = {"student.json"}
    assert {name: data for name, data in files(plain).items() if name not in apart} == {
        name: data for name, data in files(measured).items() if name not in apart
    }
    curves = files(tmp_path / "a" / "curves/plots")
    assert curves == {name: data for name, data in files(tmp_path / "b" / "curves/plots").items() if name in curves}
    assert "validation" not in {name.split("/")[0] for name in files(tmp_path / "a" / "curves")}
    assert described(plain)["params"]["validation"] is None and "validation" not in described(plain)


@pytest.mark.parametrize("changed", [{}, {"adapters": ADAPTERS}], ids=["whole", "adapters"])
def test_the_numbers_are_those_of_the_model(base: Path, changed: dict[str, Any], tmp_path: Path) -> None:
    """Of the base at step 0, and of the student at the last: its own loss, and its own greedy answers."""
    import torch

    student = train(base, tmp_path, {}, **changed)
    assert [line["step"] for line in history(tmp_path)] == [0, 3, 6, 8]
    for step, folder in ((0, base), (8, student)):
        model, tokenizer = load_model(str(folder), "cpu", "float32").eval(), load_tokenizer(str(folder))
        rows = [encode(chat, tokenizer, tokenizer.eos_token_id) for chat in CHATS]
        with torch.no_grad():
            expected = model(**Collator(tokenizer.pad_token_id)(rows)).loss.item()
        found = record(tmp_path, step)
        assert found["metrics"]["loss"] == pytest.approx(expected, abs=1e-4)
        assert found["rows"][0]["loss"] == pytest.approx(row_loss(model, tokenizer, CHATS[0]), abs=1e-4)
        for row in found["rows"]:
            ids = tokenizer.apply_chat_template(
                [{"role": "user", "content": row["asked"]}], add_generation_prompt=True, return_tensors="pt"
            )
            with torch.no_grad():
                new = model.generate(**ids, do_sample=False, max_new_tokens=12)[0, ids.input_ids.shape[1] :].tolist()
            words = new[: new.index(tokenizer.eos_token_id)] if tokenizer.eos_token_id in new else new
            assert row["answer"] == tokenizer.decode(words, skip_special_tokens=True)
            assert (row["ending"], row["tokens"]) == ("stop" if tokenizer.eos_token_id in new else "length", len(words))
            assert row["grades"] == {"even": float(len(row["answer"]) % 2 == 0)}
    assert history(tmp_path)[-1]["loss"] < history(tmp_path)[0]["loss"]


def row_loss(model: Any, tokenizer: Any, chat: Chat) -> float:
    import torch

    with torch.no_grad():
        loss: float = model(**Collator(tokenizer.pad_token_id)([encode(chat, tokenizer, tokenizer.eos_token_id)])).loss.item()
    return loss


def test_what_is_written(base: Path, tmp_path: Path) -> None:
    stale = tmp_path / "curves" / "validation" / "step_000099.json"
    stale.parent.mkdir(parents=True)
    stale.touch()
    train(base, tmp_path, {"problems": 7})
    assert sorted(path.name for path in stale.parent.iterdir()) == [f"step_{step:06}.json" for step in (0, 3, 6, 8)]
    with (tmp_path / "curves" / "validation.csv").open() as file:
        table = list(csv.DictReader(file))
    assert [{name: float(cell) for name, cell in line.items()} for line in table] == history(tmp_path)
    assert list(table[0]) == ["step", "loss", "exact_match", "ended", "tokens"]
    lines = (tmp_path / "curves/plots/metrics/validation/loss.tsv").read_text().splitlines()[1:]
    assert [[int(line.split("\t")[0]), float(line.split("\t")[1])] for line in lines] == [
        [line["step"], line["loss"]] for line in history(tmp_path)
    ]
    rows = record(tmp_path, 3)["rows"]
    assert len(rows) == 7
    for row in rows:
        number = int(row["id"][1:])
        assert row["asked"] == question(number)
        assert row["expected"] == (f"The answer is {number}." if number < 6 else None)
        assert (row["exact_match"] is None, row["loss"] is None) == (number >= 6, number >= 6)


@pytest.mark.parametrize("changed", [{}, {"adapters": ADAPTERS}], ids=["whole", "adapters"])
def test_the_best_step_is_chosen_and_may_be_step_0(
    base: Path, changed: dict[str, Any], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Chats that the training does not teach: after one step with a huge learning rate the model is worse than before."""
    import torch

    settings: dict[str, Any] = {"learning_rate": 0.9, "schedule": "constant"} | changed
    student = train(base, tmp_path / "worse", {"choose": "best"}, **settings)
    told = described(student)["validation"]
    assert (told["choose"], told["metric"], told["chosen_step"]) == ("best", "loss", 0)
    assert told["values"] == {str(line["step"]): line["loss"] for line in history(tmp_path / "worse")}
    assert "validation: step 0 wins: no step of the training has a better loss" in capfd.readouterr().err
    given = torch.tensor([[5, 6, 7, 8]])
    assert torch.equal(loaded(student)[0](given).logits, loaded(base)[0](given).logits)
    better = train(base, tmp_path / "better", {"choose": "best"}, **changed)
    assert described(better)["validation"]["chosen_step"] == 8
    assert "step 0 wins" not in capfd.readouterr().err
    assert files(better).keys() == files(student).keys()
    assert list((tmp_path / "worse" / "checkpoints").iterdir()) == []


def test_a_step_in_the_midst_is_the_student_that_a_shorter_training_ends_with(base: Path, tmp_path: Path) -> None:
    """The chosen weights are those of that step; here the grader likes step 3 best."""
    liked = {"n": 0}

    def grade(response: Response) -> Trace:
        liked["n"] += 1
        fields = {name: getattr(response, name) for name in response.__struct_fields__}
        return Trace(**fields, pred=None, grades={"likes": float(8 < liked["n"] <= 16)}, reasons={})

    validation = {"choose": "best", "metric": "likes", "graders": {"likes": {}}}
    constant: dict[str, Any] = {"schedule": "constant", "grading": "stages/graders"}
    chosen = train(base, tmp_path / "chosen", validation, held()._replace(grade=grade), **constant)
    assert described(chosen)["validation"]["chosen_step"] == 3
    assert [line["likes"] for line in history(tmp_path / "chosen")] == [0, 1, 0, 0]
    short = train(base, tmp_path / "short", None, steps=3, **constant)
    assert (chosen / "model.safetensors").read_bytes() == (short / "model.safetensors").read_bytes()


@pytest.mark.parametrize("kill", [2, 4, 5, 7])
@pytest.mark.parametrize("changed", [{}, {"adapters": ADAPTERS}], ids=["whole", "adapters"])
def test_a_killed_training_ends_with_the_same_bytes(
    base: Path, changed: dict[str, Any], kill: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before and after a step that is measured, and a checkpoint: history, choice and weights are the same."""
    settings: dict[str, Any] = {"checkpoint_steps": 4, "learning_rate": 0.3, "schedule": "constant"} | changed
    validation = {"choose": "best", "every": 1}
    train(base, tmp_path / "whole", validation, **settings)

    def stop() -> None:
        raise Kill

    with monkeypatch.context() as patch:
        patch.setattr(Curves, "on_step_begin", at_step(kill, stop), raising=False)
        with pytest.raises(Kill):
            train(base, tmp_path / "killed", validation, **settings)
    assert not (tmp_path / "killed" / "student").exists()
    train(base, tmp_path / "killed", validation, **settings)
    assert files(tmp_path / "killed") == files(tmp_path / "whole")
    assert len(history(tmp_path / "whole")) == 9


def test_another_validation_is_another_training(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows that changed since the kill start it anew: its history would be of two sets of problems."""
    begun: list[int] = []

    def stop() -> None:
        raise Kill

    with monkeypatch.context() as patch:
        patch.setattr(Curves, "on_step_begin", at_step(6, stop), raising=False)
        with pytest.raises(Kill):
            train(base, tmp_path, {}, checkpoint_steps=4)
    monkeypatch.setattr(Curves, "on_step_begin", lambda self, args, state, control, **rest: begun.append(state.global_step), raising=False)
    train(base, tmp_path, {}, held()._replace(key="another"), checkpoint_steps=4)
    assert begun[0] == 0


def test_a_model_from_nothing_is_measured_on_what_it_learns(tmp_path: Path) -> None:
    """`whole_text`: questions count, as in its training."""
    losses = []
    for whole in (True, False):
        job = Job(tmp_path / f"{whole}/m", tmp_path / f"{whole}/curves", tmp_path / "checkpoints", 0, None, held=held())
        scratch.train(chats(), job, scratch.Params(**SCRATCH | {"whole_text": whole, "validation": VALIDATION}))
        losses.append(record(tmp_path / str(whole), 0)["metrics"]["loss"])
    assert losses[0] != losses[1]


@pytest.mark.parametrize(
    ("validation", "told"),
    [
        ({"metric": "answer"}, r"unknown metric 'answer'; choose from: ended, exact_match, loss"),
        ({"graders": {"answer": {}}, "metric": "answer"}, "grading: expected stages/graders"),
        ({"choose": "first"}, "choose"),
        ({"at": [-1]}, "at"),
    ],
)
def test_params_that_contradict_each_other(validation: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        sft.Params(**SFT | {"validation": VALIDATION | validation})


def test_what_cannot_be_measured_is_told(base: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"none of 8 validation problems has a chat of at most 256 tokens .*prompt\.validation to true"):
        train(base, tmp_path, {}, held([]))
    with pytest.raises(BadInput, match="a base model has no validation problems"):
        job = Job(tmp_path / "m", tmp_path / "curves", tmp_path / "checkpoints", 0)
        scratch.train(chats(), job, scratch.Params(**SCRATCH | {"validation": VALIDATION}))


@pytest.mark.parametrize("tracker", ["wandb", "mlflow", "trackio", "tensorboard"])
def test_a_tracker_without_its_package_is_told(tracker: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stages.students.training.settings.find_spec", lambda name: None)
    with pytest.raises(ValueError, match=f"{tracker}: the package is not installed: `pip install {tracker}`"):
        sft.Params(**SFT | {"report_to": [tracker]})


def test_a_tracker_gets_the_curves_and_changes_nothing(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = "tensorboard.backend.event_processing.event_accumulator"
    accumulator = pytest.importorskip(name, reason="tensorboard is not installed")
    monkeypatch.setenv("TENSORBOARD_LOGGING_DIR", "")  # so that it is put back
    monkeypatch.delenv("TENSORBOARD_LOGGING_DIR")
    told, plain = (train(base, tmp_path / name, {}, report_to=trackers) for name, trackers in (("a", ["tensorboard"]), ("b", [])))
    assert (told / "model.safetensors").read_bytes() == (plain / "model.safetensors").read_bytes()
    events = accumulator.EventAccumulator(str(tmp_path / "a" / "tensorboard" / "student"))
    events.Reload()
    assert {"train/loss", "train/validation/loss"} <= set(events.Tags()["scalars"])
    assert [event.step for event in events.Scalars("train/validation/loss")] == [0, 3, 6, 8]
    assert not (tmp_path / "b" / "tensorboard").exists()


def test_a_problem_is_matched_by_any_of_its_chats() -> None:
    """Three problems: the answer is that of the second chat, of none, and there is no chat; the losses are weighted by tokens."""
    prompts = asked([question(number) for number in range(3)])
    rows = [talk(question(0), "The answer is 0.", name=prompts[0].id), talk(question(0), "Zero.", name=prompts[0].id)]
    rows.append(talk(question(1), "One.", name=prompts[1].id))
    measured = Measured(prompts, rows, [], long_is_right)
    answers = [Answered(" Zero.\n", 3, True), Answered("One", 2, True), Answered("Two.", 12, False)]
    made = validation_rows.record(7, measured, [(4.0, 4), (1.0, 1), (6.0, 2)], answers, ["even"])
    assert [(row["expected"], row["exact_match"], row["loss"], row["ending"]) for row in made["rows"]] == [
        ("The answer is 0.", True, 1.0, "stop"),
        ("One.", False, 3.0, "stop"),
        (None, None, None, "length"),
    ]
    expected = {"loss": 11 / 7, "exact_match": 0.5, "ended": 2 / 3, "tokens": 17 / 3, "even": 1 / 3}
    assert made["step"] == 7 and made["metrics"] == {name: pytest.approx(value, abs=1e-6) for name, value in expected.items()}
