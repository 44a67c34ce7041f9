"""python -m stages.tools.ask, on a project with a tiny base model and a tiny student."""

import io
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from stages.graders.answer import Params as AnswerParams
from stages.shared.errors import BadInput
from stages.shared.rows import Ending, Kind, Message, Response
from stages.styles.no_symbols import render
from stages.tools import ask
from stages.tools.terminal import beside, columns_of, printable

from tiny import make

BASE, STUDENT = "models/bases/small", "models/students/s/mini"
HF = {"sampler": "hf", "max_new_tokens": 8, "device": "cpu"}
ARMS = {
    "probe": {"style": "plain", "ask": HF | {"model": BASE, "n": 4, "temperature": 1.0}},
    "base": {"style": "plain", "ask": HF | {"model": BASE}},
    "student": {"style": "no_symbols", "ask": HF | {"model": STUDENT}},
    "always": {"style": "plain", "ask": HF | {"model": STUDENT, "prefill": "x"}},
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    made = make(folder, steps=1)
    for place in (BASE, STUDENT):
        shutil.copytree(made, folder / place)
    system = {"base": "small", "generate": {"launcher": "python", "arms": ARMS}, "evaluate": {"graders": {"answer": {}}, "scores": {}}}
    with (folder / "params.yaml").open("w") as file:
        YAML().dump({"seed": 0, "bases": {"small": {}}, "systems": {"s": system, "none": system}, "students": {}}, file)
    return folder


@pytest.fixture(autouse=True)
def here(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    monkeypatch.setenv("COLUMNS", "100")


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    monkeypatch.setattr(sys, "argv", ["ask", *arguments])
    ask.main()


def test_both_answer_in_their_arm_s_style(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    run(monkeypatch, "s", "How many are 4?", "--gold", "no number that eight tokens of this model write")
    page, errors = capsys.readouterr()
    first = page.splitlines()[0]
    assert re.fullmatch(r"small +mini", first)
    left, right = (re.sub(r"\s+", " ", " ".join(column)) for column in _columns(page, first.index("mini")))
    asked = render(ask.as_problem(ask.Question("How many are 4?"), []))[-1]["content"]
    assert " ".join(asked.split()) in right and "(user)" not in left  # a style that adds nothing is not shown
    assert left.count("8 tokens") + right.count("8 tokens") + page.count("[ended by length]") > 0
    assert page.count("is right") >= 2 and errors == ""


def _columns(page: str, second: int) -> tuple[list[str], list[str]]:
    lines = page.splitlines()
    return [line[:second] for line in lines], [line[second:] for line in lines]


def test_a_chat_gives_each_its_own_former_answers(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    seen: list[list[Message]] = []
    real = ask.answered

    def watched(row: Any, by: str, arm: Any) -> Response:
        seen.append(list(row.history or []))
        return real(row, by, arm)

    monkeypatch.setattr(ask, "answered", watched)
    monkeypatch.setattr(sys, "stdin", io.StringIO("How many are 2?\n\nAnd 3?\n/new\nAnd 4?\n"))
    run(monkeypatch, "s")
    assert [len(history) for history in seen] == [0, 0, 2, 2, 0, 0]
    assert [turn["content"] for turn in seen[2]][:1] == ["How many are 2?"]
    assert capsys.readouterr().out.startswith("small and mini answer; /new starts anew")


def test_the_first_arm_of_each_model_is_asked_and_never_the_probe() -> None:
    asked = ask.speakers("s", None)
    assert list(asked) == ["small", "mini"]
    assert asked["small"].ask.n == 1 and vars(asked["mini"].ask)["prefill"] == ""


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["t", "x"], "ask: params.yaml: unknown system 't'; choose from: none, s"),
        (["s", "x", "--student", "mni"], "ask: --student: unknown student 'mni' (did you mean 'mini'?); choose from: mini"),
        (["none", "x"], "ask: params.yaml: systems.none.generate.arms: no arm asks a student"),
        (["s", "x", "--gold", "five", "--kind", "number"], "ask: --gold: the gold answer does not parse as number, got 'five'"),
        (["s", "x", "--choices", "one"], "ask: --choices: expected 2 to 26 options, got 1"),
        (["s", " "], "ask: the question is blank"),
        (["s", "--gold", "5"], "ask: --gold, --kind and --choices go with a question"),
    ],
)
def test_what_is_wrong_is_told_in_a_line(monkeypatch: pytest.MonkeyPatch, arguments: list[str], told: str) -> None:
    with pytest.raises(SystemExit) as end:
        run(monkeypatch, *arguments)
    assert end.value.code == told


@pytest.mark.parametrize(
    ("question", "labels", "kind", "answer"),
    [
        (ask.Question("?", "1,200"), [], Kind.NUMBER, "1200"),
        (ask.Question("?", "True"), [], Kind.YES_NO, "yes"),
        (ask.Question("?", "neutral"), [], Kind.NLI, "neutral"),
        (ask.Question("?", "Paris"), [], Kind.OPEN, "Paris"),
        (ask.Question("?", "sky", None, ["sky", "coal"]), [], Kind.CHOICE, "A"),
        (ask.Question("?", "spam"), ["ham", "spam"], Kind.LABEL, "spam"),
        (ask.Question("?", "2", "expression"), [], Kind.EXPRESSION, "2"),
        (ask.Question("?"), [], Kind.OPEN, ""),
        (ask.Question("?"), ["ham", "spam"], Kind.LABEL, ""),
    ],
)
def test_the_kind_is_that_of_the_gold_answer(question: ask.Question, labels: list[str], kind: Kind, answer: str) -> None:
    row = ask.as_problem(question, labels)
    assert (row.kind, row.answer) == (kind, answer)


def test_the_verdict_is_the_grader_s() -> None:
    row = ask.as_problem(ask.Question("How many?", "11"), [])
    fields: dict[str, Any] = {name: getattr(row, name) for name in row.__struct_fields__}
    for text, verdict in (("The answer is 11.", "right"), ("The answer is 12.", "wrong: 11 is right"), ("Hm.", "no answer: 11 is right")):
        answer = Response(
            **fields, by="b", style="plain", messages=[], sampler="hf", model="m", sample=0, text=text, ending=Ending.STOP, tokens=1
        )
        assert ask.verdict_of(answer, {"answer": AnswerParams()}) == verdict


def test_a_gold_answer_is_not_the_gold_of_another_turn() -> None:
    history = [Message(role="user", content="first"), Message(role="assistant", content="a")]
    first, second = ask.as_problem(ask.Question("first"), []), ask.as_problem(ask.Question("second"), [], history)
    assert first.conversation == second.conversation and first.id != second.id
    with pytest.raises(BadInput, match="blank"):
        ask.as_problem(ask.Question("\n"), [], history)


@pytest.mark.parametrize(
    ("texts", "width", "page"),
    [
        (["a b", "c\nd"], 64, "a b" + " " * 31 + "c\n" + " " * 34 + "d"),
        (["a", "b"], 40, "a\n\nb"),  # too narrow
        (["x" * 35 + " y", "z"], 64, "x" * 30 + "    z\n" + "x" * 5 + " y"),
        (["🛑" * 16, "z"], 64, "🛑" * 15 + "    z\n🛑"),
    ],
)
def test_side_by_side(texts: list[str], width: int, page: str) -> None:
    assert beside(texts, width) == page
    assert all(columns_of(line) <= max(width, 64) for line in page.splitlines())


def test_what_a_model_wrote_moves_no_cursor() -> None:
    assert printable("a\x1b[2Jb\rc\n\ud800\u202e") == "a\\x1b[2Jb\\rc\n\\ud800\\u202e"
