"""python -m stages.tools.validate, on a project with one tiny base model."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from stages.shared.files import write
from stages.tools import validate

from tiny import SFT, chats, make, talk


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    make(folder, steps=1).rename(folder / "base")
    (folder / "models/bases").mkdir(parents=True)
    (folder / "base").rename(folder / "models/bases/small")
    student = {"system": "s", "base": "small", "train": SFT | {"max_tokens": 80}}
    values = {"seed": 0, "bases": {"small": {}}, "students": {"reader": student, "writer": student}}
    with (folder / "params.yaml").open("w") as file:
        YAML().dump(values, file)
    write(folder / "reader.jsonl", chats(40))
    write(folder / "mine.jsonl", [talk("Count to nine?", "1 2 3 4 5 6 7 8 9. " * 9, name=str(number)) for number in range(20)])
    return folder


def run(monkeypatch: pytest.MonkeyPatch, project: Path, *arguments: str) -> Any:
    """The exit status: a number, or the message with which the tool ends."""
    monkeypatch.chdir(project)
    monkeypatch.setattr(sys, "argv", ["validate", *arguments])
    with pytest.raises(SystemExit) as end:
        validate.main()
    return end.value.code


def test_the_file_s_name_says_the_student(monkeypatch: pytest.MonkeyPatch, project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(monkeypatch, project, "reader.jsonl") == 0
    page = capsys.readouterr().out
    assert "reader.jsonl: 40 rows for reader, max_tokens 80" in page and "whole" in page and "-S" not in page


def test_errors_alone_and_what_to_set(monkeypatch: pytest.MonkeyPatch, project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(monkeypatch, project, "mine.jsonl", "--student", "writer", "--quiet", "--auto-adjust") == 1
    error, proposed = capsys.readouterr().out.splitlines()
    assert error.startswith("error: p95 is ")
    limit = int(proposed.removeprefix("-S students.writer.train.max_tokens="))
    assert run(monkeypatch, project, "mine.jsonl", "--student", "writer", "--json") == 1
    assert json.loads(capsys.readouterr().out)["proposed_max_tokens"] == limit
    text = (project / "params.yaml").read_text()
    (project / "params.yaml").write_text(text.replace("max_tokens: 80", f"max_tokens: {limit}"))
    try:
        assert run(monkeypatch, project, "mine.jsonl", "--student", "writer", "--quiet") == 0
        assert capsys.readouterr().out == ""
    finally:
        (project / "params.yaml").write_text(text)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["mine.jsonl"], "validate: name the student with --student: unknown student 'mine'; choose from: reader, writer"),
        (["mine.jsonl", "--student", "raeder"], "validate: --student: unknown student 'raeder' (did you mean 'reader'?)"),
        (["none.jsonl", "--student", "reader"], "validate: none.jsonl: no such file"),
    ],
)
def test_what_is_missing_is_told(monkeypatch: pytest.MonkeyPatch, project: Path, arguments: list[str], told: str) -> None:
    assert str(run(monkeypatch, project, *arguments)).startswith(told)
