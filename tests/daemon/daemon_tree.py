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

from project_tree import copy
from tiny import SFT, chats

SYSTEM, STUDENT = "talk", "learner"
TRAIN = SFT | {"launcher": "python", "steps": 20, "checkpoint_steps": 10, "learning_rate": 0.02}
DAEMON: dict[str, Any] = {
    "student": STUDENT,
    "replay": 0.5,
    "older": 50,
    "scan_seconds": 0.2,
    "retry_seconds": 0.2,
    "limits": {"free_gb": 0.1},
}


def params(**changed: Any) -> dict[str, Any]:
    student = {"system": SYSTEM, "base": "small", "format": {"hard": "direct"}, "train": TRAIN}
    return {
        "seed": 0,
        "bases": {"small": {}},
        "systems": {SYSTEM: {"base": "small"}},
        "students": {STUDENT: student},
        "updates": {},
        "daemon": {SYSTEM: DAEMON | changed},
    }


def dvc_yaml(folder: Path) -> None:
    """The project's stages that a daemon needs, as dvc.yaml has them."""
    yaml = YAML()
    document = yaml.load(folder / "dvc.yaml")
    stages = {name: stage for name, stage in document["stages"].items() if name in ("format", "train", "admit", "update")}
    with (folder / "dvc.yaml").open("w") as file:
        yaml.dump({"stages": stages}, file)


def run(folder: Path, *command: str) -> str:
    done = subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, (command, done.stdout, done.stderr)
    return done.stdout.strip()


def environment() -> dict[str, str]:
    given = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "DVC_", "PYTEST"))}
    return given | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "OMP_NUM_THREADS": "1"}


def make_project(folder: Path, model: Path, **changed: Any) -> Path:
    """A repository in `folder` whose student is the model in `model`, as if `dvc repro` had made it."""
    copy(folder)
    shutil.rmtree(folder / "tests")
    dvc_yaml(folder)
    (folder / "dvc.lock").unlink(missing_ok=True)
    with (folder / "params.yaml").open("w") as file:
        YAML().dump(params(**changed), file)
    shutil.copytree(model, folder / "models/bases/small")
    shutil.copytree(model, folder / "models/students" / SYSTEM / STUDENT)
    write(folder / "data" / SYSTEM / "kept.jsonl", chats(2))
    write(folder / "data" / SYSTEM / "chats" / f"{STUDENT}.jsonl", chats(8))
    for name in (f"{STUDENT}_train", f"{STUDENT}_format.json"):
        path = folder / "metrics" / name
        path.mkdir(parents=True) if not path.suffix else path.write_text("{}\n")
    (folder / "metrics" / f"{STUDENT}_train" / "metrics.json").write_text("{}\n")
    run(folder, "git", "init", "--quiet", "--initial-branch", "main")
    for key, value in (("user.name", "t"), ("user.email", "t@example.com")):
        run(folder, "git", "config", key, value)
    run(folder, "dvc", "commit", "--force", "--quiet", f"format@{STUDENT}", f"train@{STUDENT}")
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
    found: list[dict[str, Any]] = json.loads(daemon(folder, "list", "--json").stdout)
    return found


def rows(texts: Sequence[str]) -> str:
    """A file of conversations: each text asks and answers itself."""
    turns = [[{"role": "user", "content": text}, {"role": "assistant", "content": text.upper()}] for text in texts]
    return "".join(json.dumps({"messages": messages, "metadata": {}}) + "\n" for messages in turns)
