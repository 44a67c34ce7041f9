"""The copy of the repository in which a job's stages run: a git clone that shares git's objects and DVC's
cache with the repository."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stages.daemon.experiments import GitFailed, git
from stages.daemon.places import Places, put_json, read_json


def ready(places: Places, job: Mapping[str, Any], base: str) -> None:
    """Makes the copy hold the commit `base` and nothing of another job."""
    _clone(places)
    try:
        _clean(places, job, base)
    except GitFailed:  # `git gc` in the repository may have taken objects that the copy shares
        shutil.rmtree(places.work)
        _clone(places)
        _clean(places, job, base)


def unlock(places: Places) -> None:
    """Removes the locks of processes that were killed in the copy, where nothing else runs."""
    for lock in (
        ".git/index.lock",
        ".git/HEAD.lock",
        ".dvc/tmp/lock",
        ".dvc/tmp/rwlock",
        ".dvc/tmp/rwlock.lock",
    ):
        (places.work / lock).unlink(missing_ok=True)


def _clone(places: Places) -> None:
    """Makes the copy where there is none that is whole."""
    work, root = places.work, places.root.resolve()
    whole = work / ".dvc" / "config.local"
    if whole.is_file():
        return
    shutil.rmtree(work, ignore_errors=True)
    git(root, "clone", "--quiet", "--shared", "--no-checkout", str(root), str(work.resolve()))
    for key, value in (("user.name", "athanor daemon"), ("user.email", "daemon@localhost")):
        git(work, "config", key, _config(root, key) or value)
    whole.parent.mkdir(parents=True, exist_ok=True)
    cache = _cache(root)
    partial = whole.with_name(whole.name + ".partial")
    partial.write_text(f'[cache]\n    dir = {cache}\n    type = "reflink,hardlink,symlink"\n')
    partial.replace(whole)


def _clean(places: Places, job: Mapping[str, Any], base: str) -> None:
    """The commit, without what an earlier job or a killed process left; checkpoints of this job stay."""
    work = places.work
    owner = work / ".athanor" / "job.json"
    if read_json(owner) != job["id"]:
        shutil.rmtree(work / ".athanor", ignore_errors=True)
        put_json(owner, job["id"])
    git(work, "checkout", "--quiet", "--force", "--detach", base)
    git(work, "clean", "-fdq")


def _config(root: Path, key: str) -> str:
    try:
        return git(root, "config", key)
    except GitFailed:
        return ""


def _cache(root: Path) -> Path:
    """The folder of DVC's cache."""
    from dvc.repo import Repo

    with Repo(str(root)) as repo:
        return Path(repo.cache.local_cache_dir)
