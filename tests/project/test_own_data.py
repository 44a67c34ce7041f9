"""Data of one's own is versioned where docs/your-own.md puts it."""

import subprocess
from pathlib import Path

import pytest
from dvc.repo import Repo

from project_tree import copy


@pytest.mark.parametrize("name", ["data/hub/tea.jsonl", "data/recorded/mine.jsonl"])
def test_dvc_add_versions_a_file_and_git_sees_what_it_writes(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy(tmp_path)
    monkeypatch.chdir(tmp_path)
    subprocess.run(["git", "init", "--quiet"], check=True)
    (tmp_path / name).write_text('{"question": "?", "answer": "1"}\n')
    with Repo(str(tmp_path)) as repo:
        repo.add(name)
    listed = subprocess.run(
        ["git", "ls-files", "--others", "--exclude-standard", str(Path(name).parent)], capture_output=True, text=True, check=True
    )
    found = listed.stdout.split()
    assert f"{name}.dvc" in found and name not in found
    with Repo(str(tmp_path)) as repo:  # what DVC does not find by itself it neither pushes nor puts into a copy (`--temp`)
        assert name in [Path(out.fs_path).relative_to(tmp_path).as_posix() for out in repo.index.outs]
