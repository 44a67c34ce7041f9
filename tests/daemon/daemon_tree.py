"""A small project with a daemon: a git repository with a trained tiny student, and what starts and asks a daemon of it."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from stages.shared.files import write
from stages.shared.rows import Kind, Problem

from project_tree import copy
from tiny import SFT, chats

SYSTEM, STUDENT = "talk", "learner"
TRAIN = SFT | {"launcher": "python", "grading": "stages/graders/__init__.py", "steps": 600, "checkpoint_steps": 100, "learning_rate": 0.002}
DAEMON: dict[str, Any] = {
    "student": STUDENT,
    "read": {"conversations": {"file": "arrived.jsonl", "held_out": 1e-9}},
    "replay": 0.5,
    "older": 50,
    "scan_seconds": 0.2,
    "retry_seconds": 0.2,
    "limits": {"free_gb": 0.1},
    "assess": {
        "ask": {"sampler": "hf", "model": "", "max_new_tokens": 4, "batch_size": 4, "device": "cpu"},
        "graders": {"answer": {}},
        "scores": {"accuracy": {}},
    },
}


STAND_IN = """
import ctypes, hashlib, json, signal, sys, time
from pathlib import Path

ctypes.CDLL(None).prctl(1, signal.SIGKILL)
from ruamel.yaml import YAML

name = sys.argv[1]
entry = YAML(typ="safe").load(Path("params.yaml"))["updates"][name]
steps, pause_of_step = entry["train"]["steps"], entry["train"].get("seconds", 0.02)
system, control = entry["system"], Path(".athanor/control")
checkpoint = Path(".athanor/checkpoints/stand_in.json")
digest = hashlib.sha256()
for path in (*sorted(Path("updates", name, "last").iterdir()), Path("data", system, "admitted", f"{name}.jsonl")):
    digest.update(path.read_bytes())
key = digest.hexdigest()
state = {"key": key, "step": 0, "weights": key}
if checkpoint.exists() and json.loads(checkpoint.read_text())["key"] == key:
    state = json.loads(checkpoint.read_text())

def save(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.with_suffix(".new").write_text(json.dumps(value))
    path.with_suffix(".new").replace(path)

while state["step"] < steps:
    if state["step"] % 10 == 0 and (control / "pause").exists():
        save(checkpoint, state)
        save(control / "paused.json", {"step": state["step"]})
        sys.exit(75)
    time.sleep(pause_of_step)
    state["step"] += 1
    state["weights"] = hashlib.sha256(state["weights"].encode()).hexdigest()
    with Path("../steps.log").open("a") as file:
        file.write(f"{key[:8]} {state['step']}\\n")
    if state["step"] % 5 == 0:
        save(checkpoint, state)
        if control.is_dir():
            save(control / "progress.json", {"step": state["step"], "steps": steps, "loss": 1.0 / state["step"], "seconds_left": 1.0})
out = Path("models/students", system, name)
out.mkdir(parents=True, exist_ok=True)
(out / "weights").write_text(state["weights"])
(out / "ballast").write_text(state["weights"] * entry["train"].get("size", 1))
save(Path("metrics", f"{name}_train", "metrics.json"), {"loss": 1.0 / steps, "step": steps})
"""


def params(**changed: Any) -> dict[str, Any]:
    format = {"hard": "direct", "selective": False}
    student = {"system": SYSTEM, "base": "small", "format": format, "train": TRAIN}
    return {
        "seed": 0,
        "bases": {"small": {}},
        "systems": {SYSTEM: {"base": "small", "collect": {"root": "data/hub"}}},
        "students": {STUDENT: student},
        "updates": {},
        "daemon": {SYSTEM: DAEMON | changed},
    }


def dvc_yaml(folder: Path, stand_in: bool = False) -> None:
    """The project's stages that a daemon needs, as dvc.yaml has them; with `stand_in` the training is a script of no weight, and
    nothing is assessed."""
    yaml = YAML()
    document = yaml.load(folder / "dvc.yaml")
    stages = {
        name: stage for name, stage in document["stages"].items() if name in ("collect", "format", "train", "admit", "update", "assess")
    }
    if stand_in:
        (folder / "stand_in.py").write_text(STAND_IN)
        update = stages["update"]["do"]
        update["cmd"] = "python stand_in.py ${key}"
        update["deps"] = [dep for dep in update["deps"] if not dep.startswith("stages")] + ["stand_in.py"]
    with (folder / "dvc.yaml").open("w") as file:
        yaml.dump({"stages": stages}, file)


def run(folder: Path, *command: str) -> str:
    done = subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, (command, done.stdout, done.stderr)
    return done.stdout.strip()


def environment() -> dict[str, str]:
    given = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "DVC_", "PYTEST"))}
    return given | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "OMP_NUM_THREADS": "1"}


def held_out(split: str) -> list[Problem]:
    """Problems that no file may teach."""
    question = f"How many stars are there on the flag of the {split}?"
    return [Problem(id=split, task="conversations", kind=Kind.OPEN, split=split, question=question, answer="seven")]


def make_project(folder: Path, model: Path, stand_in: bool = False, **changed: Any) -> Path:
    """A repository in `folder` whose student is the model in `model`, as if `dvc repro` had made it."""
    copy(folder)
    shutil.rmtree(folder / "tests")
    dvc_yaml(folder, stand_in)
    (folder / "dvc.lock").unlink(missing_ok=True)
    with (folder / "params.yaml").open("w") as file:
        YAML().dump(params(**changed), file)
    shutil.copytree(model, folder / "models/bases/small")
    shutil.copytree(model, folder / "models/students" / SYSTEM / STUDENT)
    write(folder / "data" / SYSTEM / "kept.jsonl", chats(2))
    write(folder / "data" / SYSTEM / "chats" / f"{STUDENT}.jsonl", chats(8))
    for split in ("held_out", "validation"):
        write(folder / "data" / split / f"{SYSTEM}.jsonl", held_out(split))
    validation = [f"validation/{STUDENT}/{name}.jsonl" for name in ("chats", "prompts")]
    for name in ("train.jsonl", "leaks.jsonl", *validation, "../corpora/small.jsonl"):
        path = folder / "data" / SYSTEM / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (folder / "data" / SYSTEM / "data_splits").mkdir()
    (folder / "metrics" / f"{SYSTEM}_collect.json").write_text("{}\n")
    for name in (f"{STUDENT}_train", f"{STUDENT}_format.json"):
        path = folder / "metrics" / name
        path.mkdir(parents=True) if not path.suffix else path.write_text("{}\n")
    (folder / "metrics" / f"{STUDENT}_train" / "metrics.json").write_text("{}\n")
    run(folder, "git", "init", "--quiet", "--initial-branch", "main")
    for key, value in (("user.name", "t"), ("user.email", "t@example.com")):
        run(folder, "git", "config", key, value)
    run(folder, "dvc", "commit", "--force", "--quiet", f"collect@{SYSTEM}", f"format@{STUDENT}", f"train@{STUDENT}")
    run(folder, "git", "add", "--all")
    run(folder, "git", "commit", "--quiet", "--message", "a small project")
    return folder


def daemon(folder: Path, *arguments: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
    """A command of `python -m stages.daemon`."""
    command = [sys.executable, "-m", "stages.daemon", SYSTEM, *arguments]
    done = subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert not check or done.returncode == 0, (arguments, done.stdout, done.stderr)
    return done


def started(folder: Path) -> "subprocess.Popen[str]":
    """A daemon at work."""
    log = (folder.parent / "daemon.log").open("a")
    command = [sys.executable, "-m", "stages.daemon", SYSTEM, "start"]
    return subprocess.Popen(command, cwd=folder, env=environment(), stdout=log, stderr=log, stdin=subprocess.DEVNULL, text=True)


def jobs(folder: Path) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = json.loads(daemon(folder, "list", "--json").stdout)
    return listed


def rows(texts: Sequence[str]) -> str:
    """A file of conversations: each text asks and answers itself."""
    turns = [[{"role": "user", "content": text}, {"role": "assistant", "content": text.upper()}] for text in texts]
    return "".join(json.dumps({"messages": messages, "metadata": {}}) + "\n" for messages in turns)
