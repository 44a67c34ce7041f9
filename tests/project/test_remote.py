"""Two clones of a repository with one S3 remote: shards, the run cache and stored answers go from one to the other.

It needs dvc-s3 here and moto's server, a stand-in for S3, on the PATH: `pip install dvc-s3`, and `pip install "moto[server]"` in an
environment of its own.
"""

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from time import monotonic, sleep
from urllib.error import URLError
from urllib.request import Request, urlopen

import pytest
from stages.samplers.memo.administration import export_lines, import_lines, totals_by_model
from stages.shared.files import write
from stages.shared.rows import Kind, Problem

from memos import fill
from project_tree import ROOT

pytest.importorskip("dvc_s3", reason="no package dvc-s3 here")
SERVER = shutil.which("moto_server")
pytestmark = pytest.mark.skipif(SERVER is None, reason="no moto_server on the PATH")
STAGE = """\
stages:
  count:
    cmd: python count.py
    deps: [count.py, rows.jsonl]
    params: [least]
    outs: [counted.txt]
"""
COUNT = """\
import sys
from pathlib import Path
least = int(Path("params.yaml").read_text().split()[1])
numbers = [line for shard in sorted(Path("rows.jsonl").iterdir()) for line in shard.read_text().splitlines()]
Path("counted.txt").write_text(str(sum(f'"p{number}"' in line and number >= least for number, line in enumerate(numbers))))
with Path(RUNS).open("a") as runs:
    runs.write("ran ")
"""


@pytest.fixture
def bucket(tmp_path: Path) -> Iterator[str]:
    """The address of a server with an empty bucket `store`."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    assert SERVER is not None
    with subprocess.Popen([SERVER, "-H", "127.0.0.1", "-p", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        address, end = f"http://127.0.0.1:{port}", monotonic() + 60
        while True:
            try:
                urlopen(Request(f"{address}/store", method="PUT")).close()
                break
            except URLError:
                assert monotonic() < end
                sleep(0.1)
        yield address
        server.kill()


class Clone:
    """A clone in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        keys = {"AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s", "AWS_DEFAULT_REGION": "us-east-1", "NO_PROXY": "127.0.0.1"}
        names = {f"GIT_{who}_{what}": "t" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        self.env = os.environ | keys | names | {"DVC_SITE_CACHE_DIR": str(folder / ".notes"), "PYTHONPATH": str(ROOT)}

    def dvc(self, *arguments: str) -> str:
        return self._run(sys.executable, "-m", "dvc", *arguments)

    def git(self, *arguments: str) -> None:
        self._run("git", *arguments)

    def _run(self, *command: str) -> str:
        ended = subprocess.run(command, cwd=self.folder, env=self.env, capture_output=True, text=True)
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    def count(self, least: int) -> str:
        (self.folder / "params.yaml").write_text(f"least: {least}\n")
        self.dvc("repro", "--quiet", "--pull")  # without --pull a run of the run cache whose outs are not here counts for nothing
        return (self.folder / "counted.txt").read_text()


def test_what_one_clone_made_the_other_need_not_make(bucket: str, tmp_path: Path) -> None:
    runs = tmp_path / "runs.txt"
    (tmp_path / "first").mkdir()
    first = Clone(tmp_path / "first")
    first.git("init", "--quiet")
    first.dvc("init", "--quiet")
    first.dvc("remote", "add", "--default", "store", "s3://store/team")
    first.dvc("remote", "modify", "store", "endpointurl", bucket)
    for name, text in {"dvc.yaml": STAGE, "count.py": COUNT.replace("RUNS", repr(str(runs)))}.items():
        (first.folder / name).write_text(text)
    problems = (Problem(id=f"p{n}", task="t", kind=Kind.NUMBER, split="train", question="?", answer="1") for n in range(50))
    write(first.folder / "rows.jsonl", problems, shard_rows=7)
    fill(first.folder / ".athanor/memo.sqlite", 3)
    (first.folder / "answers.jsonl").write_bytes(b"".join(export_lines(first.folder / ".athanor/memo.sqlite")))
    first.dvc("add", "--quiet", "rows.jsonl", "answers.jsonl")
    for least, counted in ((10, "40"), (20, "30")):
        assert first.count(least) == counted
        first.dvc("push", "--quiet", "--run-cache")  # after each run: of older runs DVC 3.67 pushes what they were, and not their outs
    first.git("add", "dvc.yaml", "dvc.lock", "params.yaml", "count.py", "rows.jsonl.dvc", "answers.jsonl.dvc", ".gitignore", ".dvc")
    first.git("commit", "--quiet", "--message", "rows")

    second = Clone(tmp_path / "second")
    first.git("clone", "--quiet", str(first.folder), str(second.folder))
    second.dvc("pull", "--quiet", "--run-cache")
    assert sorted(path.name for path in (second.folder / "rows.jsonl").iterdir()) == [f"{number:06}.jsonl" for number in range(8)]
    assert [second.count(least) for least in (20, 10)] == ["30", "40"]
    assert runs.read_text() == "ran ran "  # both by the first clone
    assert second.count(0) == "50" and runs.read_text() == "ran ran ran "  # the stage does run where nobody has run it
    memo = second.folder / ".athanor/memo.sqlite"
    with (second.folder / "answers.jsonl").open("rb") as lines:
        assert import_lines(memo, lines, "answers.jsonl") == (3, 3)
    assert totals_by_model(memo) == totals_by_model(first.folder / ".athanor/memo.sqlite")
