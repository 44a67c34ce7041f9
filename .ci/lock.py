"""Whether the committed dvc.lock was made by the code and the params that lie here.

    python .ci/lock.py

What stages write may come out differently on another machine. What they were made from may not: each stage's
command, params, code and other inputs that no stage writes. Says each difference in a line and exits with 1
where there is any.
"""

import subprocess
import sys
from collections.abc import Collection, Iterator
from typing import Any

from dvc.dependency import ParamsDependency
from dvc.repo import Repo
from ruamel.yaml import YAML

Facts = dict[str, Any]  # "stage: what" -> its hash or value


def is_made(dep: str, outs: Collection[str]) -> bool:
    """Whether stages write `dep`: it is one of their outs, or a folder that holds some."""
    return dep in outs or any(out.startswith(f"{dep}/") for out in outs)


def recorded(lock: str) -> Facts:
    """The facts that the text of a dvc.lock holds."""
    stages = YAML(typ="safe", pure=True).load(lock)["stages"]
    made = {out["path"] for stage in stages.values() for out in stage.get("outs", [])}
    facts: Facts = {}
    for name, stage in stages.items():
        facts[f"{name}: cmd"] = stage["cmd"]
        facts |= {
            f"{name}: {dep['path']}": dep["md5"]
            for dep in stage.get("deps", [])
            if not is_made(dep["path"], made)
        }
        for file, values in stage.get("params", {}).items():
            facts |= {f"{name}: {file}:{key}": value for key, value in values.items()}
    return facts


def current() -> Facts:
    """The same facts, as DVC finds them in the tree."""
    with Repo() as repo:
        made = {out.def_path for stage in repo.index.stages for out in stage.outs}
        facts: Facts = {}
        for stage in repo.index.stages:
            facts[f"{stage.addressing}: cmd"] = stage.cmd
            for dep in stage.deps:
                if isinstance(dep, ParamsDependency):
                    facts |= {
                        f"{stage.addressing}: {dep.def_path}:{key}": value
                        for key, value in dep.read_params().items()
                    }
                elif not is_made(dep.def_path, made):
                    facts[f"{stage.addressing}: {dep.def_path}"] = dep.get_hash().value
        return facts


def differences(then: Facts, now: Facts) -> Iterator[str]:
    """A line for each fact that is not the same, or on one side only."""
    for name in sorted(then.keys() | now.keys()):
        if name not in then:
            yield f"{name} is not recorded"
        elif name not in now:
            yield f"{name} is recorded, but no longer there"
        elif then[name] != now[name]:
            yield f"{name} was {then[name]!r} and is {now[name]!r}"


def main() -> None:
    """Prints the verdict."""
    lock = subprocess.run(["git", "show", "HEAD:dvc.lock"], capture_output=True, text=True, check=False)
    if lock.returncode:
        sys.exit(f"dvc.lock is not committed: {lock.stderr.strip()}")
    then = recorded(lock.stdout)
    if lines := list(differences(then, current())):
        sys.exit(
            "the committed dvc.lock was not made by this code and these params; "
            "run `make repro` and commit it:\n" + "\n".join(lines)
        )
    print(f"all {len(then)} commands, params, code and other inputs in the committed dvc.lock are the tree's")


if __name__ == "__main__":
    main()
