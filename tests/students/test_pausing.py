"""A training that is asked to pause does so within ten steps, and ends with the bytes of one that nobody disturbed."""

import json
from pathlib import Path
from typing import Any

import pytest
from stages.shared.errors import Paused
from stages.students import Job, sft
from stages.students.training.curves import Curves
from test_resume import files, steps_made

from tiny import SFT, chats, one_thread, tune

SETTINGS: dict[str, Any] = {"steps": 33, "checkpoint_steps": 20}


def train(base: Path, folder: Path, **settings: Any) -> None:
    """As tiny.tune does, with a folder `control`."""
    one_thread()
    (folder / "control").mkdir(parents=True, exist_ok=True)
    job = Job(folder / "student", folder / "curves", folder / "checkpoints", 0, base, folder / "control")
    sft.train(chats(), job, sft.Params(**SFT | SETTINGS | settings))


def ask_at(step: int, folder: Path, patch: pytest.MonkeyPatch) -> None:
    """Asks for a pause before the step after `step`."""

    def on_step_begin(self: Any, args: Any, state: Any, control: Any, **rest: Any) -> None:
        if state.global_step == step:
            (folder / "control" / "pause").touch()

    patch.setattr(Curves, "on_step_begin", on_step_begin, raising=False)


@pytest.mark.parametrize(
    ("asked", "paused", "settings"),
    [(0, 10, {}), (9, 10, {}), (10, 20, {}), (24, 30, {}), (3, 5, {"checkpoint_steps": 5}), (4, 10, {"optimizer": "muon"})],
)
def test_it_pauses_at_the_next_point_and_goes_on_there(
    base: Path, asked: int, paused: int, settings: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = tmp_path / "mine"
    with monkeypatch.context() as patch:
        ask_at(asked, mine, patch)
        with pytest.raises(Paused, match=f"after step {paused};"):
            train(base, mine, **settings)
    assert not (mine / "student").exists()  # a paused training is never done
    assert json.loads((mine / "control/paused.json").read_text()) == {"step": paused}
    (mine / "control/pause").unlink()
    train(base, mine, **settings)
    tune(base, tmp_path / "whole", **SETTINGS | settings)
    for part in ("student", "curves"):
        assert files(mine / part) == files(tmp_path / "whole" / part)


def test_asked_before_its_first_step_it_makes_none(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "control").mkdir()
    (tmp_path / "control/pause").touch()
    made: list[int] = []
    monkeypatch.setattr(Curves, "on_step_begin", lambda self, args, state, control, **rest: made.append(state.global_step), raising=False)
    with pytest.raises(Paused, match="after step 0;"):
        train(base, tmp_path)
    assert made == []


def test_asked_within_the_last_steps_it_ends(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No point lies between them and the end: the training is done, and that is what it says."""
    ask_at(31, tmp_path, monkeypatch)
    train(base, tmp_path)
    assert (tmp_path / "student").is_dir() and not (tmp_path / "control/paused.json").exists()


def test_it_says_how_far_it_is(base: Path, tmp_path: Path) -> None:
    train(base, tmp_path)
    said = json.loads((tmp_path / "control/progress.json").read_text())
    assert (said["step"], said["steps"], said["paused"], said["seconds_left"]) == (33, 33, False, 0.0)
    assert 0 < said["loss"] < 10


def test_nobody_asks_without_a_folder(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert steps_made(base, tmp_path, monkeypatch) == list(range(13))
