"""Which students' weights are kept, and how those of the others are deleted from DVC's cache.

An experiment stays in the history whatever becomes of its weights: its params, metrics and data are kept.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from ruamel.yaml import YAML

from stages.daemon import experiments
from stages.daemon.control import note
from stages.daemon.experiments import git
from stages.daemon.places import Places, put_json, read_json
from stages.daemon.section import Daemon, Retention
from stages.shared.errors import BadInput

GB = 10**9


class Weights(NamedTuple):
    """The weights of one experiment. `day` is the day on which it was kept, `size` in bytes, `start` the
    commit of the experiment that its training started from."""

    name: str
    commit: str
    day: str
    size: int
    start: str | None = None


def chosen(weights: Sequence[Weights], kept: Iterable[str], params: Retention) -> list[Weights]:
    """The weights to drop, of `weights`, both from the oldest to the newest. `kept` are commits that always
    stay; they count towards the size of the newest.

    An experiment that stays needs the weights that its training started from: `dvc exp apply` fetches them.
    So these stay too, and their size counts with its own.
    """
    always, newest, daily = set(kept), params.newest_gb * GB, params.daily_gb * GB
    sizes = {each.commit: each.size for each in weights}
    stay, days, full = set[str](), set[str](), False
    for each in reversed(weights):
        needed = {commit for commit in (each.commit, each.start) if commit in sizes and commit not in stay}
        size = sum(sizes[commit] for commit in needed if commit)
        if not full and (size <= newest or each.commit in always):
            newest -= size
            stay |= needed
            continue
        full = True
        last_of_day = each.day not in days
        days.add(each.day)
        if each.commit in always:
            stay |= needed
        elif last_of_day and size <= daily:
            daily -= size
            stay |= needed
    return [each for each in weights if each.commit not in stay]


def plan(places: Places, section: Daemon) -> list[Weights]:
    """What would be deleted now, the oldest first."""
    root, gone = places.root, set(dropped(places))
    ours = read_json(places.home / "kept.json") or {}
    there = {each.name: each.commit for each in experiments.experiments(root)}
    # in the order in which they were kept: a clock that was set back would make the newest the oldest
    weights = [
        Weights(name, said["commit"], said["day"], said["bytes"], said.get("start"))
        for name, said in ours.items()
        if there.get(name) == said["commit"] and said["commit"] not in gone
    ]
    stand = set(there.values()) | (always := _always(root, places.system))
    others = stand - gone - {each.commit for each in weights}  # renamed, or a branch's alone
    starts = {said["start"] for said in ours.values() if said["commit"] in others and said.get("start")}
    return chosen(weights, always | starts, section.retention)


def _model(root: Path, commit: str, system: str, student: str) -> dict[str, Any]:
    return dict(experiments.out_at(root, commit, f"update@{student}", f"models/students/{system}/{student}"))


def _always(root: Path, system: str) -> set[str]:
    """The commits whose weights stay: the current one and those that a branch or a tag names."""
    current = experiments.current(root, system)
    named = git(root, "for-each-ref", "--format=%(objectname) %(*objectname)", "refs/heads", "refs/tags")
    return {*named.split(), *([current] if current else [])}


def dropped(places: Places) -> list[str]:
    """The commits whose weights were deleted."""
    value = read_json(places.home / "dropped.json")
    return list(value) if isinstance(value, list) else []


def register(places: Places, name: str, commit: str, size: int, start: str | None) -> None:
    """Remembers an experiment as the daemon's own: `size` is that of its weights in bytes, `start` the commit
    of the experiment that its training started from. One that a person renames is a named one from then
    on."""
    ours = read_json(places.home / "kept.json") or {}
    day = datetime.now(UTC).strftime("%Y-%m-%d")
    entry = {"commit": commit, "bytes": size, "day": day, "start": start}
    put_json(places.home / "kept.json", {**ours, name: entry})


def drop(places: Places, section: Daemon) -> list[Weights]:
    """Deletes what `plan` lists, but for weights that something else reads; returns what was deleted.

    The list is on disk before anything is deleted, and experiments count as dropped from then on, so a kill
    leaves no experiment of which it is believed that its weights are whole. The next call finishes what is
    left.
    """
    victims = plan(places, section)
    waiting = read_json(places.home / "dropping.json") or []
    if not victims and not waiting:
        return []
    commits = list(dict.fromkeys([*waiting, *(each.commit for each in victims)]))
    put_json(places.home / "dropping.json", commits)
    gone = dropped(places)
    put_json(places.home / "dropped.json", [*gone, *(commit for commit in commits if commit not in gone)])
    still_used = _delete(places, section, commits)
    put_json(places.home / "dropped.json", [each for each in dropped(places) if each not in still_used])
    (places.home / "dropping.json").unlink()
    victims = [each for each in victims if each.commit not in still_used]
    for each in victims:
        note(places, "drop", experiment=each.name, bytes=each.size)
    return victims


def _delete(places: Places, section: Daemon, commits: Sequence[str]) -> set[str]:
    """Deletes the weights of commits from the cache; returns the commits whose weights something else
    reads."""
    used, cache, still_used = _used(places, section), _cache(places), set()
    for commit in commits:
        try:
            model = _model(places.root, commit, places.system, section.student)
        except BadInput:  # the commit is gone: git names what it held no longer
            continue
        if model["md5"] in used:
            still_used.add(commit)
            continue
        # the list of a folder's files goes last: after a kill the next call reads there which are left
        for digest in sorted(_objects(cache, model) - used, key=lambda each: each.endswith(".dir")):
            _at(cache, digest).unlink(missing_ok=True)
    return still_used


def _used(places: Places, section: Daemon) -> set[str]:
    """The objects that something else needs: what the stages of a commit read and wrote, of every branch,
    tag, and experiment whose weights are not dropped, and of both working trees."""
    root, cache, gone = places.root, _cache(places), set(dropped(places))
    commits = {git(root, "rev-parse", "HEAD"), *_always(root, places.system)}
    commits |= {each.commit for each in experiments.experiments(root)} - gone
    ours = (read_json(places.home / "kept.json") or {}).values()
    starts = {entry["commit"]: entry.get("start") for entry in ours}
    files: list[Any] = []
    for commit in commits - gone:
        # what stays because another experiment started from it may itself have started from dropped weights
        kinds = ("outs",) if starts.get(commit) in gone else ("deps", "outs")
        files += _files(experiments.lock_at(root, commit), *kinds)
    for lock in (root / "dvc.lock", places.work / "dvc.lock"):
        if lock.is_file():
            content = YAML(typ="safe").load(lock) or {}
            files += _files(content.get("stages") or {}, "deps", "outs")
    return {digest for file in files for digest in _objects(cache, file)}


def _files(stages: Mapping[str, Any], *kinds: str) -> list[Any]:
    """The entries of the stages of a dvc.lock."""
    return [file for stage in stages.values() for kind in kinds for file in stage.get(kind) or []]


def _objects(cache: Path, out: dict[str, Any] | Any) -> set[str]:
    """The hashes of an out: of a folder its own and those of its files."""
    digest = out.get("md5")
    if not digest:
        return set()
    if not digest.endswith(".dir"):
        return {digest}
    listed = read_json(_at(cache, digest))
    return {digest, *(entry["md5"] for entry in listed or [])}


def _at(cache: Path, digest: str) -> Path:
    return cache / "files" / "md5" / digest[:2] / digest[2:]


def _cache(places: Places) -> Path:
    """DVC's cache, as the copy of the repository names it."""
    from configparser import ConfigParser

    config = ConfigParser()
    config.read(places.work / ".dvc" / "config.local")
    return Path(config.get("cache", "dir", fallback=str(places.root / ".dvc" / "cache")))


def has_weights(places: Places, section: Daemon, commit: str) -> bool:
    """Whether every file of an experiment's weights lies in the cache, and is to stay there."""
    if commit in dropped(places):
        return False
    cache = _cache(places)
    digest = str(_model(places.root, commit, places.system, section.student)["md5"])
    return all(_at(cache, each).is_file() for each in _objects(cache, {"md5": digest}))


def snapshot(places: Places, section: Daemon) -> Path | None:
    """Once a day: a copy of the queue and the name of the current student, in `snapshots/`. Returns the new
    folder, or None where today's is there."""
    import sqlite3

    folder = places.folder("snapshots") / datetime.now(UTC).strftime("%Y-%m-%d")
    if folder.exists():
        return None
    partial = folder.with_name(folder.name + ".partial")
    partial.mkdir(exist_ok=True)
    database = places.home / "queue.sqlite"
    if database.is_file() and section.database is None:
        source, target = sqlite3.connect(database), sqlite3.connect(partial / "queue.sqlite")
        with source, target:
            source.backup(target)
        source.close()
        target.close()
    commit = experiments.current(places.root, places.system)
    put_json(partial / "current.json", {"commit": commit, "dropped": json.loads(json.dumps(dropped(places)))})
    partial.rename(folder)
    return folder
