"""Two tiny models of different architecture and tokenizer, trained together for real."""

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch
from safetensors.torch import load_file
from stages.models.loading import load_model
from stages.models.templates import load_tokenizer
from stages.shared.errors import BadInput
from stages.shared.files import read
from stages.students.pairing.batches import Batches
from stages.students.pairing.joint import Run
from stages.students.pairing.learner import Learner
from stages.students.pairing.pair_rows import CompetenceRow, RouteRow
from stages.students.pairing.pair_settings import Settings
from stages.students.pairing.paired_paths import answer_spans
from stages.students.router.predicting import predicted
from stages.students.router.routing import Routes, norm_of
from stages.students.training.encoding import encode, end_of_turn

from pairs import CALIBRATION, SETTINGS, TAGS, asked, files, job, path, points, run_of, task, trained
from tiny import ADAPTERS


def test_both_students_and_the_router_are_written_and_can_be_used(bases: tuple[Path, Path], tmp_path: Path) -> None:
    folder = trained(tmp_path, bases)
    for name, base in zip(("first", "second"), bases, strict=True):
        assert (folder / "pair" / name / "tokenizer.json").read_bytes() == (base / "tokenizer.json").read_bytes()
        before, after = load_file(base / "model.safetensors"), load_file(folder / "pair" / name / "model.safetensors")
        assert before.keys() == after.keys() and any(not torch.equal(before[key], after[key]) for key in before)
        assert load_model(str(folder / "pair" / name), "cpu", "float32").generation_config.eos_token_id is not None
        described = json.loads((folder / "pair" / name / "student.json").read_text())
        assert (described["base"]["model"], described["rows"], described["steps"]) == (str(base), 20, 7)
        assert 0 < described["tokens"]["learnt"] < described["tokens"]["seen"]
    utilities = predicted(folder / "pair/router", bases, [asked(number) for number in range(3)], "cpu")
    assert len(utilities) == 3 and utilities[0].keys() == {"first", "second"}
    assert all(each.keys() == TAGS.keys() for row in utilities for each in row.values())
    assert len({value for row in utilities for each in row.values() for value in each.values()}) == 12
    assert not list((tmp_path / "checkpoints").iterdir())


def test_every_logged_step_has_gradients(bases: tuple[Path, Path], tmp_path: Path) -> None:
    folder = trained(tmp_path, bases, peer={"kind": "mse", "width": 8})
    rows = points(folder)
    assert [row["step"] for row in rows] == [2, 4, 6, 7]
    for name in ("first", "second", "router", "projections", "competence"):
        assert all(row[f"grad_norm/{name}"] > 0 for row in rows), name
    weights = list(read(folder / "logs/competence.jsonl", CompetenceRow))
    assert {row.student for row in weights} == {"first", "second"}
    assert sum(row.weight for row in weights if row.epoch == 0) == pytest.approx(1.0, abs=1e-4)


def test_a_path_counts_as_much_as_its_chat_weighs(bases: tuple[Path, Path], tmp_path: Path) -> None:
    """And only paths that a student takes are tokens that it learns."""
    given = task()
    heavy = given._replace(chats=[msgspec.structs.replace(chat, weight=5.0) for chat in given.chats])
    for name in ("plain", "heavy"):
        (tmp_path / name).mkdir()
    run, weighed = (
        Run(paths, job(tmp_path / name, bases), Settings.model_validate(SETTINGS), tmp_path / name)
        for name, paths in (("plain", given), ("heavy", heavy))
    )
    routes = run.routing.draw([0, 1, 2, 3], 1, 0)._replace(cost=None)
    plain, five = (float(each.batches.cost([0, 1, 2, 3], routes, 0)) for each in (run, weighed))
    assert five == pytest.approx(5 * plain, rel=1e-5)
    for student, name in enumerate(("first", "second")):
        mine = [row for row in range(4) if routes.taken[student][row]]
        assert run.book.tokens[name]["learnt"] == sum(sum(run.paths[row].examples[student].supervised) for row in mine)


def test_the_last_round_of_questions_is_reported(bases: tuple[Path, Path], tmp_path: Path) -> None:
    trained(tmp_path, bases)
    report = json.loads((tmp_path / "curves/rows.json").read_text())
    assert set(report["utility"]) == {"first", "second"}


def test_every_route_is_logged_with_its_epoch(bases: tuple[Path, Path], tmp_path: Path) -> None:
    folder = trained(tmp_path, bases)
    routes = list(read(folder / "logs/routes.jsonl", RouteRow))
    assert len(routes) == 7 * 6 * 2
    first = [row for row in routes if row.student == "first"]
    assert [row.epoch for row in first] == [0] * 20 + [1] * 20 + [2] * 2
    assert {(row.sample, row.cot_index, row.style) for row in first[:20]} == {
        (f"c{number}", place, style) for number in range(10) for place, style in enumerate(TAGS)
    }
    with (folder / "curves/rates.csv").open() as file:
        told = {(row["group"], row["name"], row["epoch"], row["student"]): row for row in csv.DictReader(file)}
    taken = [row.route for row in first if row.epoch == 0 and row.task == "sums"]
    assert float(told["task", "sums", "0", "first"]["rate"]) == pytest.approx(sum(taken) / len(taken), abs=1e-6)


class Kill(BaseException):
    """No `except Exception` stops it."""


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"peer": {"kind": "mse", "width": 8}, "optimizer": "adamw", "accumulate": 2, "batch_size": 3},
        {"router": {"signal": "loss"}, "adapters": ADAPTERS, "schedule": "linear", "warmup_steps": 2},
        {"router": {"signal": "random"}, "freeze": "second", "peer": {"kind": "uld"}},
    ],
    ids=["pass_rate", "mse", "loss_adapters", "random_frozen"],
)
def test_a_killed_training_ends_with_the_bytes_of_an_undisturbed_one(
    bases: tuple[Path, Path], changed: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained(tmp_path / "whole", bases, **changed)
    step = Run._step

    def at(last: int) -> Callable[[Run, int], None]:
        def killed(run: Run, number: int) -> None:
            if number == last:
                raise Kill
            step(run, number)

        return killed

    for last in (4, 7):  # after the checkpoints of steps 2 and 6
        with monkeypatch.context() as patch:
            patch.setattr(Run, "_step", at(last))
            with pytest.raises(Kill):
                trained(tmp_path / "killed", bases, **changed)
        assert not (tmp_path / "killed/pair").exists()
    made: list[int] = []

    def counted(run: Run, number: int) -> None:
        made.append(number)
        step(run, number)

    with monkeypatch.context() as patch:
        patch.setattr(Run, "_step", counted)
        trained(tmp_path / "killed", bases, **changed)
    assert made == [7]
    whole, killed = files(tmp_path / "whole"), files(tmp_path / "killed")
    assert {name for name in whole if whole[name] != killed.get(name)} == set() and whole.keys() == killed.keys()


def gradients(learner: Learner) -> float:
    return sum(float(weight.grad.abs().sum()) for weight in learner.weights().values() if weight.grad is not None)


@pytest.mark.parametrize("peer", [{"kind": "off"}, {"kind": "mse", "width": 8}, {"kind": "uld"}])
@pytest.mark.parametrize("opened", [0, 1])
def test_closed_gates_give_no_gradient(opened: int, peer: dict[str, Any], bases: tuple[Path, Path], tmp_path: Path) -> None:
    """The second student's gates are closed; those of the first are open or closed."""
    run = run_of(tmp_path, bases, peer=peer)
    gates = torch.tensor([[float(opened)] * 6, [0.0] * 6])
    cost = Batches(run.paths, run.learners, run.term, True, run.book).cost([0, 1, 2, 3, 4, 5], Routes(gates, gates > 0.5, gates, None), 0)
    cost.backward()
    assert (gradients(run.learners[0]) > 0) == bool(opened)
    assert gradients(run.learners[1]) == 0.0
    if peer["kind"] == "mse":
        for part in ("projections", "competence"):
            weights = list(run.term.module.get_submodule(part).parameters())
            assert (norm_of(weights) > 0) == bool(opened), part


def test_what_is_not_taken_need_not_be_computed(bases: tuple[Path, Path], tmp_path: Path) -> None:
    """The gradients are the same whether a student computes all paths or only its own."""
    gates = torch.tensor([[1.0, 0.0, 1.0, 0.0], [0.0, 0.0, 1.0, 1.0]])
    routes, found = Routes(gates, gates > 0.5, gates, None), []
    for whole in (True, False):
        run = run_of(tmp_path / str(whole), bases)
        cost = Batches(run.paths, run.learners, run.term, whole, run.book).cost([0, 5, 9, 13], routes, 0)
        cost.backward()
        found.append([weight.grad for learner in run.learners for weight in learner.weights().values()])
    assert all(torch.allclose(one, two, atol=1e-6) for one, two in zip(*found, strict=True))


def test_the_loss_of_a_path_is_the_mean_of_its_answer_whether_rows_are_packed_or_padded(bases: tuple[Path, Path], tmp_path: Path) -> None:
    run = run_of(tmp_path, bases)
    for student, learner in enumerate(run.learners):
        learner.model.eval()
        examples = [run.paths[row].examples[student] for row in (0, 3, 7, 8)]
        spans = [answer_spans(run.paths[row].chat, run.paths[row].examples[student], learner.tokenizer) for row in (0, 3, 7, 8)]
        packed, padded = learner.learn(examples, [[]] * 4, None), learner.learn(examples, spans, "hidden")
        assert learner.packed and torch.allclose(packed.losses, padded.losses, atol=1e-5)
        for number, example in enumerate(examples):
            ids = torch.tensor([example.ids])
            logs = learner.model(ids).logits[0].log_softmax(-1)
            own = [-float(logs[place - 1, token].detach()) for place, token in enumerate(example.ids) if example.supervised[place]]
            assert float(packed.losses[number]) == pytest.approx(sum(own) / len(own), abs=1e-4)
        assert padded.states is not None
        assert padded.states.answer.sum(1).tolist() == [sum(example.supervised) for example in examples]


def test_spans_are_those_of_the_answers_text(bases: tuple[Path, Path]) -> None:
    chat = path(17, "backward")
    text = chat.messages[-1]["content"]
    for base in bases:
        tokenizer = load_tokenizer(str(base))
        end = end_of_turn(tokenizer)
        assert end is not None
        example = encode(chat, tokenizer, end)
        spans = answer_spans(chat, example, tokenizer)
        told = [span for span in spans if span != (-1, -1)]
        assert len(told) == sum(example.supervised) and told[-1] == (len(text), len(text) + 1)
        assert "".join(text[start:stop] for start, stop in told[:-1]) == text


def test_a_frozen_student_stays_as_it_was(bases: tuple[Path, Path], tmp_path: Path) -> None:
    folder = trained(tmp_path, bases, freeze="first", peer={"kind": "mse", "width": 8})
    before, after = (load_file(where / "model.safetensors") for where in (bases[0], folder / "pair/first"))
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert "grad_norm/first" not in points(folder)[0] and points(folder)[0]["grad_norm/second"] > 0


@pytest.mark.parametrize(
    ("router", "written"),
    [
        ({"signal": "random"}, False),
        ({"signal": "off"}, False),
        ({"signal": "frozen"}, True),
        ({"signal": "loss"}, True),
        ({"signal": "loss", "reads": "question_and_path"}, False),
    ],
)
def test_a_router_is_written_where_it_can_choose(router: dict[str, Any], written: bool, bases: tuple[Path, Path], tmp_path: Path) -> None:
    folder = trained(tmp_path, bases, router=router)
    assert (folder / "pair/router").is_dir() == written
    if written:
        assert predicted(folder / "pair/router", bases, [asked(1)], "cpu")[0].keys() == {"first", "second"}
    else:
        with pytest.raises(BadInput, match="no router; one is there where"):
            predicted(folder / "pair/router", bases, [asked(1)], "cpu")


def test_another_encoder_reads_for_both(bases: tuple[Path, Path], tmp_path: Path) -> None:
    """Any model folder that transformers loads as an encoder; here the second base stands for one."""
    folder = trained(tmp_path, bases, router={"signal": "frozen", "encoder": str(bases[1])})
    described = json.loads((folder / "pair/router/router.json").read_text())
    assert [each["model"] for each in described["encoders"]] == [str(bases[1])] * 2
    assert predicted(folder / "pair/router", bases, [asked(1)], "cpu")


def test_a_router_refuses_base_models_that_it_did_not_read(bases: tuple[Path, Path], tmp_path: Path) -> None:
    folder = trained(tmp_path, bases)
    with pytest.raises(BadInput, match=r"not the model that .* reads"):
        predicted(folder / "pair/router", (bases[1], bases[0]), [asked(1)], "cpu")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"peer": {"kind": "kl"}}, "peer kl: .*two vocabularies"),
        ({"max_tokens": 8}, "max_tokens: none of 20 chats fits into 8 tokens"),
        ({"router": {"signal": "pass_rate", "calibration": CALIBRATION | {"max_new_tokens": 250}}}, "do not fit into the 256 tokens"),
        ({"adapters": ADAPTERS | {"targets": ["nothing"]}}, "train_pair: adapters.targets"),
        ({"router": {"signal": "off", "encoder": "roberta"}, "learning_rates": {"first": 1.0, "second": 1e-9}}, None),
        ({"router": {"signal": "frozen", "encoder": "a/roberta"}}, "router.encoder: 'a/roberta' is no folder"),
    ],
)
def test_bad_input_is_told(changed: dict[str, Any], message: str | None, bases: tuple[Path, Path], tmp_path: Path) -> None:
    """An encoder that no signal asks for is not loaded."""
    if message is None:
        trained(tmp_path, bases, **changed)
    else:
        with pytest.raises(BadInput, match=message):
            trained(tmp_path, bases, **changed)


def test_one_tokenizer_is_refused_by_uld_and_taken_by_kl(bases: tuple[Path, Path], tmp_path: Path) -> None:
    shutil.copytree(bases[0], tmp_path / "twin")
    pair = (bases[0], tmp_path / "twin")
    with pytest.raises(BadInput, match="uld"):
        trained(tmp_path / "uld", pair, peer={"kind": "uld"})
    rows = points(trained(tmp_path / "kl", pair, peer={"kind": "kl"}))
    assert all(row["peer/kl_first"] >= 0 for row in rows) and rows[-1]["peer/term"] > 0
