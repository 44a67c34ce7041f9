"""Which weights are kept: the newest, then one a day, never the current ones nor those with a name of their own."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from stages.daemon import experiments, retention
from stages.daemon.places import Places, put_json
from stages.daemon.retention import Weights, chosen
from stages.daemon.section import Daemon, Retention

GB = 10**9
# from the oldest to the newest: commit, day; each of one gigabyte
AGES = [("a", "1"), ("b", "1"), ("c", "2"), ("d", "2"), ("e", "3"), ("f", "3"), ("g", "4"), ("h", "4")]
WEIGHTS = [Weights(commit, commit, day, GB) for commit, day in AGES]


@pytest.mark.parametrize(
    ("newest", "daily", "kept", "dropped"),
    [
        (100, 0, "h", ""),
        (8, 0, "h", ""),
        (2, 0, "h", "abcdef"),
        (2, 100, "h", "ace"),  # f, d and b are the last of their days
        (2, 1, "h", "abcde"),
        (3, 2, "h", "abc"),  # f is among the newest, so e is the last of day 3 among the others
        (0, 0, "h", "abcdefg"),
        (0, 0, "ah", "bcdefg"),
        (2, 100, "ch", "ae"),
        (0, 100, "h", "ace"),
        (0.5, 0, "", "abcdefgh"),
    ],
)
def test_what_is_dropped(newest: float, daily: float, kept: str, dropped: str) -> None:
    params = Retention(newest_gb=newest, daily_gb=daily)
    names = sorted(each.name for each in chosen(WEIGHTS, kept, params))
    assert "".join(names) == dropped


@pytest.mark.parametrize(
    ("newest", "daily", "kept", "dropped"),
    [
        (0, 0, "h", "abcdef"),
        (2, 0, "h", "abcdef"),
        (2.5, 0, "h", "abcdef"),
        (3, 0, "h", "abcde"),
        (0, 0, "ch", "adef"),
        (2, 100, "h", ""),  # f, d and b stay as the last of their days, e, c and a since those started from them
        (2, 2, "h", "abcd"),
        (2, 3, "h", "abcd"),
        (2, 1, "h", "abcde"),  # g is the last of day 4 beside the newest
    ],
)
def test_what_an_experiment_started_from_stays_with_it(newest: float, daily: float, kept: str, dropped: str) -> None:
    starts = [None, *(each.commit for each in WEIGHTS)]
    chain = [each._replace(start=start) for each, start in zip(WEIGHTS, starts, strict=False)]
    params = Retention(newest_gb=newest, daily_gb=daily)
    assert "".join(each.name for each in chosen(chain, kept, params)) == dropped


def test_nothing_is_dropped_of_nothing() -> None:
    assert chosen([], "", Retention(newest_gb=0, daily_gb=0)) == []


def git(root: Path, *arguments: str) -> str:
    user = ["-c", "user.name=t", "-c", "user.email=t@example.com"]
    return subprocess.run(["git", *user, *arguments], cwd=root, capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.parametrize(
    ("renamed", "gone", "dropped"),
    [
        ("", "", "ab"),
        ("c", "", ""),  # b, which it started from, stays, and so does what b started from
        ("b", "", ""),
        ("c", "b", "a"),  # what started it is dropped already
    ],
)
def test_what_a_renamed_experiment_started_from_stays(renamed: str, gone: str, dropped: str, tmp_path: Path) -> None:
    """Three experiments, each started from the one before; the last one, d, is no longer there."""
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "commit", "--quiet", "--allow-empty", "--message", "base")
    places, start = Places(tmp_path, "s"), None
    places.home.mkdir(parents=True, exist_ok=True)
    commits = {}
    for name in "abc":
        git(tmp_path, "commit", "--quiet", "--allow-empty", "--message", name)
        commit = commits[name] = git(tmp_path, "rev-parse", "HEAD")
        retention.register(places, name, commit, GB, start)
        shown = "mine" if name == renamed else name
        git(tmp_path, "update-ref", f"refs/exps/ab/{'c' * 38}/{shown}", commit)
        start = commit
    git(tmp_path, "checkout", "--quiet", "--detach", "HEAD~3")
    for branch in git(tmp_path, "for-each-ref", "--format=%(refname)", "refs/heads").split():
        git(tmp_path, "update-ref", "-d", branch)
    put_json(places.home / "dropped.json", [commits[name] for name in gone])
    section = Daemon(student="n", read={}, retention=Retention(newest_gb=0 if renamed else 1, daily_gb=0))
    assert "".join(each.name for each in retention.plan(places, section) if each.name != "c") == dropped


class Kill(BaseException):
    """As SIGKILL, nothing below catches it."""


FILES = {name: [name * 32, f"{name}{'1' * 31}", "f" * 32] for name in "abcd"}


class Cache:
    """A repository with four experiments of the student `n`, each with two files of weights of its own and one that all share, in a
    cache of DVC."""

    def __init__(self, root: Path) -> None:
        self.places, self.commits = Places(root, "s"), dict[str, str]()
        root.mkdir(exist_ok=True)
        git(root, "init", "--quiet")
        git(root, "commit", "--quiet", "--allow-empty", "--message", "base")
        for name, digests in FILES.items():
            for digest in digests:
                self.at(digest).parent.mkdir(parents=True, exist_ok=True)
                self.at(digest).write_text(digest)
            put_json(self.at(self.folder(name)), [{"md5": digest, "relpath": digest} for digest in digests])
            out = {"path": "models/students/s/n", "md5": self.folder(name)}
            put_json(root / "dvc.lock", {"stages": {"update@n": {"outs": [out]}}})
            git(root, "add", "dvc.lock")
            git(root, "commit", "--quiet", "--message", name)
            commit = self.commits[name] = git(root, "rev-parse", "HEAD")
            git(root, "update-ref", f"refs/exps/ab/{'c' * 38}/{name}", commit)
            retention.register(self.places, name, commit, GB, None)
        git(root, "update-ref", "refs/athanor/s/current", commit)
        git(root, "checkout", "--quiet", "--detach", "HEAD~4")
        for branch in git(root, "for-each-ref", "--format=%(refname)", "refs/heads").split():
            git(root, "update-ref", "-d", branch)

    @staticmethod
    def folder(name: str) -> str:
        return f"{name * 31}0.dir"

    def at(self, digest: str) -> Path:
        return self.places.root / ".dvc/cache/files/md5" / digest[:2] / digest[2:]

    def objects(self) -> set[str]:
        files = (path for path in (self.places.root / ".dvc/cache/files/md5").rglob("*") if path.is_file())
        return {path.parent.name + path.name for path in files}


def test_a_kill_during_retention_loses_nothing_that_is_kept_and_leaves_nothing_that_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before each single file that retention writes or deletes, one after the other."""
    made = Cache(tmp_path / "root")
    monkeypatch.setattr(experiments, "git", cache(experiments.git))  # what git says stays the same
    monkeypatch.setattr(retention, "git", experiments.git)
    section = Daemon(student="n", read={}, retention=Retention(newest_gb=1, daily_gb=0))
    places, whole = made.places, tmp_path / "whole"
    shutil.copytree(places.root, whole)
    kept = {*FILES["d"], Cache.folder("d")}
    left = 0  # acts before the kill

    def counted(act: Callable[..., Any]) -> Callable[..., Any]:
        def run(*arguments: Any, **more: Any) -> Any:
            nonlocal left
            left -= 1
            if left == -1:
                raise Kill
            return act(*arguments, **more)

        return run

    monkeypatch.setattr(retention, "put_json", counted(put_json))
    monkeypatch.setattr(Path, "unlink", counted(Path.unlink))
    for at in range(100):
        left = at
        for folder in (".dvc", ".athanor"):
            shutil.rmtree(places.root / folder)
            shutil.copytree(whole / folder, places.root / folder)
        try:
            retention.drop(places, section)
        except Kill:
            assert kept <= made.objects() and retention.has_weights(places, section, made.commits["d"])
            for name in "abc":  # whoever is said to have weights has all of them
                if retention.has_weights(places, section, made.commits[name]):
                    assert {*FILES[name], Cache.folder(name)} <= made.objects()
        else:
            break
        retention.drop(places, section)
        assert made.objects() == kept
        assert not any(retention.has_weights(places, section, made.commits[name]) for name in "abc")
    assert at > 10 and made.objects() == kept


def test_the_newest_are_those_that_were_kept_last_whatever_the_clock_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock is set back by a day for each experiment, so by their dates the last one is the oldest."""
    days = iter(["2027-01-04", "2027-01-03", "2027-01-02", "2027-01-01", "2026-12-31"])

    def earlier(root: Path, *arguments: str) -> str:
        monkeypatch.setenv("GIT_COMMITTER_DATE", f"{next(days) if arguments[0] == 'commit' else '2027-01-01'}T12:00:00")
        return _git(root, *arguments)

    _git = git
    monkeypatch.setattr(sys.modules[__name__], "git", earlier)
    made = Cache(tmp_path)
    assert [each.name for each in experiments.experiments(tmp_path)] == ["d", "c", "b", "a"]
    section = Daemon(student="n", read={}, retention=Retention(newest_gb=2, daily_gb=0))
    assert [each.name for each in retention.plan(made.places, section)] == ["a", "b"]


def test_an_experiment_that_git_no_longer_has_does_not_stop_retention(tmp_path: Path) -> None:
    made = Cache(tmp_path)
    put_json(made.places.home / "dropping.json", ["0" * 40])
    section = Daemon(student="n", read={}, retention=Retention(newest_gb=1, daily_gb=0))
    assert [each.name for each in retention.drop(made.places, section)] == ["a", "b", "c"]
    assert made.objects() == {*FILES["d"], Cache.folder("d")}
