"""The router system: who is asked again when something changes, what its flags mean, and that a ninth task is a file and two lines."""

import json
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest
from dvc.utils.hydra import compose_and_dump
from stages.shared.files import read
from stages.shared.rows import Chat, Trace
from stages.styles import backward

from project_tree import ROOT, family_of
from server import Server
from teachers import Scripted

TASKS = {"word_problems": 5, "strategy_toy": 3, "taxonomy_toy": 2}  # train problems
STYLES = ["plain_reasoning", "chain_of_thought", "tree_of_thought", "program", "backward", "fact_retrieval"]
ASKED = sum(TASKS.values())
YOUR_OWN = ROOT / "docs/your-own.md"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Scripted]:
    served = Scripted(tmp_path, "router")
    with served:
        yield served


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(ROOT / "conf", tmp_path / "conf")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    return tmp_path


def configure(folder: Path, *flags: str) -> None:
    """What `dvc exp run -S ...` makes of params.yaml."""
    tasks = ",".join(
        f"{name}:{{train:{count},test:2{',levels:[1,1]' if name == 'word_problems' else ''}}}" for name, count in TASKS.items()
    )
    smaller = ("~systems.router.collect.tasks", f"+systems.router.collect.tasks={{{tasks}}}")
    compose_and_dump(str(folder / "params.yaml"), str(folder / "conf"), None, "config", str(folder), [*smaller, *flags])


def paid(server: Server) -> tuple[str, ...]:
    teacher = "systems.router.respond.teacher"
    return (
        "teacher=openai",
        f"{teacher}.base_url={server.url}",
        f"{teacher}.model=m",
        f"{teacher}.api_key_env=null",
        f"{teacher}.max_usd=null",
    )


def entry(stage: str) -> str:
    return "router_naive" if family_of(stage) == "students" else "router"


def run(*stages: str) -> None:
    for stage in stages:
        import_module(f"stages.{stage}").main(entry(stage))


def bought() -> tuple[int, int]:
    """New requests and stored answers of the last run."""
    told = json.loads(Path("metrics/router_teacher.json").read_text())
    return told["bought"], told["stored"]


def test_one_styles_text_asks_that_style_anew_and_a_filter_nobody(server: Scripted, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    configure(project, *paid(server))
    run("collect", "prompt", "respond", "grade", "judge", "filter")
    assert bought() == (6 * ASKED, 0)
    monkeypatch.setattr(backward, "TEXT", "Begin at the end.")
    run("prompt", "respond")
    assert bought() == (ASKED, 5 * ASKED)
    assert all("Begin at the end." in call.told for call in server.calls[6 * ASKED :])
    configure(project, *paid(server), "systems.router.filter.rules.teacher.characters.min=30")
    run("filter", "prompt", "respond")
    assert bought() == (0, 6 * ASKED)
    assert len(server.calls) == 7 * ASKED


@pytest.mark.parametrize(
    ("flags", "styles", "short"),
    [
        ([], set(STYLES), False),
        (["systems.router.prompt.teacher.styles=[careful]"], {"careful"}, False),
        (["systems.router.filter.rules.teacher.styles=[chain_of_thought]"], {"chain_of_thought"}, False),
        (["students.router_naive.format.hard=answer_only"], set(STYLES), True),
    ],
    ids=["naive", "the strong single style", "one style only", "answers only"],
)
def test_each_baseline_is_a_flag(flags: list[str], styles: set[str], short: bool, project: Path) -> None:
    configure(project, *flags)
    run("collect", "prompt", "respond", "grade", "judge", "enrich", "filter", "format")
    kept = {trace.trace_id: trace for trace in read(Path("data/router/kept.jsonl"), Trace) if trace.by == "teacher"}
    chats = list(read(Path("data/router/chats/router_naive.jsonl"), Chat))
    assert {trace.style for trace in kept.values()} == styles
    assert Counter(trace.grades["answer"] for trace in kept.values()) == {1.0: len(kept)}
    assert {chat.problem for chat in chats} == {trace.id for trace in kept.values()}
    for chat in chats:
        question, answer = (message["content"] for message in chat.messages)
        assert not any(word in question for word in ("step by step", "Back:", "Path 1"))  # the student is asked plainly
        assert (len(answer.splitlines()) == 1 and answer.startswith("The answer is ")) == short


def test_the_task_of_the_docs_is_a_file_a_line_and_an_entry(project: Path) -> None:
    """Word for word what docs/your-own.md says, in a copy of the project; the new task's rows come out of format."""
    page = YOUR_OWN.read_text()
    shutil.copytree(ROOT / "stages", project / "stages", ignore=shutil.ignore_patterns("__pycache__"))
    [(file, text)] = re.findall(r"`(stages/tasks/\w+\.py)`:\n\n```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    [line] = re.findall(r"`TASKS` of `stages/tasks/__init__\.py`: `(\"\w+\": \"[^`]*\",)`", page)
    [flag] = re.findall(r"^dvc exp run -n \w+ -S '(\+systems\.router\.collect\.tasks\.\w+=.*?)' evaluate@router", page, re.MULTILINE)
    (project / file).write_text(text)
    registry = project / "stages/tasks/__init__.py"
    registry.write_text(registry.read_text().replace("TASKS = {\n", f"TASKS = {{\n    {line}\n"))
    configure(project, flag)
    for stage in ("collect", "prompt", "respond", "grade", "judge", "enrich", "filter", "format"):
        done = subprocess.run(
            [sys.executable, "-m", f"stages.{stage}", entry(stage)], cwd=project, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
    name = Path(file).stem
    kept = Counter(trace.style for trace in read(Path("data/router/kept.jsonl"), Trace) if trace.task == name)
    assert set(kept) == set(STYLES) and sum(kept.values()) > 100
    paths = Path("metrics/router_paths.md").read_text()
    assert f"| {name} | " in paths
