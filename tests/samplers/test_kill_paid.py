"""Bought answers through SIGKILL, of a stage and of DVC: in `dvc repro` and in `dvc exp run --temp`, two at once.

None is paid for twice but those in flight when a process died, and the rerun ends with the bytes of an undisturbed run.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

import pytest
from ruamel.yaml import YAML
from stages.shared.files import write
from stages.shared.rows import Kind, Problem
from stages.styles.prompting.prompts import prompts

from project_tree import copy
from server import Call, Response, Server

PROMPTS, CONCURRENCY = 120, 6
REPRO, TEMP = ["repro"], ["exp", "run", "--temp"]
STAGE = {
    "cmd": "python -m stages.respond s",
    "deps": ["data/s/prompts.jsonl"],
    "params": ["systems.s.respond"],
    "outs": ["data/s/responses.jsonl"],
    "metrics": [{"metrics/s_teacher.json": {"cache": False}}],
}


class Steady(Server):
    """Says the same to the same question, however often it is asked."""

    def answered(self, call: Call, text: str | None, reason: str, **message: Any) -> Response:
        return super().answered(call, f"{call.told} is 1", reason, **message)


@pytest.fixture
def server() -> Iterator[Server]:
    with Steady(latency=0.05) as served:
        yield served


@pytest.fixture
def project(tmp_path: Path, server: Server) -> Path:
    """A repository with one stage, whose teacher is asked over the network."""
    folder = copy(tmp_path / "project")
    (folder / "dvc.lock").unlink(missing_ok=True)
    problems = (Problem(id=f"p{n}", task="t", kind=Kind.NUMBER, split="train", question=f"{n}?", answer="1") for n in range(PROMPTS))
    write(folder / "data/s/prompts.jsonl", prompts(problems, {"teacher": "plain"}))
    teacher = {"sampler": "openai", "model": "m", "base_url": server.url, "api_key_env": None, "max_tokens": 9, "concurrency": CONCURRENCY}
    for name, content in (
        ("params.yaml", {"seed": 0, "systems": {"s": {"respond": {"root": ".", "teacher": teacher}}}}),
        ("dvc.yaml", {"stages": {"respond": STAGE}}),
    ):
        with (folder / name).open("w") as file:
            YAML().dump(content, file)
    (folder / ".dvc/config").write_text("[core]\n    analytics = false\n    check_update = false\n")
    git(folder, "init", "--quiet")
    git(folder, "add", "--all")
    git(folder, "add", "--force", "data/s/prompts.jsonl")
    git(folder, "commit", "--quiet", "--message", "all of it")
    return folder


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", "-c", "user.name=t", "-c", "user.email=t@t", *arguments], cwd=folder, check=True, capture_output=True)


def start(folder: Path, command: list[str]) -> "subprocess.Popen[str]":
    environment = {name: value for name, value in os.environ.items() if name != "DVC_ROOT"}
    environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
    return subprocess.Popen(
        [sys.executable, "-m", "dvc", *command], cwd=folder, env=environment, text=True, start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


def kill(running: list["subprocess.Popen[str]"], project: Path) -> None:
    """DVC, and the stage that it started, whichever session that is in."""
    for process in running:
        for one in {process.pid, *descendants(process.pid)}:
            with suppress(ProcessLookupError):
                os.kill(one, signal.SIGKILL)
        process.communicate()
    lock = project / ".dvc/tmp/rwlock"
    if lock.exists() and not lock.stat().st_size:  # as `make repro` does: DVC, killed as it wrote this file, refuses to read what is left
        lock.unlink()


def descendants(pid: int) -> list[int]:
    """Children, and theirs."""
    found = []
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split() if Path(f"/proc/{pid}").exists() else []:
        found += [int(child), *descendants(int(child))]
    return found


def wait_for(server: Server, billed: int, running: list["subprocess.Popen[str]"]) -> None:
    """Until so many answers were billed in all, or a run has ended, as it should not."""
    while sum(server.billed.values()) < billed:
        for process in running:
            assert process.poll() is None, process.communicate()[0]
        time.sleep(0.005)


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="finds the stage to be killed through /proc")
@pytest.mark.parametrize("command", [REPRO, TEMP], ids=["repro", "temp"])
def test_what_was_bought_is_not_bought_again(command: list[str], project: Path, server: Server) -> None:
    rng, kills = Random("kills"), 0
    for together in (1, 1) if command is REPRO else (1, 2):
        running = [start(project, command) for _ in range(together)]
        # more than those that a killed run leaves in flight: DVC itself, killed as it starts, may leave its lock file broken
        wait_for(server, sum(server.billed.values()) + rng.randint(CONCURRENCY + 2, 25), running)
        kill(running, project)
        kills += together
    before = sum(server.billed.values())
    assert before < PROMPTS
    last = start(project, command)
    told = last.communicate()[0]
    assert last.returncode == 0, told
    assert sum(server.billed.values()) <= PROMPTS + kills * CONCURRENCY
    assert server.billed.keys() == {f"{n}?" for n in range(PROMPTS)}
    disturbed = outs(project)
    assert len(disturbed) == 1
    (project / ".athanor/memo.sqlite").unlink()
    undisturbed = start(project, ["exp", "run", "--temp", "--force"] if command is TEMP else ["repro", "--force"])
    told = undisturbed.communicate()[0]
    assert undisturbed.returncode == 0, told
    assert outs(project) == disturbed


def outs(folder: Path) -> set[bytes]:
    """Every responses.jsonl that DVC keeps: what an experiment made lies in the cache."""
    kept = {path.read_bytes() for path in (folder / ".dvc/cache/files").rglob("*") if path.is_file()}
    return {content for content in kept if content.count(b"\n") == PROMPTS}
