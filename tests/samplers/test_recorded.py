"""The sampler of former answers."""

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from stages.samplers import Answer
from stages.samplers.recorded import Params, answer
from stages.shared.errors import BadInput
from stages.shared.rows import Ending, Kind, Prompt


def prompt(problem: str, question: str = "q", style: str = "plain", choices: list[str] | None = None) -> Prompt:
    return Prompt(
        id=problem, task="t", kind=Kind.NUMBER, split="train", question=question, answer="5", by="teacher", style=style, messages=[],
        choices=choices,
    )  # fmt: skip


def row(problem: str | None, response: str, model: str = "m", style: str = "cot", **more: Any) -> dict[str, Any]:
    return {"task": "t", "problem_id": problem, "model": model, "prompt_style": style, "response": response, "gold": "5"} | more


def recorded(path: Path, *rows: dict[str, Any] | str) -> str:
    path.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in rows))
    return str(path)


def answers(prompts: list[Prompt], *files: str, **more: Any) -> list[list[Answer]]:
    return list(answer(prompts, Params(sampler="recorded", files=list(files), **more), 0))


def test_answers_come_in_file_order_up_to_n(tmp_path: Path) -> None:
    one = recorded(tmp_path / "1.jsonl", row("p1", "a"), row("p2", "b"), row("p1", "c", model="m2"))
    two = recorded(tmp_path / "2.jsonl", row("p1", "d", ending="length"))
    found = answers([prompt("p2"), prompt("p1")], one, two, n=3)
    assert [[given.text for given in given_to] for given_to in found] == [["b"], ["a", "c", "d"]]
    assert found[1][0] == Answer("a", Ending.STOP, 0, "m/cot")
    assert found[1][1].model == "m2/cot" and found[1][2].ending == Ending.LENGTH
    assert [len(given) for given in answers([prompt("p1")], one, two, n=2)] == [2]


def test_a_folder_stands_for_its_files_by_name(tmp_path: Path) -> None:
    """As teacher=recorded in conf/ has it."""
    for name, text in (("b.jsonl", "second"), ("a.jsonl", "first")):
        recorded(tmp_path / name, row("p1", text))
    (tmp_path / "README.md").write_text("Where these come from.")
    assert [given.text for given in answers([prompt("p1")], str(tmp_path), n=5)[0]] == ["first", "second"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadInput, match=r"empty: no recorded answers: the folder holds no \*\.jsonl file"):
        answers([prompt("p1")], str(tmp_path / "empty"))


def test_a_question_matches_where_the_id_does_not(tmp_path: Path) -> None:
    file = recorded(tmp_path / "1.jsonl", row(None, "a", question="How  many\nAPPLES?"), row("x", "b", question="other"))
    found = answers([prompt("p1", "how many apples?"), prompt("x", "how many apples?")], file)
    assert [given[0].text for given in found] == ["a", "b"]


def test_models_and_styles_choose(tmp_path: Path) -> None:
    file = recorded(tmp_path / "1.jsonl", row("p1", "a"), row("p1", "b", model="m2"), row("p1", "c", model="m2", style="plain"))
    assert answers([prompt("p1")], file, n=9, models=["m2"], styles=["plain"])[0][0].text == "c"
    with pytest.raises(BadInput, match=r"unknown model 'm3' \(did you mean 'm'\?\); choose from: m, m2"):
        answers([prompt("p1")], file, models=["m3"])
    with pytest.raises(BadInput, match="unknown prompt_style 'glyph'; choose from: cot, plain"):
        answers([prompt("p1")], file, styles=["glyph"])


def test_who_stands_for_which_style(tmp_path: Path) -> None:
    rows = [row("p1", "a", "m", "cot"), row("p1", "b", "m", "direct"), row("p1", "c", "m2", "cot"), row("p1", "d", "m3", "")]
    file = recorded(tmp_path / "1.jsonl", *rows)
    asked = [prompt("p1", style=style) for style in ("plain", "glyph")]
    stand_for = {"glyph": ["m2", "m3"], "plain": ["m/direct"], "judge": ["m"]}
    assert [[given.text for given in found] for found in answers(asked, file, n=4, stand_for=stand_for)] == [["b"], ["c", "d"]]
    with pytest.raises(BadInput, match="stand_for: no one stands for style 'plain'; it has: glyph"):
        answers(asked, file, stand_for={"glyph": ["m"]})
    with pytest.raises(BadInput, match=r"unknown name in stand_for 'm/cto' \(did you mean 'm/cot'\?\); choose from: m, "):
        answers(asked, file, stand_for={"plain": ["m/cto"]})


def test_answers_to_other_options_are_not_taken(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Their letters would name other options."""
    shown = {"label": ["A", "B"], "text": ["red", "blue"]}
    lines = [
        row("p1", "a", choices=shown),
        row("p1", "b", choices=["red", "blue"]),
        row("p1", "c", choices=["blue", "red"]),
        row("p1", "d"),
    ]
    file = recorded(tmp_path / "1.jsonl", *lines)
    assert [given.text for given in answers([prompt("p1", choices=["red", "blue"])], file, n=4)[0]] == ["a", "b", "d"]
    assert f"1 answers in {file} are to other options than those of their prompts" in capsys.readouterr().err
    file = recorded(tmp_path / "2.jsonl", *lines[:2])
    with pytest.raises(BadInput, match=r"belongs to any of the 1 prompts \(2 are to other options\)"):
        answers([prompt("p1", choices=["blue", "red"])], file)


def test_escaped_line_ends(tmp_path: Path) -> None:
    file = recorded(tmp_path / "1.jsonl", row("p1", r"so\n2", style="few"), row("p1", r"3 \neq 2"))
    assert [given.text for given in answers([prompt("p1")], file, n=2, escaped=["m/few"])[0]] == ["so\n2", r"3 \neq 2"]
    with pytest.raises(BadInput, match="unknown name in escaped 'few'"):
        answers([prompt("p1")], file, escaped=["few"])


def test_missing_answers_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = recorded(tmp_path / "1.jsonl", row("p1", "a"))
    assert [len(given) for given in answers([prompt("p0"), prompt("p1"), prompt("p2")], file)] == [0, 1, 0]
    assert f"2 of 3 prompts have no answer in {file}" in capsys.readouterr().err


def test_a_file_that_matches_nothing_is_an_error(tmp_path: Path) -> None:
    file = recorded(tmp_path / "1.jsonl", row("p1", "a"))
    with pytest.raises(BadInput, match="belongs to any of the 2 prompts; the first ids there: 'p1'"):
        answers([prompt("q1"), prompt("q2")], file)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "1.jsonl:2: malformed JSON"),
        ('{"problem_id": "p1"}', "1.jsonl:2: not a Recorded: Object missing required field `response`"),
        ('{"problem_id": "p1", "response": 5}', "1.jsonl:2: not a Recorded: Expected `str`, got `int`"),
        ('{"response": "5"}', "1.jsonl:2: not a Recorded: needs a `problem_id` or a `question`"),
        ('{"problem_id": "p1", "response": "5", "ending": "halt"}', "1.jsonl:2: not a Recorded: Invalid enum value 'halt'"),
    ],
)
def test_bad_lines_name_file_and_line(tmp_path: Path, line: str, message: str) -> None:
    file = recorded(tmp_path / "1.jsonl", row("p1", "a"), line)
    with pytest.raises(BadInput, match=message):
        answers([prompt("p1")], file)


def test_an_absent_or_empty_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"none\.jsonl: no such file of recorded answers"):
        answers([prompt("p1")], str(tmp_path / "none.jsonl"))
    with pytest.raises(BadInput, match="the file is empty"):
        answers([prompt("p1")], recorded(tmp_path / "1.jsonl"))


@pytest.mark.parametrize(
    "bad",
    [{"n": 0}, {"files": []}, {"models": []}, {"stand_for": {}}, {"stand_for": {"plain": []}}, {"escaped": "m"}, {"n": "1"}, {"file": "x"}],
)
def test_params_check_themselves(bad: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Params.model_validate({"sampler": "recorded", "files": ["a"]} | bad)
