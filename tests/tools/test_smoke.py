"""stages/tools/smoke.py, on a small git repository with a DVC pipeline of stages that echo and a conf/ of its own."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from stages.shared.errors import BadInput
from stages.tools import smoke

from project_tree import FAMILIES, ROOT

ENTRIES = (
    "bases: {small: {}}\nsystems: {a: {base: small}}\nstudents: {b: {system: a, base: small}}\nclassifiers: {}\npairs: {}\npractice: {}\n"
)
COMMAND = "cat given > {0}; echo ${{word}} >> {0}"
STAGES = {
    script: {"foreach": f"${{{family}}}", "do": {"cmd": COMMAND.format(script), "deps": ["given"], "outs": [script]}}
    for family, scripts in FAMILIES.items()
    for script in scripts
}
FILES = {
    ".gitignore": "ignored\n",
    ".dvc/config": "[core]\n    analytics = false\n    check_update = false\n",
    "conf/config.yaml": "defaults: [{scale: tiny}, _self_]\n" + ENTRIES,
    "conf/scale/tiny.yaml": "# @package _global_\nword: large\n",
    "conf/scale/smoke.yaml": "# @package _global_\nword: small\n",
    "dvc.yaml": json.dumps({"stages": STAGES}),
    "params.yaml": "word: large\n" + ENTRIES,
    "dvc.lock": "schema: '2.0'\nstages: {}\n",
    "given": "tracked\n",
    "deleted": "tracked\n",
    "metrics/a.json": "{}",
}


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository whose files are those of `FILES`, one of them deleted since, and two more files."""
    folder = tmp_path / "project"
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    for command in (["init", "--quiet"], ["add", "."]):
        subprocess.run(["git", *command], cwd=folder, check=True)
    (folder / "deleted").unlink()
    (folder / "ignored").write_text("not copied")
    (folder / "given").write_text("changed\n")
    (folder / "new").write_text("neither tracked nor ignored")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    return folder


def contents(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file() and ".git" not in path.parts)
    return {path.relative_to(folder).as_posix(): path.read_text() for path in files}


def test_the_copy_holds_the_working_tree_without_results_and_ignored_files(project: Path, tmp_path: Path) -> None:
    smoke.copy(tmp_path / "copy")
    expected = {name: text for name, text in contents(project).items() if name not in ("dvc.lock", "metrics/a.json", "ignored")}
    assert contents(tmp_path / "copy") == expected
    assert expected["given"] == "changed\n"


@pytest.mark.parametrize(("overrides", "word"), [([], "small"), (["word=own"], "own")])
def test_every_stage_runs_at_its_scale_and_the_tree_stays(overrides: list[str], word: str, project: Path, tmp_path: Path) -> None:
    before = contents(project)
    smoke.smoke(tmp_path / "copy", overrides)
    assert (tmp_path / "copy" / "evaluate").read_text() == f"changed\n{word}\n"
    assert contents(project) == before


def test_a_stage_whose_dep_is_missing_is_told(project: Path, tmp_path: Path) -> None:
    (project / "given").unlink()
    with pytest.raises(BadInput, match=r"a stage failed: [a-z]+@[a-z]+: its deps given are missing"):
        smoke.smoke(tmp_path / "copy", [])


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("echo the reason; exit 3", r"the reason\na stage failed: filter@a: exit status 3"),
        ("kill -9 $$", "a stage failed: filter@a: exit status -9"),
        ("echo done", r"done\na stage failed: filter@a: its outs filter are missing"),
        ("python -m stages.tools.nothing", r"(?s)No module named.*a stage failed: filter@a: exit status 1"),
        ("python -m stages.tools.memo nothing", r"(?s)invalid choice.*a stage failed: filter@a: exit status 2"),
    ],
)
def test_a_stage_that_fails_is_told(command: str, message: str, project: Path, tmp_path: Path) -> None:
    filtering = {**STAGES["filter"], "do": {**STAGES["filter"]["do"], "cmd": command}}  # type: ignore[dict-item]
    (project / "dvc.yaml").write_text(json.dumps({"stages": {**STAGES, "filter": filtering}}))
    with pytest.raises(BadInput, match=message):
        smoke.smoke(tmp_path / "copy", [])


def test_params_that_a_stage_needs_and_nobody_has_are_told(project: Path, tmp_path: Path) -> None:
    filtering = {**STAGES["filter"], "do": {**STAGES["filter"]["do"], "params": ["absent"]}}  # type: ignore[dict-item]
    (project / "dvc.yaml").write_text(json.dumps({"stages": {**STAGES, "filter": filtering}}))
    with pytest.raises(BadInput, match=r"filter@a: .*absent"):
        smoke.smoke(tmp_path / "copy", [])


def test_data_that_dvc_tracks_is_no_stage(project: Path, tmp_path: Path) -> None:
    """It is not in the copy, and the stage that reads it says so."""
    subprocess.run(["git", "rm", "-q", "--cached", "--force", "given"], check=True)
    subprocess.run([sys.executable, "-m", "dvc", "add", "--quiet", "given"], check=True)
    with pytest.raises(BadInput, match="its deps given are missing"):
        smoke.smoke(tmp_path / "copy", [])


def test_outside_of_git_it_says_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    with pytest.raises(BadInput, match="expected a git repository"):
        smoke.copy(tmp_path / "copy")
