"""The history as git knows it: experiments of DVC, and which of them holds the current student."""

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ruamel.yaml import YAML

from stages.shared.errors import BadInput

NONE = "0" * 40  # git's word for a reference that is not there


class GitFailed(Exception):
    """git refused; the message is git's."""


class Experiment(NamedTuple):
    """An experiment of DVC."""

    name: str
    commit: str
    reference: str


def git(folder: Path, *arguments: str) -> str:
    """What a git command prints; raises GitFailed with git's words."""
    done = subprocess.run(
        ["git", *arguments], cwd=folder, capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    if done.returncode:
        raise GitFailed(f"git {arguments[0]}: {done.stderr.strip() or done.returncode}")
    return done.stdout.strip()


def current_reference(system: str) -> str:
    """The reference that names the commit of the current student."""
    return f"refs/athanor/{system}/current"


def current(root: Path, system: str) -> str | None:
    """The commit that holds the current student; None before the first job."""
    try:
        return git(root, "rev-parse", "--verify", "--quiet", current_reference(system)) or None
    except GitFailed:
        return None


def set_current(root: Path, system: str, commit: str | None, before: str | None, why: str) -> bool:
    """Makes `commit` the current student (None: the student as params made it), if it is `before` until now;
    False where another one is."""
    reference = current_reference(system)
    if current(root, system) == commit:
        return True
    try:
        if commit is None:
            git(root, "update-ref", "-m", why, "-d", reference, before or NONE)
        else:
            git(root, "update-ref", "-m", why, "--create-reflog", reference, commit, before or NONE)
    except GitFailed:
        if current(root, system) != before:
            return False
        raise
    return True


def unlock(root: Path, reference: str) -> None:
    """Removes the lock of a reference that a git which was killed left behind; only the daemon of a system
    and its rollback write the reference."""
    folder = Path(git(root, "rev-parse", "--path-format=absolute", "--git-common-dir"))
    (folder / f"{reference}.lock").unlink(missing_ok=True)


def experiments(root: Path) -> list[Experiment]:
    """All experiments of DVC in a repository, the oldest first."""
    lines = git(root, "for-each-ref", "--sort=creatordate", "--format=%(refname) %(objectname)", "refs/exps")
    listed = []
    for line in lines.splitlines():
        reference, commit = line.split()
        parts = reference.split("/")
        if len(parts) == 5:  # refs/exps/ab/cdef.../name; others are DVC's own
            listed.append(Experiment(parts[-1], commit, reference))
    return listed


def named(root: Path, name: str) -> Experiment | None:
    """The newest experiment called `name`, or whose commit `name` is."""
    matching = [each for each in experiments(root) if name in (each.name, each.commit)]
    return matching[-1] if matching else None


def lock_at(root: Path, commit: str) -> dict[str, Any]:
    """The stages in dvc.lock as a commit has it."""
    try:
        text = git(root, "show", f"{commit}:dvc.lock")
    except GitFailed:
        return {}
    document = YAML(typ="safe").load(text)
    stages: dict[str, Any] = (document or {}).get("stages") or {}
    return stages


def out_at(root: Path, commit: str, stage: str, path: str) -> Mapping[str, Any]:
    """The entry of dvc.lock for what a stage wrote; raises BadInput where the commit has none."""
    stages = lock_at(root, commit)
    for out in (stages.get(stage) or {}).get("outs") or []:
        if out.get("path") == path:
            entry: Mapping[str, Any] = out
            return entry
    raise BadInput(
        f"dvc.lock of commit {commit[:10]} has no {path} of the stage {stage}; "
        f"run `dvc repro {stage}` and commit dvc.lock"
    )
