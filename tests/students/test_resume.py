"""A training that is killed goes on from its last checkpoint and ends with the bytes of an undisturbed one."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from ruamel.yaml import YAML
from stages.models.code import hash_of_code
from stages.shared.files import write
from stages.students.training.checkpoints import fingerprint, kept_until_done, last_whole, shared_out
from stages.students.training.curves import Curves

from stages import train
from tiny import ADAPTERS, SFT, chats, copy_of_code, make, tune

pytestmark = pytest.mark.usefixtures("base")
ROOT = Path(__file__).parents[2]
SETTINGS: dict[str, Any] = {"steps": 13, "checkpoint_steps": 4}


def files(folder: Path) -> dict[str, bytes]:
    """What each file holds, but that of how long stages took."""
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != "timings.jsonl"]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


class Kill(BaseException):
    """No `except Exception` stops it."""


def at_step(step: int, act: Callable[[], None]) -> Callable[..., None]:
    def on_step_begin(self: Any, args: Any, state: Any, control: Any, **rest: Any) -> None:
        if state.global_step == step:
            act()

    return on_step_begin


def killed(base: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, step: int = 9, **settings: Any) -> Path:
    """A training stopped before its step `step` + 1; returns the folder of its checkpoints."""

    def kill() -> None:
        raise Kill

    with monkeypatch.context() as patch:
        patch.setattr(Curves, "on_step_begin", at_step(step, kill), raising=False)
        with pytest.raises(Kill):
            tune(base, folder, **SETTINGS | settings)
    return next((folder / "checkpoints").iterdir())


def steps_made(base: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, **settings: Any) -> list[int]:
    """Trains to the end; returns the steps that were made."""
    made: list[int] = []
    with monkeypatch.context() as patch:
        patch.setattr(Curves, "on_step_begin", lambda self, args, state, control, **rest: made.append(state.global_step), raising=False)
        tune(base, folder, **SETTINGS | settings)
    return made


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"accumulate": 2, "batch_size": 2, "weight_decay": 0.1, "checkpoint_steps": 3},
        {"optimizer": "muon", "accumulate": 2, "batch_size": 2, "schedule": "linear", "warmup_steps": 3},
        {"adapters": ADAPTERS, "accumulate": 2, "batch_size": 2, "bf16": True},
        {"adapters": ADAPTERS, "optimizer": "muon"},
    ],
    ids=["adamw", "accumulated", "muon", "adapters", "muon_adapters"],
)
def test_an_interrupted_training_ends_with_the_same_bytes(
    base: Path, changed: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert steps_made(base, tmp_path / "whole", monkeypatch, **changed) == list(range(13))
    left = killed(base, tmp_path / "killed", monkeypatch, **changed)
    last = 9 if "checkpoint_steps" in changed else 8
    assert [path.name for path in left.glob("checkpoint-*")] == [f"checkpoint-{last}"]
    assert not (tmp_path / "killed" / "student").exists()
    assert steps_made(base, tmp_path / "killed", monkeypatch, **changed) == list(range(last, 13))
    assert files(tmp_path / "killed") == files(tmp_path / "whole")
    assert {name.split("/")[0] for name in files(tmp_path / "whole")} == {"student", "curves"}


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


@pytest.mark.parametrize("spoil", [Path.unlink, cut])
def test_a_checkpoint_that_was_not_written_whole_is_passed_over(
    base: Path, spoil: Callable[[Path], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = killed(base, tmp_path / "killed", monkeypatch)
    shutil.copytree(left / "checkpoint-8", left / "checkpoint-12")
    spoil(left / "checkpoint-12" / "trainer_state.json")
    assert steps_made(base, tmp_path / "killed", monkeypatch) == list(range(8, 13))
    tune(base, tmp_path / "whole", **SETTINGS)
    assert files(tmp_path / "killed") == files(tmp_path / "whole")


@pytest.mark.parametrize("other", [{"threads": 2}, {"learning_rate": 0.02}, {"seed": 1}, {"given": chats(39)}, {"steps": 14}])
def test_another_training_starts_from_its_own_beginning(
    base: Path, other: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed(base, tmp_path, monkeypatch)
    assert steps_made(base, tmp_path, monkeypatch, **other)[0] == 0


def test_so_does_one_from_another_base(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    killed(base, tmp_path, monkeypatch)
    assert steps_made(make(tmp_path / "other", layers=2), tmp_path, monkeypatch)[0] == 0


def test_a_fingerprint_is_of_all_that_the_outcome_depends_on(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = [fingerprint({"a": 1}), fingerprint({"a": 2}), fingerprint({"a": 1}, 0)]
    monkeypatch.setenv("WORLD_SIZE", "2")
    keys.append(fingerprint({"a": 1}))
    assert len(set(keys)) == 4
    monkeypatch.undo()
    assert fingerprint({"a": 1}) == keys[0]


def test_several_processes_may_share_out_a_step_in_another_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of one process each param counts, since its training ends with the same bytes; of several the rows of a step do."""

    def key(count: int, **changed: int) -> str:
        monkeypatch.setenv("WORLD_SIZE", str(count))
        params = {"batch_size": 4, "accumulate": 2, "launcher": f"launch {count}", "steps": 9} | changed
        return fingerprint(shared_out(params), any_count=True)

    assert key(2) == key(4, batch_size=2) == key(8, accumulate=1, batch_size=2)
    assert len({key(1), key(1, batch_size=8, accumulate=1), key(2), key(4), key(2, steps=8)}) == 5
    plain = key(2)
    monkeypatch.setenv("ACCELERATE_USE_FSDP", "false")
    monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", "no")
    assert key(2) == plain
    monkeypatch.setenv("ACCELERATE_USE_FSDP", "true")
    sharded = key(2)
    assert sharded == key(4, batch_size=2)
    monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", "bf16")
    assert len({plain, sharded, key(2)}) == 3


@pytest.mark.parametrize("changed", ["models/loading.py", "students/sft.py", "students/training/optimizers.py", "students/training/new.py"])
def test_other_code_of_students_or_models_has_another_fingerprint(changed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = fingerprint({"a": 1})
    copied = copy_of_code(tmp_path, monkeypatch)
    assert fingerprint({"a": 1}) == before
    with (copied / changed).open("a") as file:
        file.write("# changed\n")
    assert fingerprint({"a": 1}) != before


def test_a_package_that_is_not_there_is_no_code(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        hash_of_code("samplers/no_such_module.py")


def test_two_runs_of_the_same_training_do_not_share_a_folder(tmp_path: Path) -> None:
    with kept_until_done(tmp_path, "k") as first:
        with kept_until_done(tmp_path, "k") as second:
            assert first != second
            (first / "one").touch()
            (second / "two").touch()
        assert {path.name for path in first.iterdir()} == {"lock", "one"}
    assert list(tmp_path.iterdir()) == []


def test_a_running_one_is_not_resumed_by_another(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left = killed(base, tmp_path, monkeypatch)
    with FileLock(left / "lock"):
        assert steps_made(base, tmp_path, monkeypatch)[0] == 0
    assert (left / "checkpoint-8").is_dir()
    assert steps_made(base, tmp_path, monkeypatch)[0] == 8


def test_the_newest_checkpoint_is_that_of_the_highest_number(tmp_path: Path) -> None:
    for step in (800, 1200, 90):
        (tmp_path / f"checkpoint-{step}").mkdir()
        (tmp_path / f"checkpoint-{step}" / "trainer_state.json").write_text("{}")
    (tmp_path / "checkpoint-2000").mkdir()
    assert last_whole(tmp_path) == str(tmp_path / "checkpoint-1200")
    assert last_whole(tmp_path / "none") is None


def project(folder: Path, base: Path) -> Path:
    """As much of a project as the stage `train` needs."""
    shutil.copytree(base, folder / "models" / "bases" / "B")
    write(folder / "data" / "S" / "chats" / "N.jsonl", chats())
    write_params(folder, SFT | SETTINGS)
    return folder


def write_params(folder: Path, training: dict[str, Any]) -> None:
    student = {"system": "S", "base": "B", "train": training}
    with (folder / "params.yaml").open("w") as file:
        YAML().dump({"seed": 0, "bases": {"B": {}}, "systems": {"S": {}}, "students": {"N": student}}, file)


def test_a_stage_that_is_killed_resumes(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SIGKILL, which nothing can catch, in a process of its own; then the stage is run again."""
    whole, mine = (project(tmp_path / name, base) for name in ("whole", "mine"))
    code = "import os, signal; import tiny; from test_resume import *; tiny.one_thread()\n"
    code += "Curves.on_step_begin = at_step(9, lambda: os.kill(os.getpid(), signal.SIGKILL)); train.main('N')"
    environment = os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}:{Path(__file__).parent}"}
    done = subprocess.run([sys.executable, "-c", code], cwd=mine, env=environment, capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    left = list((mine / ".athanor" / "checkpoints").iterdir())
    assert len(left) == 1
    assert not (mine / "models" / "students").exists()
    for folder in (mine, whole):
        monkeypatch.chdir(folder)
        train.main("N")
    assert files(mine) == files(whole)
    assert json.loads((mine / "models/students/S/N/student.json").read_text())["base"]["model"] == "models/bases/B"
    assert list((mine / ".athanor" / "checkpoints").iterdir()) == []


def test_faults_in_params_are_told_before_torch_is_loaded(base: Path, tmp_path: Path) -> None:
    folder = project(tmp_path, base)
    write_params(folder, SFT | {"learning_rat": 1, "batch_size": 0, "epochs": 1.0})
    code = "import sys, runpy; sys.argv = ['train', 'N']\ntry: runpy.run_module('stages.train', run_name='__main__')\n"
    code += "finally: print([name for name in ('torch', 'transformers') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip()) == (1, "[]")
    assert done.stderr.count("\n") == 1
    for fault in ("train.learning_rat: unknown key", "train.batch_size: "):
        assert fault in done.stderr
