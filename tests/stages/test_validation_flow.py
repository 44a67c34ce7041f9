"""The validation problems go through the flow as the train problems do, into chats of the same making, which nobody learns from."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from stages.shared.files import read, write
from stages.shared.rows import VALIDATION, Chat, Kind, Problem, Prompt, Response, Trace
from stages.tools.history import history, lines

from stages import format, prompt, respond, train
from tiny import SFT

ROOT = Path(__file__).parents[2]
SCRIPTED = {"sampler": "scripted", "n": 1}
TRAIN: dict[str, Any] = SFT | {
    "steps": 3,
    "max_tokens": 2048,
    "grading": "stages/graders",
    "validation": {"at": [1], "max_new_tokens": 6, "problems": 5, "graders": {"answer": {}}, "choose": "best", "metric": "answer"},
}


def sections(train_: dict[str, Any] = TRAIN, validation: bool = True, **format_: Any) -> None:
    system = {
        "base": "B",
        "prompt": {"teacher": "glyph", "probe": "plain", "validation": validation},
        "respond": {"root": "none", "teacher": SCRIPTED, "probe": SCRIPTED | {"wrong": 0.5}},
    }
    student = {"system": "S", "base": "B", "format": {"reason_below": 0.5} | format_, "train": train_}
    with Path("params.yaml").open("w") as file:
        YAML().dump({"seed": 3, "bases": {"B": {}}, "systems": {"S": system}, "students": {"N": student}}, file)


def problem(number: int, split: str) -> Problem:
    question = f"Tom has {number} figs. He buys 1 more. How many figs does Tom have now?"
    return Problem(
        id=f"{split}{number}",
        task="t",
        kind=Kind.NUMBER,
        split=split,
        question=question,
        answer=str(number + 1),
        solution=f"{number} + 1 = {number + 1}",
        level=1,
    )


@pytest.fixture(autouse=True)
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    sections()
    write(Path("data/S/train.jsonl"), (problem(number, "train") for number in range(20)))
    write(Path("data/validation/S.jsonl"), (problem(number, VALIDATION) for number in range(20, 28)))
    return tmp_path


def flow() -> None:
    prompt.main("S")
    respond.main("S")
    kept = []
    for row in read(Path("data/S/responses.jsonl"), Response):
        number = int(row.id.removeprefix(row.split))
        if number == 27:  # its answers were dropped: a validation problem without a chat
            continue
        fields = {field: getattr(row, field) for field in row.__struct_fields__}
        kept.append(Trace(**fields, pred="", grades={"answer": 1.0}, reasons={}, pass_rate=number % 2))
    write(Path("data/S/kept.jsonl"), kept)
    format.main("N")


def test_both_splits_become_chats_in_the_same_way() -> None:
    """As if the validation problems had been train problems: the same formats, by the same difficulty."""
    flow()
    learnt, held = (list(read(Path(path), Chat)) for path in ("data/S/chats/N.jsonl", "data/S/validation/N/chats.jsonl"))
    assert {chat.problem for chat in learnt} == {f"train{number}" for number in range(20)}
    assert {chat.problem for chat in held} == {f"validation{number}" for number in range(20, 27)}
    assert {chat.format for chat in held} == {"latent", "natural"}
    shutil.rmtree("data/validation")
    rows = list(read(Path("data/S/kept.jsonl"), Trace))
    for row in rows:
        row.split = "train"
    write(Path("data/S/kept.jsonl"), rows)
    format.main("N")
    assert list(read(Path("data/S/chats/N.jsonl"), Chat)) == [*learnt, *held]
    assert Path("data/S/validation/N/chats.jsonl").read_bytes() == b""


def test_a_problem_is_asked_as_in_its_chat_or_in_the_students_style() -> None:
    sections(student_style="no_symbols")
    flow()
    chats = {chat.problem: chat for chat in read(Path("data/S/validation/N/chats.jsonl"), Chat)}
    asked = list(read(Path("data/S/validation/N/prompts.jsonl"), Prompt))
    assert [row.id for row in asked] == [f"validation{number}" for number in range(20, 28)]
    assert all(row.messages == chats[row.id].messages[:-1] for row in asked[:-1])
    assert asked[-1].messages[0]["content"] == asked[0].messages[0]["content"].replace("20", "27")
    assert {row.style for row in asked} == {"no_symbols"}


def test_without_being_asked_for_nothing_changes() -> None:
    """Neither prompts nor chats nor metrics; there are no chats, and a training that is to be validated says so."""
    sections(validation=False)
    flow()
    assert all(row.split == "train" for row in read(Path("data/S/prompts.jsonl"), Prompt))
    assert Path("data/S/validation/N/chats.jsonl").read_bytes() == b""
    counts = json.loads(Path("metrics/N_format.json").read_text())
    assert (counts["validation_problems"], counts["validation_chats"]) == (8, 0)
    Path("data/validation/S.jsonl").write_bytes(b"")
    format.main("N")
    assert "validation_problems" not in json.loads(Path("metrics/N_format.json").read_text())
    assert Path("data/S/validation/N/prompts.jsonl").read_bytes() == b""


def test_a_student_is_validated_and_its_history_printed(base: Path) -> None:
    flow()
    shutil.copytree(base, "models/bases/B")
    train.main("N")
    described = json.loads(Path("models/students/S/N/student.json").read_text())["validation"]
    assert (described["metric"], described["problems"], list(described["values"])) == ("answer", 5, ["0", "1", "3"])
    steps = [json.loads(line) for line in Path("metrics/N_train/eval_history.jsonl").read_text().splitlines()]
    assert list(steps[0]) == ["step", "loss", "exact_match", "ended", "tokens", "answer"]
    folder = Path("metrics/N_train/validation")
    rows = json.loads((folder / "step_000001.json").read_text())["rows"]
    assert len(rows) == 5
    command = [sys.executable, "-m", "stages.tools.history", "N", rows[0]["id"]]
    done = subprocess.run(command, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "\n".join(lines(history(folder, rows[0]["id"]))) + "\n")
    assert [line.split()[1] for line in done.stdout.splitlines() if line.startswith("step")] == ["0", "1", "3"]
    assert rows[0]["asked"] in done.stdout
    for arguments, told in (
        (["N", "nobody"], "unknown problem 'nobody'"),
        (["M", "x"], "metrics/M_train/validation: no steps; set train.validation of the student, and run the stage train"),
    ):
        done = subprocess.run([*command[:3], *arguments], env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True)
        assert done.returncode == 1 and told in done.stderr and done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("graders", "told"),
    [
        ({"answr": {}}, r"unknown grader 'answr' \(did you mean 'answer'\?\)"),
        ({"answer": {"strictest": 1}}, r"students\.N\.train\.validation\.graders\.answer\.strictest: unknown key"),
    ],
)
def test_graders_that_are_wrong_are_told_before_torch_is_loaded(graders: dict[str, Any], told: str) -> None:
    name = next(iter(graders))
    sections(TRAIN | {"validation": TRAIN["validation"] | {"graders": graders, "metric": name}})
    code = "import sys, runpy; sys.argv = ['train', 'N']\ntry: runpy.run_module('stages.train', run_name='__main__')\n"
    code += "finally: print([name for name in ('torch', 'transformers') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip()) == (1, "[]")
    assert re.search(told, done.stderr), done.stderr


def test_a_page_shows_an_answer_once_and_escapes_what_a_model_wrote() -> None:
    row = {
        "asked": "a\nb",
        "gold": "1",
        "expected": None,
        "loss": None,
        "exact_match": None,
        "tokens": 2,
        "ending": "stop",
        "grades": {"x": 0.5},
    }
    page = lines(
        [
            (0, row | {"answer": "\x1b[2J🜞"}),
            (10, row | {"answer": "\x1b[2J🜞"}),
            (25, row | {"answer": "1", "exact_match": True, "loss": 0.25}),
        ]
    )
    assert page == [
        "asked     a\n          b",
        "gold      1",
        "",
        "step 0  x 0.5  2 tokens, ended by stop",
        "          \\x1b[2J🜞",
        "",
        "step 10  x 0.5  2 tokens, ended by stop",
        "          as before",
        "",
        "step 25  loss 0.2500  x 0.5  exact match  2 tokens, ended by stop",
        "          1",
    ]
