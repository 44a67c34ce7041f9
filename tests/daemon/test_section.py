"""The section of params that says what a daemon trains, and the entry of `updates` that becomes of it."""

import importlib
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError
from ruamel.yaml import YAML
from stages.daemon.section import Daemon, as_update
from stages.shared import params
from stages.shared.errors import BadInput

from project_tree import ROOT, UPDATES


def values(path: Path = ROOT / "params.yaml") -> Any:
    return YAML(typ="safe", pure=True).load(path)


@pytest.mark.parametrize("system", values()["daemon"])
def test_the_stages_accept_what_the_daemon_of_the_default_makes(system: str, tmp_path: Path) -> None:
    """What a student's own sections hold besides, such as rows of the corpus, is not handed on to stages that do not know it."""
    changed, path = values(), tmp_path / "params.yaml"
    section = params.read_entry("daemon", system, Daemon, ROOT / "params.yaml")
    as_update(changed, system, section)
    with path.open("w") as file:
        YAML().dump(changed, file)
    for script in UPDATES:
        model = importlib.import_module(f"stages.{script}").Params
        params.read(section.student, "train" if script == "update" else script, model, path, "updates")
    assert section.student not in changed["students"]


def test_an_update_is_not_validated() -> None:
    """The training of an update has no validation problems: the stage assess measures."""
    changed, update = values(), importlib.import_module("stages.update")
    train = changed["students"]["signals_student"]["train"]
    assert train["validation"]
    with pytest.raises(ValidationError, match="an update is measured by the stage assess"):
        TypeAdapter(update.Params).validate_python(train)


FORMAT = {"hard": "direct", "replay": 0.5, "per_problem": None}
STUDENT = {"system": "s", "base": "b", "format": FORMAT, "train": {"steps": 3, "batch_size": 4}}
CHANGES: list[tuple[dict[str, Any], str, dict[str, Any]]] = [
    ({}, "format", FORMAT),
    ({"format": {"replay": None, "hard": "latent"}}, "format", {"hard": "latent", "per_problem": None}),
    ({}, "train", {"steps": 3, "batch_size": 4}),
    ({"train": {"steps": None, "epochs": 1.0}}, "train", {"batch_size": 4, "epochs": 1.0}),
]


@pytest.mark.parametrize(("changed", "part", "expected"), CHANGES)
def test_the_section_changes_what_the_student_has(changed: dict[str, Any], part: str, expected: dict[str, Any]) -> None:
    document: dict[str, Any] = {"students": {"n": STUDENT, "m": STUDENT}}
    as_update(document, "s", Daemon(student="n", read={"jsonl": {}}, **changed))
    entry = document["updates"]["n"]
    assert (entry["admit"] if part == "format" else entry)[part] == expected
    assert (entry["system"], entry["base"], "assess" in entry) == ("s", "b", False) and list(document["students"]) == ["m"]


@pytest.mark.parametrize(("system", "student"), [("s", "nobody"), ("other", "n")])
def test_a_student_of_no_such_system_is_told(system: str, student: str) -> None:
    with pytest.raises(BadInput, match=rf"students\.{student}: expected a student of '{system}'"):
        as_update({"students": {"n": STUDENT}}, system, Daemon(student=student, read={}))
