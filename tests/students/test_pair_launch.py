"""Two processes train a pair, as `accelerate launch` starts them: each on its share of every batch."""

import json
import os
import socket
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file
from stages.shared.files import read
from stages.students.pairing.joint import Run
from stages.students.pairing.pair_rows import PathMeasure, RouteRow

from pairs import CALIBRATION, points, trained
from tiny import one_thread


def rank(number: int, port: int, bases: tuple[Path, Path], folder: Path, killed_at: int | None, settings: dict[str, Any]) -> None:
    """One of the two processes; both end at the step `killed_at`, as if they were killed."""
    os.environ |= {"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "RANK": str(number), "LOCAL_RANK": str(number)}
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    one_thread()
    undisturbed = Run._step

    def counted(self: Run, step: int) -> None:
        if step == killed_at:
            os._exit(9)
        undisturbed(self, step)

    Run._step = counted  # type: ignore[method-assign]  # for this process alone
    trained(folder, bases, **settings)


def together(bases: tuple[Path, Path], folder: Path, killed_at: int | None = None, **settings: Any) -> Path:
    """The folder of a pair that two processes trained."""
    folder.mkdir(exist_ok=True)
    context = get_context("forkserver")  # which imports the libraries once for all of them
    context.set_forkserver_preload(["peft", "stages.students.pairing.joint"])
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    running = [context.Process(target=rank, args=(number, port, bases, folder, killed_at, settings)) for number in range(2)]
    for process in running:
        process.start()
    for process in running:
        process.join(300)
    assert [process.exitcode for process in running] == [9 if killed_at else 0] * 2
    return folder


ROUNDS = {"signal": "pass_rate", "calibration": CALIBRATION | {"batch_size": 4}}


@pytest.mark.parametrize(
    "settings",
    [
        {
            "router": ROUNDS | {"diagnostics": {"paths": 5}},
            "evaluation": {"problems": 1, "max_new_tokens": 4},
            "peer": {"kind": "mse", "width": 8},
            "accumulate": 2,
        },
        {"router": {"signal": "loss"}, "peer": {"kind": "uld"}},
    ],
    ids=["pass_rate_mse", "loss_uld"],
)
def test_two_processes_learn_what_one_does(bases: tuple[Path, Path], settings: dict[str, Any], tmp_path: Path) -> None:
    """Losses, routes, the answers to calibration problems and the weights are the same within rounding; one process writes."""
    steps: dict[str, Any] = {"steps": 5, "optimizer": "adamw"}
    two = together(bases, tmp_path / "two", batch_size=2, **steps, **settings)
    one = trained(tmp_path / "one", bases, batch_size=4, **steps, **settings)
    assert points(two) == [pytest.approx(row, rel=1e-3, abs=2e-5) for row in points(one)]
    routes = [list(read(folder / "logs/routes.jsonl", RouteRow)) for folder in (two, one)]
    assert [row.route for row in routes[0]] == [row.route for row in routes[1]] and len(routes[0]) == 2 * 20 * (
        2 if "accumulate" in settings else 1
    )
    for name in ("first", "second"):
        learnt, expected, before = (
            load_file(folder / "model.safetensors") for folder in (two / "pair" / name, one / "pair" / name, bases[name == "second"])
        )
        assert all(float((learnt[key] - expected[key]).abs().max()) < 1e-3 for key in expected)
        assert any(float((learnt[key] - before[key]).abs().max()) > 1e-2 for key in expected)
        told = [json.loads((folder / "pair" / name / "student.json").read_text())["tokens"] for folder in (two, one)]
        assert told[0] == told[1]
    assert sorted(file.relative_to(two) for file in two.rglob("*.*")) == sorted(file.relative_to(one) for file in one.rglob("*.*"))
    assert list((two / "checkpoints").iterdir()) == []
    if "evaluation" in settings:
        assert (two / "curves/evaluation.csv").read_text() == (one / "curves/evaluation.csv").read_text()
        measures = [list(read(folder / "logs/path_measures.jsonl", PathMeasure)) for folder in (two, one)]
        figures = [
            [(-2.0 if row.alignment is None else row.alignment, row.expected, row.rank_surprisal) for row in rows] for rows in measures
        ]
        assert figures[0] == [pytest.approx(row, rel=1e-2, abs=2e-3) for row in figures[1]]
        measured = [[(row.step, row.sample, row.cot_index, row.student) for row in rows] for rows in measures]
        assert measured[0] == measured[1] and len(measured[0]) == 3 * 2 * 5  # rounds, students, paths
        assert any(row.alignment is not None for row in measures[0])


def test_two_processes_go_on_from_a_checkpoint(bases: tuple[Path, Path], tmp_path: Path) -> None:
    settings: dict[str, Any] = {"router": ROUNDS, "batch_size": 2, "steps": 4, "freeze": "second"}
    whole = together(bases, tmp_path / "whole", **settings)
    together(bases, tmp_path / "killed", killed_at=4, **settings)
    assert len(list((tmp_path / "killed/checkpoints").glob("*/state.pt"))) == 1
    killed = together(bases, tmp_path / "killed", **settings)
    written = {file.relative_to(whole): file.read_bytes() for file in sorted(whole.rglob("*")) if file.is_file()}
    assert written == {file.relative_to(killed): file.read_bytes() for file in sorted(killed.rglob("*")) if file.is_file()}
