"""docs/recipes: scripts for Slurm that run, and a task file that SkyPilot takes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
RECIPES = ROOT / "docs/recipes"


@pytest.mark.parametrize("script", sorted(RECIPES.glob("*.sh")), ids=lambda path: path.name)
def test_the_scripts_are_bash_and_their_options_stand_where_sbatch_reads_them(script: Path) -> None:
    subprocess.run(["bash", "-n", script], check=True)
    lines = script.read_text().splitlines()
    assert lines[0] == "#!/bin/bash"
    first_command = next(number for number, line in enumerate(lines) if line and not line.startswith("#"))
    options = [number for number, line in enumerate(lines) if line.startswith("#SBATCH ")]
    assert options and max(options) < first_command  # sbatch reads none behind the first command


@pytest.mark.parametrize(("module", "status"), [("stages.grade", 0), ("stages.nothing", 1)])
def test_a_launcher_hands_on_the_stage_and_its_exit_status(module: str, status: int, tmp_path: Path) -> None:
    """As Slurm runs it, with what DVC puts behind the launcher."""
    (tmp_path / ".venv/bin").mkdir(parents=True)
    (tmp_path / ".venv/bin/python").symlink_to(sys.executable)
    (tmp_path / ".venv/bin/activate").write_text('PATH="$PWD/.venv/bin:$PATH"\n')
    (tmp_path / "stages").symlink_to(ROOT / "stages")
    ended = subprocess.run(
        ["bash", RECIPES / "slurm.sh", "-m", module, "--help"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
    )
    assert ended.returncode == status, ended.stderr
    assert ("usage: python -m stages.grade" in ended.stdout) is (status == 0)


def test_skypilot_takes_the_task(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    sky = pytest.importorskip("sky", reason="no package skypilot here")
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("HOME", str(tmp_path))
    task = sky.Task.from_yaml(str(RECIPES / "sky.yaml"))
    (resources,) = task.resources
    assert task.name == "athanor" and resources.accelerators == {"A100-80GB": 1} and resources.use_spot
    broken = (RECIPES / "sky.yaml").read_text().replace("resources:", "resource:")
    (tmp_path / "broken.yaml").write_text(broken)
    with pytest.raises(sky.exceptions.InvalidSkyPilotConfigError, match="did you mean 'resources'"):  # it does refuse
        sky.Task.from_yaml(str(tmp_path / "broken.yaml"))
