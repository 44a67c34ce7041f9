"""`stages.collect` from params to files, and that bad input is one line and overwrites nothing."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from stages.shared.errors import BadInput
from stages.shared.files import read
from stages.shared.rows import Problem
from stages.tasks.splitting.decontaminate import Leak

from hubs import SHARED, gsm8k, needs_shared, write_hub
from stages import collect

REPOSITORY = Path(__file__).resolve().parents[2]
OUTS = ["data/held_out/s.jsonl", "data/s/train.jsonl", "data/s/leaks.jsonl", "metrics/s_collect.json", "data/validation/s.jsonl"]
DUCKS = "Janet's ducks lay 16 eggs per day and she eats 3 of them. How many eggs does she sell at the market every day?"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty project with a small GSM8K: 3 test rows (one twice) and 5 train rows (one exact leak, one near, one repeat)."""
    test = [gsm8k(DUCKS, "#### 13"), gsm8k("What is 2 + 2?", "#### 4"), gsm8k("what is 2 + 2", "#### 4")]
    train = ["What is 5 + 5?", DUCKS.upper(), DUCKS.replace("every", "each"), "what is 5 + 5", DUCKS.replace("16", "12")]
    rows = {"test": test, "train": [gsm8k(question, "#### 9") for question in train]}
    write_hub(tmp_path / "hub/openai/gsm8k", {"main": rows})
    monkeypatch.chdir(tmp_path)
    yield tmp_path


def params(project: Path, tasks: dict[str, Any], **section: Any) -> None:
    collected = {"root": "hub", "near": 0.8, "tasks": tasks} | section
    Path("params.yaml").write_text(json.dumps({"seed": 0, "systems": {"s": {"collect": collected}}}))


def test_collect(project: Path) -> None:
    params(project, {"gsm8k": {}})
    collect.main("s")
    assert [problem.id for problem in read(Path(OUTS[0]), Problem)] == ["gsm8k-test-0", "gsm8k-test-1"]
    assert [problem.id for problem in read(Path(OUTS[1]), Problem)] == ["gsm8k-train-0", "gsm8k-train-4"]
    assert [(leak.id, leak.kind, leak.leaks_from, leak.leaks_from_question) for leak in read(Path(OUTS[2]), Leak)] == [
        ("gsm8k-test-2", "repeat", "gsm8k-test-1", None),
        ("gsm8k-train-1", "exact", "gsm8k-test-0", DUCKS),
        ("gsm8k-train-2", "near", "gsm8k-test-0", DUCKS),
        ("gsm8k-train-3", "repeat", "gsm8k-train-0", None),
    ]
    assert json.loads(Path(OUTS[3]).read_text()) == {
        "test": 2,
        "test_dropped_repeat": 1,
        "test_gsm8k": 2,
        "train": 2,
        "train_dropped_exact": 1,
        "train_dropped_near": 1,
        "train_dropped_repeat": 1,
        "train_gsm8k": 2,
    }
    assert Path(OUTS[4]).read_bytes() == b""
    before = [Path(out).read_bytes() for out in OUTS]
    collect.main("s")
    assert [Path(out).read_bytes() for out in OUTS] == before


def test_validation_is_written_and_held_out(project: Path) -> None:
    """By a share of train: a train row that copies a validation row goes, as does a validation row that copies a test row."""
    lines = [{"id": f"m{n}", "question": f"What is {n} + 30?", "answer": str(n + 30), "split": "train"} for n in range(20)]
    lines += [{"id": "v0", "question": "What is 3 + 30?", "answer": "33", "split": "validation"}]
    lines += [{"id": "v1", "question": "what is 2 + 2", "answer": "4", "split": "validation"}]
    Path("hub/mine.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    params(project, {"gsm8k": {"train": 1}, "jsonl": {"file": "mine.jsonl"}})
    collect.main("s")
    assert [(problem.id, problem.split) for problem in read(Path(OUTS[4]), Problem)] == [("v0", "validation")]
    assert "m3" not in {problem.id for problem in read(Path(OUTS[1]), Problem)}
    leaks = {leak.id: (leak.split, leak.kind, leak.leaks_from) for leak in read(Path(OUTS[2]), Leak)}
    assert (leaks["m3"], leaks["v1"]) == (("train", "exact", "v0"), ("validation", "exact", "gsm8k-test-1"))
    metrics = json.loads(Path(OUTS[3]).read_text())
    assert {name: count for name, count in metrics.items() if "validation" in name} == {
        "validation": 1, "validation_dropped_exact": 1, "validation_dropped_near": 0, "validation_dropped_repeat": 0, "validation_jsonl": 1,
    }  # fmt: skip
    assert metrics["train_dropped_exact"] == 1
    with pytest.raises(BadInput, match="the file is empty; expected one Problem a line"):
        params(project, {"gsm8k": {}})
        collect.main("s")
        list(read(Path(OUTS[4]), Problem))


def test_a_task_set_to_null_is_left_out(project: Path) -> None:
    """So that a file of conf/ can inherit another and take a task out."""
    params(project, {"gsm8k": {}, "svamp": None, "competition_math": None})
    collect.main("s")
    assert {problem.task for problem in read(Path(OUTS[1]), Problem)} == {"gsm8k"}


def test_several_tasks_and_levels(project: Path) -> None:
    lines = [{"id": f"m{n}", "question": f"What is {n} + 30?", "answer": str(n + 30), "split": "train", "level": n % 2} for n in range(6)]
    Path("hub/mine.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    params(project, {"gsm8k": {"train": 1}, "jsonl": {"file": "mine.jsonl", "test": 0}})
    collect.main("s")
    metrics = json.loads(Path(OUTS[3]).read_text())
    assert (metrics["train"], metrics["train_gsm8k"], metrics["train_jsonl"], metrics["train_level_0"], metrics["train_level_1"]) == (
        7,
        1,
        6,
        3,
        3,
    )
    assert Path(OUTS[2]).exists()


LINE = {"id": "a", "question": "What is 1 + 1?", "answer": "2", "split": "test"}
TRAIN = {"id": "b", "question": "What is 7 + 1?", "answer": "8", "split": "train"}
MINE = {"jsonl": {"file": "mine.jsonl"}}
BAD = [
    # the lines of hub/mine.jsonl, the tasks, the rest of the section, the error
    ([], {"gsm9k": {}}, {}, r"s\.collect\.tasks: unknown task 'gsm9k' \(did you mean 'gsm8k'\?\); choose from: .*gsm8k, "),
    ([], {}, {}, r"collect\.tasks: expected a mapping with at least one task of: .*competition_math, .*gsm8k"),
    ([], {"gsm8k": None}, {}, r"collect\.tasks: expected a mapping with at least one task of: .*competition_math, .*gsm8k"),
    ([], {"gsm9k": None, "gsm8k": {}}, {}, r"s\.collect\.tasks: unknown task 'gsm9k'"),
    ([LINE, TRAIN, LINE | {"id": "c", "split": "validation"}], MINE, {}, r"no validation problem is left \(1 dropped as copies\)"),
    ([], {"gsm8k": {"tset": 1}}, {"near": 1.5, "rot": 1}, r"near: .* got 1\.5; .*rot: unknown key"),
    ([], {"gsm8k": {"tset": 1, "train": "2"}}, {}, r"tasks\.gsm8k\.train: .*got '2'; .*tasks\.gsm8k\.tset: unknown key"),
    ([], {"gsm8k": {}}, {"root": "nowhere"}, r"nowhere: missing hub root"),
    ([], {"svamp": {}}, {}, r"hub/ChilleD/SVAMP: no such directory, and the Hub did not give ChilleD/SVAMP at revision '5e0bf1e"),
    ([], {"gsm8k": {"train": 0}}, {}, r"no train problem is left \(0 dropped as copies\)"),
    ([], {"gsm8k": {"test": 0}}, {}, r"no test problem is left \(0 dropped as copies\)"),
    ([LINE, LINE | {"id": "b", "split": "train"}], MINE, {}, r"no train problem is left \(1 dropped as copies\)"),
    ([LINE | {"id": "gsm8k-test-0"}], {"gsm8k": {}} | MINE, {}, r"jsonl: test: duplicate id 'gsm8k-test-0'"),
    ([LINE, LINE | {"question": "What is 9?"}], MINE, {}, r"hub/mine\.jsonl:2: duplicate id 'a'"),
    ([LINE, TRAIN, TRAIN | {"id": "c", "answer": "ten"}], MINE, {}, r"mine\.jsonl:3: the gold answer does not parse as number, got 'ten'"),
    ([LINE, "{"], MINE, {}, r"hub/mine\.jsonl:2: malformed JSON"),
    ([], MINE, {}, r"hub/mine\.jsonl: the file is empty"),
]  # fmt: skip


@pytest.mark.parametrize(("lines", "tasks", "section", "message"), BAD)
def test_bad_input_overwrites_nothing(
    lines: list[Any], tasks: dict[str, Any], section: dict[str, Any], message: str, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(project / "cache"))
    Path("hub/mine.jsonl").write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines))
    params(project, tasks, **section)
    for out in OUTS:
        Path(out).parent.mkdir(parents=True, exist_ok=True)
        Path(out).write_text("what was there\n")
    with pytest.raises(BadInput, match=message) as error:
        collect.main("s")
    assert "\n" not in str(error.value)
    assert [Path(out).read_text() for out in OUTS] == ["what was there\n"] * 5
    assert not list(project.rglob("*.partial"))


def start(project: Path, before: str = "") -> subprocess.CompletedProcess[str]:
    """`python -m stages.collect s`, after the shell command `before`, in a fresh process that cannot reach the Hub."""
    env = os.environ | {"PYTHONPATH": str(REPOSITORY), "HF_HUB_OFFLINE": "1", "HF_HOME": str(project / "hf")}
    command = f"{before} exec '{sys.executable}' -m stages.collect s"
    return subprocess.run(["sh", "-c", command], cwd=project, env=env, capture_output=True, text=True)


def test_exit_status_and_one_line(project: Path) -> None:
    params(project, {"gsm8k": {}}, root="nowhere")
    ended = start(project)
    said = [line for line in ended.stderr.splitlines() if line and "row/s" not in line]  # the progress bar is not the message
    assert ended.returncode == 1 and len(said) == 1
    assert said[0].startswith("collect: nowhere: missing hub root")


def test_a_full_disk_overwrites_nothing(project: Path) -> None:
    """A limit on file sizes stands for the full disk: the small test file fits, train does not."""
    params(project, {"word_problems": {"train": 3000, "test": 3, "levels": [1, 1]}})
    for out in OUTS:
        Path(out).parent.mkdir(parents=True, exist_ok=True)
        Path(out).write_text("what was there\n")
    ended = start(project, "trap '' XFSZ; ulimit -f 64;")  # 64 blocks of 512 bytes; without the trap the signal would end the process
    assert ended.returncode == 1 and "train.jsonl: File too large" in ended.stderr.splitlines()[-1]
    assert "Traceback" not in ended.stderr
    assert [Path(out).read_text() for out in OUTS] == ["what was there\n"] * 5 and not list(project.rglob("*.partial"))


def test_collecting_real_rows_loads_no_torch(project: Path) -> None:
    params(project, {"gsm8k": {}})
    script = "import sys; from stages.collect import main; main('s'); print([m for m in ('torch', 'transformers') if m in sys.modules])"
    env = os.environ | {"PYTHONPATH": str(REPOSITORY), "HF_HOME": str(project / "hf")}
    ended = subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, text=True, check=True)
    assert ended.stdout == "[]\n"


@needs_shared
def test_offline_copies(project: Path) -> None:
    """GSM8K, SVAMP and MATH together: every row is kept or listed."""
    params(project, {"gsm8k": {}, "svamp": {}, "competition_math": {"held_out": 0.3}}, root=str(SHARED / "hub"))
    collect.main("s")
    metrics = json.loads(Path(OUTS[3]).read_text())
    kept = {name: count for name, count in metrics.items() if name.split("_", 1)[-1] in ("gsm8k", "svamp", "competition_math")}
    dropped = sum(count for name, count in metrics.items() if "_dropped_" in name)
    assert sum(kept.values()) == metrics["train"] + metrics["test"] and sum(kept.values()) + dropped == 1500 + 660 + 400 + 150 + 1050
    assert sum(1 for _ in read(Path(OUTS[2]), Leak)) == dropped
    assert (metrics["test_gsm8k"], metrics["test_svamp"], metrics["train_gsm8k"]) == (660, 150, 1500)
