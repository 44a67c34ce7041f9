"""The copy of the repository in which a job works, and the locks that a killed git or DVC leaves in it and in the repository."""

import json
from pathlib import Path
from typing import Any

import pytest
from daemon_tree import run
from stages.daemon import experiments, working_copy
from stages.daemon.experiments import GitFailed, git
from stages.daemon.places import Places, put_json, read_json
from stages.daemon.section import Daemon
from stages.daemon.work import DvcWork, Plan

JOB: dict[str, Any] = {"id": "i" * 64, "sha": "i" * 64, "name": "a.jsonl"}


@pytest.fixture
def work(tmp_path: Path) -> DvcWork:
    """The work of a daemon in a repository with one commit."""
    run(tmp_path, "git", "init", "--quiet", "--initial-branch", "main")
    for key, value in (("user.name", "t"), ("user.email", "t@example.com")):
        run(tmp_path, "git", "config", key, value)
    (tmp_path / ".dvc").mkdir()
    (tmp_path / ".dvc/config").touch()
    (tmp_path / ".gitignore").write_text("/.athanor\n/.dvc/tmp\n/.dvc/config.local\n")
    (tmp_path / "a").write_text("a\n")
    out = {"path": "models/students/s/n", "md5": "0.dir", "size": 7}
    chats = {"path": "data/s/chats/n.jsonl", "md5": "0", "size": 1}
    stages = {"format@n": {"outs": [chats]}, "train@n": {"outs": [out]}, "update@n": {"outs": [out]}}
    put_json(tmp_path / "dvc.lock", {"stages": stages})
    run(tmp_path, "git", "add", "--all")
    run(tmp_path, "git", "commit", "--quiet", "--message", "first")
    places = Places(tmp_path, "s")
    places.make()
    return DvcWork(places, Daemon(student="n", read={}))


def test_locks_that_a_power_loss_left_behind_need_no_hand(work: DvcWork) -> None:
    places = work.places
    plan = work.plan(JOB)
    working_copy.ready(places, JOB, plan.base)
    reference = f"refs/exps/{plan.base[:2]}/{plan.base[2:]}/{plan.name}.lock"
    locks = [
        *(places.work / name for name in (".git/index.lock", ".git/HEAD.lock", ".dvc/tmp/lock", ".dvc/tmp/rwlock")),
        *(places.root / ".git" / name for name in ("refs/athanor/s/current.lock", reference)),
    ]
    for path in locks:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    with pytest.raises(GitFailed, match=r"index\.lock"):
        git(places.work, "add", "--all")
    with pytest.raises(GitFailed, match=r"current\.lock"):
        experiments.set_current(places.root, "s", plan.base, None, "why")
    put_json(places.work / ".athanor/checkpoints/1.json", {})
    work.begin()
    working_copy.unlock(places)
    working_copy.ready(places, JOB, plan.base)
    assert read_json(places.work / ".athanor/checkpoints/1.json") == {}  # nothing had to be made anew
    kept = work.keep(JOB, plan)
    assert kept is not None and (kept["experiment"], kept["bytes"]) == (plan.name, 7)
    assert experiments.current(places.root, "s") == kept["commit"]
    assert not any(path.exists() for path in locks)


def test_half_a_copy_is_made_anew(work: DvcWork) -> None:
    places = work.places
    base = work.plan(JOB).base
    working_copy.ready(places, JOB, base)
    (places.work / ".dvc/config.local").rename(places.work / ".dvc/config.local.partial")
    (places.work / "a").unlink()
    (places.work / ".git/HEAD").write_text("")
    working_copy.ready(places, JOB, base)
    assert (places.work / "a").read_text() == "a\n"
    assert str(places.root / ".dvc/cache") in (places.work / ".dvc/config.local").read_text()


def test_checkpoints_of_a_job_stay_and_those_of_another_go(work: DvcWork) -> None:
    places = work.places
    base = work.plan(JOB).base
    working_copy.ready(places, JOB, base)
    put_json(places.work / ".athanor/checkpoints/1.json", {})
    (places.work / "a").write_text("half\n")
    working_copy.ready(places, JOB, base)
    assert read_json(places.work / ".athanor/checkpoints/1.json") == {} and (places.work / "a").read_text() == "a\n"
    working_copy.ready(places, JOB | {"id": "other"}, base)
    assert not (places.work / ".athanor/checkpoints").exists()


def test_no_two_experiments_have_the_same_name(work: DvcWork, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even where the clock was set back to the second of an earlier one of the same file."""
    from datetime import UTC, datetime

    class Stopped(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> "Stopped":
            return cls(2027, 1, 1, tzinfo=UTC)

    monkeypatch.setattr("stages.daemon.work.datetime", Stopped)
    names = []
    for _ in range(3):
        plan = work.plan(JOB)
        working_copy.ready(work.places, JOB, plan.base)
        kept = work.keep(JOB, Plan(*json.loads(json.dumps(plan))))
        assert kept is not None
        names.append(kept["experiment"])
    assert names == [f"a-20270101-000000{again}-iiiiiiii" for again in ("", "-2", "-3")]
    assert len(experiments.experiments(work.places.root)) == 3
