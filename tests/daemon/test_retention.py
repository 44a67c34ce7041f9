"""Which weights are kept: the newest, then one a day, never the current ones nor those with a name of their own."""

import subprocess
from pathlib import Path

import pytest
from stages.daemon import retention
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
