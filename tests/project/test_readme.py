"""README is short, and what it says to type works."""

import operator
import re
import shlex
import shutil
from functools import reduce
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from dvc.utils.hydra import compose_and_dump, get_hydra_sweeps
from ruamel.yaml import YAML
from stages.shared import params
from stages.tasks import jsonl

from stages import collect

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()


def test_readme_is_short_and_shows_every_room() -> None:
    assert len(README.splitlines()) < 220
    assert len(COMMANDS) > 3
    for room in sorted(path.parent.name for path in ROOT.glob("stages/*/__init__.py")):
        assert f"      {room}/ " in README


def composed(conf: Path, out: Path, flags: list[str]) -> Any:
    compose_and_dump(str(out), str(conf), None, "config", str(ROOT), flags)
    return YAML(typ="safe", pure=True).load(out)


COMMANDS = re.findall(r"^ +(dvc exp run (?:.*\\\n)*.*)$", README, re.MULTILINE)


@pytest.mark.parametrize("command", COMMANDS)
def test_the_flags_in_readme_compose(command: str, tmp_path: Path) -> None:
    words = shlex.split(command, comments=True)
    flags = [flag for option, flag in pairwise(words) if option == "-S"]
    for chosen in get_hydra_sweeps({"params.yaml": flags}) if "--queue" in words else [{"params.yaml": flags}]:
        values = composed(ROOT / "conf", tmp_path / "params.yaml", chosen["params.yaml"])
        for name, _, value in (flag.partition("=") for flag in chosen["params.yaml"] if flag.startswith("systems.")):
            found = reduce(operator.getitem, name.split("."), values)
            assert ("null" if found is None else str(found)).lower() == value.lower()


def test_the_source_in_readme_works(tmp_path: Path) -> None:
    """The file that README says to write, the row that it says to bring."""
    [text] = re.findall(r"^ +(# @package _global_\n.*)$", README, re.MULTILINE)
    [row] = re.findall(r'`(\{"id": .*?\})`', README)
    shutil.copytree(ROOT / "conf", tmp_path / "conf")
    (tmp_path / "conf/source/tea.yaml").write_text("\n".join(line.strip() for line in text.splitlines()))
    composed(tmp_path / "conf", tmp_path / "params.yaml", ["source=tea", "teacher=local"])
    section = params.read("glyph", "collect", collect.Params, tmp_path / "params.yaml")
    mine = section.tasks["jsonl"]
    assert isinstance(mine, jsonl.Params)
    (tmp_path / mine.file).write_text(row + "\n")
    problems = [problem for split in ("train", "test") for problem in jsonl.load(split, mine, tmp_path, 0)]
    assert [(problem.id, problem.answer) for problem in problems] == [("tea-1", "2")]
