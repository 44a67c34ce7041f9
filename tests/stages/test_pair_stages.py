"""The stages format_pair and train_pair: what they read and write, and what they refuse."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest
from ruamel.yaml import YAML
from stages.shared.errors import BadInput
from stages.shared.files import read, write
from stages.shared.params import folders_of, models_of
from stages.shared.rows import Chat, Ending, Kind, Message, Problem, Trace
from stages.students.pairing.pair_rows import RouteRow

from stages import format_pair, generate, train_pair
from tiny import make

ROOT = Path(__file__).parents[2]
TAGS = {"program": "<|p|>", "backward": "Answer backward."}
STYLE = {"tagged": {"tags": TAGS}}
FORMAT: dict[str, Any] = {"student_style": STYLE, "selective": False, "hard": "direct", "per_problem": None}
TRAIN: dict[str, Any] = {
    "student_style": STYLE,
    "steps": 8,
    "batch_size": 4,
    "learning_rates": {"first": 0.01, "second": 0.01},
    "max_tokens": 128,
    "bf16": False,
    "device": "cpu",
    "checkpoint_steps": 2,
    "graders": {"answer": {}},
    "router": {"signal": "pass_rate", "calibration": {"every": 4, "problems": 2, "samples": 1, "max_new_tokens": 4, "fit_steps": 2}},
    "peer": {"kind": "mse", "width": 8},
}


def fields(number: int, split: str) -> dict[str, Any]:
    named = {"id": f"{split}-{number}", "task": ("sums", "counts")[number % 2], "kind": Kind.NUMBER, "split": split}
    return named | {"question": f"What is {number}?", "answer": str(number)}


def problems(split: str, count: int = 8) -> list[Problem]:
    return [Problem(**fields(number, split)) for number in range(count)]


def trace(number: int, style: str, split: str = "train") -> Trace:
    text = f"{style} gives {number}. The answer is {number}."
    asked: dict[str, Any] = {"by": "teacher", "style": style, "messages": [], "sampler": "s", "model": "m", "sample": 0}
    return Trace(**fields(number, split), **asked, text=text, ending=Ending.STOP, tokens=3, pred=None, grades={}, reasons={})


def params(format: dict[str, Any] | None = None, train: dict[str, Any] | None = None, **changed: Any) -> None:
    pair = {"system": "s", "first": "one", "second": "two", "format": FORMAT | (format or {}), "train": TRAIN | (train or {})}
    values = {"seed": 0, "bases": {"one": {}, "two": {}}, "systems": {"s": {"base": "one"}}, "pairs": {"p": pair | changed}}
    with Path("params.yaml").open("w") as file:
        YAML().dump(values, file)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write(Path("data/s/kept.jsonl"), [trace(number, style) for number in range(8) for style in TAGS] + [trace(0, "program", "validation")])
    write(Path("data/validation/s.jsonl"), problems("validation"))
    write(Path("data/held_out/s.jsonl"), problems("test"))
    return tmp_path


def chats() -> list[Chat]:
    return list(read(Path("data/s/pair_chats/p.jsonl"), Chat))


def test_paths_are_tagged_and_calibration_is_set_aside(here: Path) -> None:
    params()
    format_pair.main("p")
    assert [(chat.problem, chat.style, chat.task) for chat in chats()[:3]] == [
        ("train-0", "program", "sums"), ("train-0", "backward", "sums"), ("train-1", "program", "counts"),
    ]  # fmt: skip
    assert chats()[1].messages[0]["content"] == "What is 0?\nAnswer backward."
    assert len(chats()) == 16  # no trace of a validation problem
    calibration = list(read(Path("data/s/calibration/p.jsonl"), Problem))
    assert sorted(problem.task for problem in calibration) == ["counts", "counts", "sums", "sums"]
    told = json.loads(Path("metrics/p_format_pair.json").read_text())
    assert (told["chats"], told["calibration_problems"], told["choosing_problems"], told["tasks_without_paths"]) == (16, 4, 4, [])


def test_the_split_of_the_validation_problems_depends_on_seed_and_id_alone(here: Path) -> None:
    some, more = problems("validation"), problems("validation", 40)
    assert format_pair.calibrating(some, 0.5, 0) == format_pair.calibrating(some, 0.5, 0) != format_pair.calibrating(some, 0.5, 1)
    assert len(format_pair.calibrating(more, 0.25, 0)) == 10
    assert format_pair.calibrating(more, 1.0, 0) == more and format_pair.calibrating(more, 0.0, 0) == []


def test_a_sample_of_the_problems_and_a_task_without_any_path_are_counted(here: Path) -> None:
    """All paths of the task counts were wrong: none is kept."""
    write(Path("data/s/kept.jsonl"), [trace(number, style) for number in (0, 2, 4) for style in TAGS])
    params(format={"sample": 2})
    format_pair.main("p")
    assert len({chat.problem for chat in chats()}) == 2
    assert json.loads(Path("metrics/p_format_pair.json").read_text())["tasks_without_paths"] == ["counts"]


def test_gold_answers_alone_keep_the_tag_of_each_style(here: Path) -> None:
    params(format={"hard": "answer_only"})
    format_pair.main("p")
    assert {chat.messages[-1]["content"] for chat in chats() if chat.problem == "train-3"} == {"The answer is 3."}
    assert len(chats()) == 16 and {chat.style for chat in chats()} == set(TAGS)


def test_a_task_that_is_only_tested_and_has_no_path_is_counted(here: Path) -> None:
    write(Path("data/validation/s.jsonl"), [problem for problem in problems("validation") if problem.task == "sums"])
    write(Path("data/s/kept.jsonl"), [trace(number, style) for number in (0, 2, 4) for style in TAGS])
    params()
    format_pair.main("p")
    assert json.loads(Path("metrics/p_format_pair.json").read_text())["tasks_without_paths"] == ["counts"]


@pytest.mark.parametrize(
    ("format", "message"),
    [
        ({"student_style": "plain"}, "format.student_style: expected the style tagged"),
        ({"student_style": {"tagged": {"tags": {"program": "x"}}}}, "unknown tag 'backward'; choose from: program"),
        ({"student_style": {"tagged": {"tags": TAGS | {"careful": "y"}}}}, "no path in the style 'careful'.*paths in: backward, program"),
        ({"sample": 9}, "format.sample: 9 problems are asked for, data/s/kept.jsonl has 8|asks for 9 problems"),
        ({"calibration": 1.5}, "less than or equal to 1"),
        ({"hard": "latent"}, "no kept trace fits"),
    ],
)
def test_format_pair_refuses_bad_params(format: dict[str, Any], message: str, here: Path) -> None:
    params(format=format)
    with pytest.raises(BadInput, match=message):
        format_pair.main("p")
    assert not Path("data/s/pair_chats/p.jsonl").exists()


@pytest.mark.parametrize(
    ("validation", "message"),
    [
        (problems("test"), "problem 'test-0' of split 'test' is tested on as well"),
        (problems("train"), "problem 'train-0' of split 'train' is trained on as well"),
        (problems("other"), "problem 'other-0' of split 'other' is no validation problem"),
    ],
)
def test_a_calibration_that_overlaps_another_split_is_refused(validation: list[Problem], message: str, here: Path) -> None:
    write(Path("data/validation/s.jsonl"), validation)
    params()
    with pytest.raises(BadInput, match=message):
        format_pair.main("p")


def test_without_the_held_out_problems_nothing_tells_them_apart(here: Path) -> None:
    Path("data/held_out/s.jsonl").unlink()
    params()
    with pytest.raises(BadInput, match=r"data/held_out/s\.jsonl: no such file"):
        format_pair.main("p")


def test_a_bare_question_is_what_the_router_reads() -> None:
    row = trace(3, "backward")
    style = format_pair.Params.model_validate(FORMAT).student_style
    chat = Chat(
        id="c",
        problem=row.id,
        format="direct",
        style="backward",
        messages=[*style.render(row), {"role": "assistant", "content": "3"}],
        trace="t",
    )
    assert train_pair.untagged([chat], TAGS) == {row.id: [{"role": "user", "content": "What is 3?"}]}
    with pytest.raises(BadInput, match="does not end in a tag of the style 'backward'"):
        train_pair.untagged([chat], TAGS | {"backward": "Else."})
    asked = train_pair.asked(Problem(**fields(1, "validation")), style, TAGS)
    assert [(prompt.style, prompt.messages[-1]["content"]) for prompt in asked] == [
        ("program", "What is 1?\n<|p|>"), ("backward", "What is 1?\nAnswer backward."),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("train", "message"),
    [
        ({"student_style": "plain"}, "train.student_style: expected the style tagged"),
        ({"student_style": {"tagged": {"tags": {"program": "<|p|>"}}}}, "one style only, so there is nothing to route by"),
        ({"router": {"signal": "pass_rate"}}, "train.router: calibration: the signal pass_rate needs it"),
        ({"epochs": 1.0}, "give either epochs or steps"),
        ({"four_bit": True}, "four_bit: weights in 4 bits cannot be trained"),
        ({"peer": {"kind": "mze"}}, r"train.peer: unknown kind 'mze' \(did you mean 'mse'\?\)"),
        ({"graders": {"anser": {}}}, "train.graders: unknown grader 'anser'"),
        ({"router": {"signal": "off", "diagnostics": {}}}, "train.router: diagnostics: expected the signal pass_rate"),
        ({"learning_rates": {"first": 0.01}}, "train.learning_rates.second: is missing"),
        ({"freeze": "third"}, "train.freeze: Input should be 'first' or 'second'"),
    ],
)
def test_train_pair_refuses_bad_params(train: dict[str, Any], message: str, here: Path) -> None:
    params()
    format_pair.main("p")
    params(train=train)
    with pytest.raises(BadInput, match=message):
        train_pair.main("p")


def test_a_router_that_needs_calibration_says_what_to_set_where_there_is_none(here: Path) -> None:
    Path("data/validation/s.jsonl").write_text("")
    params()
    format_pair.main("p")
    with pytest.raises(
        BadInput, match=r"no calibration problem, which router.signal pass_rate needs: set validation in the tasks of systems.s"
    ):
        train_pair.main("p")


@pytest.mark.parametrize(("first", "message"), [("tow", r"pairs.p.first: unknown base 'tow'.*choose from: one, two")])
def test_a_base_that_is_not_there_is_told(first: str, message: str, here: Path) -> None:
    params(first=first)
    with pytest.raises(BadInput, match=message):
        train_pair.main("p")


def test_the_folder_of_a_pair_has_an_owner_and_its_students_can_be_named(here: Path) -> None:
    params()
    assert models_of("s") == ["p"] and folders_of("s") == ["p/first", "p/second"]
    Path("models/students/s/p/first").mkdir(parents=True)
    generate._check_students("s")
    for model, known in (("p/first", True), ("p/second", True), ("p", False)):
        arm = generate.Arm.model_validate(
            {"style": "plain", "ask": {"sampler": "hf", "model": f"models/students/s/{model}", "max_new_tokens": 4, "device": "cpu"}}
        )
        if known:
            generate._check_models("s", {"a": arm})
        else:
            with pytest.raises(BadInput, match="unknown model 'models/students/s/p'"):
                generate._check_models("s", {"a": arm})


def shown(row: Trace) -> Chat:
    messages: list[Message] = [{"role": "user", "content": row.question}, {"role": "assistant", "content": row.text}]
    return Chat(id=row.trace_id, problem=row.id, format="", style="", messages=messages, trace="")


def bases() -> None:
    given = [shown(trace(number, "program")) for number in range(20)]
    for name, changed in (("one", {}), ("two", {"architecture": "llama", "tokenizer": "unigram"})):
        made = make(Path("made", name), given, vocabulary=310, tokens=["<|p|>"], **changed)
        Path("models/bases").mkdir(parents=True, exist_ok=True)
        made.rename(Path("models/bases", name))


def test_a_pair_that_is_killed_with_signal_9_is_trained_to_the_same_bytes(here: Path) -> None:
    """The stage as people run it, killed once its first checkpoint is there, in a process of its own."""
    bases()
    params()
    format_pair.main("p")
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "stages.train_pair", "p"]
    process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    began = monotonic()
    while not list(Path(".athanor/checkpoints").glob("*/state.pt")) and process.poll() is None and monotonic() - began < 240:
        sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not Path("models/students/s/p").exists()
    train_pair.main("p")
    outs = [Path("models/students/s/p"), Path("data/s/pair_logs/p"), Path("metrics/p_train")]
    resumed = {file: file.read_bytes() for out in outs for file in sorted(out.rglob("*")) if file.is_file()}
    for out in outs:
        shutil.rmtree(out)
    train_pair.main("p")
    assert resumed == {file: file.read_bytes() for out in outs for file in sorted(out.rglob("*")) if file.is_file()}
    assert len(list(read(Path("data/s/pair_logs/p/routes.jsonl"), RouteRow))) == 8 * 4 * 2
