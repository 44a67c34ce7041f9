"""From the answers of a server, of a server and a judge, and from real rows with recorded answers, to two students and their router."""

import json
import os
from collections import Counter
from collections.abc import Callable, Iterator
from importlib import import_module
from itertools import islice
from pathlib import Path
from shutil import copytree

import msgspec
import pytest
from dvc.utils.hydra import compose_and_dump
from stages.shared.files import read, write
from stages.shared.rows import Chat, Problem, Trace
from stages.students.pairing.pair_rows import RouteRow
from stages.tasks import task

from pairs import make_bases
from project_tree import ROOT
from server import Call
from teachers import Scripted

SHARED = Path(os.environ.get("ATHANOR_SHARED", ROOT.parent / "shared"))
TASKS = {"word_problems": "levels:[1,1],", "strategy_toy": "", "taxonomy_toy": ""}
REAL = ("gsm8k", "competition_math", "arc_challenge", "commonsense_qa", "date", "anli", "strategy_qa", "table_mwp")
STYLES = ("plain_reasoning", "chain_of_thought", "tree_of_thought", "program", "backward", "fact_retrieval")
MATH = "unnamed-qwen2.5-math-repo/boxed_cot_sample_"
STAND_FOR = {  # models stand for styles
    "plain_reasoning": "gemini-1.5-pro",
    "chain_of_thought": f"text-davinci-002/zero_shot_cot,{MATH}0",
    "tree_of_thought": f"text-davinci-002/few_shot_cot,{MATH}1",
    "program": f"gpt3-6b/verification,{MATH}2",
    "backward": f"gpt3-175b/verification,{MATH}3",
    "fact_retrieval": "text-davinci-002/zero_shot",
}
SMALL = (
    "pairs.router_pair.train.steps=3",
    "pairs.router_pair.train.batch_size=6",
    "pairs.router_pair.train.max_tokens=1024",
    "+pairs.router_pair.train.max_dropped=0.9",
    "+pairs.router_pair.train.least_paths=1",
    "pairs.router_pair.format.sample=40",
    "pairs.router_pair.train.router.calibration={every:2,problems:2,samples:1,max_new_tokens:4}",
)


class Judging(Scripted):
    """The scripted teacher, who also judges: of what it has not been asked as a teacher it finds every third valid."""

    verdicts = 0

    def speak(self, call: Call) -> tuple[str, str]:
        try:
            return super().speak(call)
        except ValueError:  # not a prompt of the system
            self.verdicts += 1
            return ("VERDICT: VALID" if self.verdicts % 3 == 0 else "VERDICT: INVALID"), "stop"


@pytest.fixture(scope="module")
def long_bases(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return make_bases(tmp_path_factory.mktemp("long"), max_tokens=2048)


@pytest.fixture
def project(long_bases: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    copytree(ROOT / "conf", tmp_path / "conf")
    for name, base in zip(("router", "router_peer"), long_bases, strict=True):
        copytree(base, tmp_path / "models/bases" / name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    return tmp_path


@pytest.fixture
def server(project: Path) -> Iterator[Judging]:
    served = Judging(project, "router")
    with served:
        yield served


def collect_answered(count: int = 20) -> None:
    """Of each real task so many problems with a recorded answer: 16 to train on, two for calibration, two to test. The stage collect
    looks through all of them for copies, which takes longer."""
    lines = (json.loads(line) for file in (SHARED / "recorded").glob("*.jsonl") for line in file.read_text().splitlines())
    answered = {str(line["problem_id"]) for line in lines}
    parts: dict[str, list[Problem]] = {"train": [], "validation": [], "test": []}
    for name in REAL:
        member = task(name)
        every = (
            problem
            for split in ("train", "test")
            for problem in member.load(split, member.Params(held_out=0.5, validation=0), SHARED / "hub", 0)
        )
        for place, problem in enumerate(islice((problem for problem in every if problem.id in answered), count)):
            split = "train" if place < count - 4 else "validation" if place < count - 2 else "test"
            parts[split].append(msgspec.structs.replace(problem, split=split))
    write(Path("data/router/train.jsonl"), parts["train"])
    write(Path("data/validation/router.jsonl"), parts["validation"])
    write(Path("data/held_out/router.jsonl"), parts["test"])


def run(folder: Path, tasks: str, *flags: str, collect: Callable[[], None] | None = None) -> list[Chat]:
    """The paths of the pair, once its students are trained."""
    smaller = ("~systems.router.collect.tasks", f"+systems.router.collect.tasks={{{tasks}}}", *SMALL)
    compose_and_dump(str(folder / "params.yaml"), str(folder / "conf"), None, "config", str(folder), [*smaller, *flags])
    (collect or (lambda: import_module("stages.collect").main("router")))()
    for stage in ("prompt", "respond", "grade", "judge", "filter"):
        import_module(f"stages.{stage}").main("router")
    for stage in ("format_pair", "train_pair"):
        import_module(f"stages.{stage}").main("router_pair")
    for name in ("first", "second", "router"):
        assert list(Path("models/students/router/router_pair", name).glob("*.safetensors"))
    routes = list(read(Path("data/router/pair_logs/router_pair/routes.jsonl"), RouteRow))
    assert len(routes) == 3 * 6 * 2 and "style" in Path("metrics/router_pair_train/rates.csv").read_text()
    assert json.loads(Path(".athanor/timings.jsonl").read_text())["stage"] == "train_pair"
    return list(read(Path("data/router/pair_chats/router_pair.jsonl"), Chat))


@pytest.mark.parametrize("judged", [False, True])
def test_the_answers_of_a_server_are_learnt_and_a_judge_leaves_some_out(judged: bool, server: Judging, project: Path) -> None:
    tasks = ",".join(f"{name}:{{train:14,validation:4,test:2,{more}}}".replace(",}", "}") for name, more in TASKS.items())
    teacher = "systems.router.respond.teacher"
    flags = ["teacher=openai", f"{teacher}.base_url={server.url}", f"{teacher}.model=m", f"{teacher}.api_key_env=null"]
    flags.append(f"{teacher}.max_usd=null")  # the server's model has no price
    if judged:
        ask = "systems.router.judge.ask"
        flags += ["+judge=router", f"{ask}.base_url={server.url}", f"{ask}.api_key_env=null", f"{ask}.max_usd=null"]
    chats = run(project, tasks, *flags)
    right = [trace for trace in read(Path("data/router/traces.jsonl"), Trace) if trace.grades["answer"] == 1.0]
    kept = list(read(Path("data/router/kept.jsonl"), Trace))
    assert {chat.style for chat in chats} == set(STYLES)
    if judged:
        assert server.verdicts == len(right) and len(kept) == len(right) // 3
    else:
        assert len(kept) == len(right)


@pytest.mark.skipif(not (SHARED / "recorded").is_dir(), reason="no ../shared/recorded")
def test_real_rows_with_recorded_answers_go_through_a_pair(project: Path) -> None:
    tasks = ",".join(f"{name}:{{}}" for name in REAL)
    standing = ",".join(f"{style}:[{names}]" for style, names in STAND_FOR.items())
    chats = run(
        project,
        tasks,
        "teacher=recorded",
        f"systems.router.respond.root={SHARED}/recorded",
        f"+systems.router.respond.teacher.stand_for={{{standing}}}",
        "+systems.router.respond.teacher.escaped=[text-davinci-002/few_shot_cot]",
        "pairs.router_pair.format.sample=null",
        collect=collect_answered,
    )
    counts = Counter(str(chat.task) for chat in chats)
    assert set(counts) == set(REAL) and min(counts.values()) >= 4
    assert {chat.style for chat in chats} == set(STYLES)
