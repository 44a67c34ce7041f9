"""The stage `corpus`: plain answers to problems that no system holds out, for a base model that is made from nothing."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from ruamel.yaml import YAML
from stages.shared.errors import BadInput
from stages.shared.files import read, write
from stages.shared.marks import uses_glyphs
from stages.shared.rows import Chat, Problem
from stages.tasks import word_problems

from stages import corpus as stage

LEVELS = [3, 1]
TASKS: dict[str, Any] = {"word_problems": {"pretrain": 300, "levels": LEVELS, "highest": 20}}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def problems(split: str, number: int) -> list[Problem]:
    chosen = word_problems.Params.model_validate({split: number, "levels": LEVELS, "highest": 20})
    return list(word_problems.load(split, chosen, Path(), 0))


def held_out(rows: list[Problem], system: str = "S", split: str = "held_out") -> None:
    write(Path("data", split, f"{system}.jsonl"), rows)


def project(test: list[Problem] | None = None, **changed: Any) -> None:
    """As much of a project as the stage needs: two systems, of which the second one holds out a single problem."""
    for system, rows in (("S", test or problems("test", 20)), ("T", problems("test", 21)[20:])):
        held_out(rows, system)
        held_out([], system, "validation")
    section = {"root": "hub", "near": 0.8, "tasks": TASKS} | changed
    with Path("params.yaml").open("w") as file:
        YAML().dump({"seed": 0, "bases": {"B": {"corpus": section}}, "systems": {"S": {}, "T": {}}}, file)


def corpus() -> list[Chat]:
    stage.main("B")
    return list(read(Path("data/corpora/B.jsonl"), Chat, key=lambda chat: chat.id))


def test_the_corpus_is_plain_answers_without_a_glyph() -> None:
    project()
    found = corpus()
    assert len(found) == 300
    for chat, problem in zip(found, problems("pretrain", 300), strict=True):
        assert [message["role"] for message in chat.messages] == ["user", "assistant"]
        assert chat.messages[0]["content"] == problem.question
        assert chat.messages[1]["content"] == f"The answer is {problem.answer}."
        assert (chat.style, chat.format, chat.trace) == ("plain", "natural", f"gold:{problem.id}")
        assert not any(uses_glyphs(text) for text in (msgspec.json.encode(chat).decode(), problem.solution or ""))


def test_no_problem_of_another_split_is_in_the_corpus() -> None:
    project()
    chats = corpus()
    seen = {chat.problem for chat in chats} | {chat.messages[0]["content"] for chat in chats}
    assert len(seen) == 600
    for split in ("test", "train"):
        others = problems(split, 2000)
        assert not seen & ({problem.id for problem in others} | {problem.question for problem in others})


def test_copies_of_validation_problems_are_left_out() -> None:
    """Generated validation problems share their ids with pretrain alone."""
    project()
    copied = problems("pretrain", 3)
    held_out([msgspec.structs.replace(problem, id=f"v{problem.id}") for problem in copied], split="validation")
    left = {chat.problem for chat in corpus()}
    assert len(left) == 297 and not left & {problem.id for problem in copied}


def test_copies_of_test_problems_are_left_out() -> None:
    """As collect does it, whatever their ids: word for word, and told a little differently; not those with other numbers."""
    exact, near, other = [problem for problem in problems("pretrain", 300) if problem.level == 2][:3]
    numbers = "".join(str((int(mark) + 1) % 10) if mark.isdigit() else mark for mark in other.question)
    told = [(exact, exact.question.upper()), (near, f"{near.question} Say it."), (other, numbers)]
    test = [msgspec.structs.replace(problem, id=f"t{place}", question=question) for place, (problem, question) in enumerate(told)]
    project(test=test)
    found = [chat.problem for chat in corpus()]
    assert found == [problem.id for problem in problems("pretrain", 300) if problem.id not in (exact.id, near.id)]
    project(test=test, near=1.0)
    assert near.id in {chat.problem for chat in corpus()}


def test_a_problem_stands_once_in_the_corpus(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = problems("pretrain", 2)
    again = msgspec.structs.replace(first, id="again")
    project()
    monkeypatch.setattr(stage, "task", lambda name: SimpleNamespace(load=lambda *given: [first, again, second]))
    assert [chat.problem for chat in corpus()] == [first.id, second.id]
    monkeypatch.setattr(stage, "task", lambda name: SimpleNamespace(load=lambda *given: [first, second, first]))
    with pytest.raises(BadInput, match=f"duplicate id '{first.id}'"):
        stage.main("B")


def test_systems_may_hold_out_the_same_problems() -> None:
    """Two that take their problems from the same data set."""
    project()
    expected = corpus()
    held_out(problems("test", 20), "T")
    assert corpus() == expected


@pytest.mark.parametrize("split", ["held_out", "validation"])
def test_copies_of_what_any_system_holds_out_are_left_out(split: str) -> None:
    """Also of a system that stands on another base model."""
    project()
    first, second = problems("pretrain", 2)
    held_out([msgspec.structs.replace(first, id="s")], "S", split)
    held_out([msgspec.structs.replace(second, id="t")], "T", split)
    assert [chat.problem for chat in corpus()] == [problem.id for problem in problems("pretrain", 300)[2:]]


@pytest.mark.parametrize("name", ["U.jsonl", "S.txt", "S", "S.jsonl.bak"])
@pytest.mark.parametrize("split", ["held_out", "validation"])
def test_a_file_of_no_system_is_refused_by_its_name(split: str, name: str) -> None:
    """A system that is gone left it behind, and DVC takes the folder as a whole."""
    project()
    expected = corpus()
    path = Path("data", split, name)
    path.write_text("")
    with pytest.raises(BadInput, match=rf"^data/{split}/{name}: ") as refused:
        stage.main("B")
    assert str(refused.value).endswith("delete the file")
    path.unlink()
    assert corpus() == expected


def test_a_stray_file_is_told_with_the_systems_that_there_are() -> None:
    project()
    held_out(problems("test", 1), "S2")
    with pytest.raises(BadInput) as refused:
        stage.main("B")
    assert str(refused.value) == "data/held_out/S2.jsonl: unknown system 'S2' (did you mean 'S'?); choose from: S, T; delete the file"


def test_the_held_out_problems_of_a_system_that_are_missing_are_named() -> None:
    project()
    Path("data/held_out/T.jsonl").unlink()
    with pytest.raises(BadInput, match=r"^data/held_out/T\.jsonl: no such file"):
        stage.main("B")


def test_without_tasks_the_corpus_is_an_empty_file() -> None:
    """Of a base model that is pinned."""
    project(tasks=None)
    stage.main("B")
    assert Path("data/corpora/B.jsonl").read_bytes() == b""


def test_where_no_problem_is_left_nothing_is_written() -> None:
    project(test=[msgspec.structs.replace(problem, id=f"t{problem.id}") for problem in problems("pretrain", 300)])
    with pytest.raises(BadInput, match=r"^data/corpora/B\.jsonl: nothing to write: no problem of the corpus is left"):
        stage.main("B")
    assert not Path("data/corpora/B.jsonl").exists()
