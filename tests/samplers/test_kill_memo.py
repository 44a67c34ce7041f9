"""A run that is killed at any instant, and the one beside it: what was computed stays, and the rerun ends with the same answers."""

import json
import os
import signal
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path
from random import Random
from threading import Event

import pytest
from stages.samplers.local.stored_batches import Batch, settle
from stages.samplers.memo.sampled_answers import Answer
from stages.samplers.memo.store import Memo
from stages.shared.rows import Ending

BATCHES = [Batch(range(4), [[number, row] for row in range(4)], f"seed {number}", [[]] * 4) for number in range(120)]
FORK = get_context("fork")


def work(folder: Path, out: str) -> None:
    """A stage with a model that takes ten milliseconds for a batch, and notes each one it computes."""
    log = os.open(folder / "log", os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def generate(rows: list[list[int]], seed: str, chats: object) -> object:
        os.write(log, f"{seed}\n".encode())
        Event().wait(0.01)
        yield [Answer(f"{row} {seed}", Ending.STOP, 1, "m") for row in rows[:3]]
        yield [Answer(f"{row} {seed}", Ending.STOP, 1, "m") for row in rows[3:]]

    with Memo(folder / "memo.sqlite") as memo:
        answers = {batch.seed: given for batch, given in settle(memo, BATCHES, "model", generate)}  # type: ignore[arg-type]
    (folder / out).write_text(json.dumps([answers[batch.seed] for batch in BATCHES]))


def start(folder: Path, *outs: str) -> list[BaseProcess]:
    made: list[BaseProcess] = [FORK.Process(target=work, args=(folder, out)) for out in outs]
    for process in made:
        process.start()
    return made


def end(processes: list[BaseProcess]) -> None:
    for process in processes:
        process.join()
        assert process.exitcode == 0


@pytest.fixture
def whole(tmp_path: Path) -> bytes:
    (tmp_path / "whole").mkdir()
    work(tmp_path / "whole", "out")
    assert len((tmp_path / "whole" / "log").read_text().splitlines()) == len(BATCHES)
    return (tmp_path / "whole" / "out").read_bytes()


def test_two_at_once_share_the_work(whole: bytes, tmp_path: Path) -> None:
    end(start(tmp_path, "one", "two"))
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes() == whole
    assert len((tmp_path / "log").read_text().splitlines()) == len(BATCHES)


def test_killed_at_twenty_moments(whole: bytes, tmp_path: Path) -> None:
    """Two processes at once, one of them or both killed: a batch that was begun and not stored is all that a kill can cost."""
    rng, kills = Random(0), 0
    while kills < 20:
        running = start(tmp_path, "one", "two")
        Event().wait(rng.uniform(0, 0.06))
        for process in running[: rng.randint(1, 2)]:
            if process.is_alive() and process.pid:
                os.kill(process.pid, signal.SIGKILL)
            kills += 1
        for process in running[::-1]:
            Event().wait(0.02)
            process.kill()
            process.join()
    end(start(tmp_path, "one", "two"))
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes() == whole
    computed = (tmp_path / "log").read_text().splitlines()
    assert (
        len(computed) <= len(BATCHES) + 4 * 2 * kills
    )  # each process that died had one batch before it, and a few on their way to the disk
