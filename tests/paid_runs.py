"""Runs of the sampler `openai` in processes of their own, against a local server."""

import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from project_tree import ROOT
from server import Server

PROGRAM = """
import sys
sys.path[:0] = {paths}
from teachers import params, prompts
from stages.samplers import openai
from stages.shared.cli import run
class At: url = {url!r}
def main(style):
    print("ready", flush=True), sys.stdin.readline()
    for given in openai.answer(prompts({rows}, style), params(At, **{changed!r}), 0): pass
run(main)
"""


def start(
    server: Server, *styles: str, rows: int = 300, env: Mapping[str, str] | None = None, **changed: Any
) -> list["subprocess.Popen[str]"]:
    """One process for each style, in which it asks `rows` questions of its own; they begin together."""
    code = PROGRAM.format(paths=[str(ROOT), str(ROOT / "tests")], url=server.url, rows=rows, changed=changed)
    pipes: Any = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    workers = [subprocess.Popen([sys.executable, "-c", code, style], text=True, env=env, **pipes) for style in styles]
    for worker in workers:
        assert worker.stdout and worker.stdout.readline() == "ready\n", finish(worker)
    for worker in workers:
        assert worker.stdin
        print(file=worker.stdin, flush=True)
    return workers


def finish(worker: "subprocess.Popen[str]") -> str:
    """What it says until its end."""
    return worker.communicate(timeout=300)[1]
