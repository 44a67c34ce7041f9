"""Walks through README.md in a fresh clone: every command of it is run, in its order, and its output is kept.

    python tests/bench/walk.py OUT                         at the smoke scale, which takes minutes
    python tests/bench/walk.py OUT --scale tiny            at the default scale
    python tests/bench/walk.py OUT --only exp --only repro commands that match one of these, after those that OUT has done

OUT gets the clone (`clone`), the repository that it is a clone of (`origin`), a file for each command with its output and
`walk.md`, a table: command, exit status, seconds, columns of the widest line. The exit status is 1 where a command failed.
The virtual environment is that of the interpreter, linked; `make test` is left out unless `--only` names it.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from time import monotonic
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"(?<!`)`((?:make|dvc|git|python) [^`]+)`(?!`)")
PERSON = {"user.name": "A reader", "user.email": "reader@example.org"}
TEA = '{{"question": "Tea has {0} cups and pours {1}. How many are left?", "answer": {2}, "solution": "{0} - {1} = {2}"}}\n'
WAIT = "while dvc queue status | grep -qE 'Queued|Running'; do sleep 1; done; dvc queue status"
# a command that README only hints at -> what is run
MEANT = {
    "dvc exp run --queue": "dvc exp run --queue -S seed=1,2 collect@glyph",
    "dvc queue start -j 2": f"dvc queue start -j 2 && {WAIT}",
    "dvc exp run --temp": "dvc exp run --temp -n aside -S seed=3 collect@glyph",
    "dvc exp run": "dvc exp run --dry",
    "dvc remote add -d store ADDRESS": "dvc remote add -d store ../store",
    "python -m stages.STAGE --help": "python -m stages.collect --help",
    "git push": "git add --all && git commit --quiet --message 'a run' && git push",
}
FAILS = {"python -m stages.tools.check --compose teacher=openai": 1}  # it says that a key is not set


class Step(NamedTuple):
    """A command as README has it, and as it is run."""

    written: str
    run: str


class Ended(NamedTuple):
    """What became of a command: its exit status, its seconds, and the columns of its widest line."""

    status: int
    seconds: float
    columns: int


def steps(text: str) -> list[Step]:
    """The commands of the page in their order: the lines of its blocks for a shell, and what stands in backticks."""
    places: list[tuple[int, str]] = []
    for block in FENCE.finditer(text):
        if block[1] == "sh":
            places += [(block.start(), line.split("  #")[0].strip()) for line in block[2].splitlines() if line.strip()]
    blank = FENCE.sub(lambda block: " " * len(block[0]), text)
    places += [(found.start(), found[1]) for found in INLINE.finditer(blank)]
    written = [command for _, command in sorted(places, key=lambda place: place[0])]
    return [Step(command, MEANT.get(command, command)) for command in dict.fromkeys(written)]


def prepare(out: Path, scale: str) -> dict[str, str]:
    """The clone, with an identity and a file of data; the environment of the commands."""
    origin, clone, programs = out / "origin", out / "clone", out / "programs"
    if not clone.is_dir():
        subprocess.run(["git", "clone", "--quiet", "--bare", str(ROOT), str(origin)], check=True)
        subprocess.run(["git", "clone", "--quiet", str(origin), str(clone)], check=True)
        for key, value in PERSON.items():
            subprocess.run(["git", "config", key, value], cwd=clone, check=True)
        (clone / ".venv").symlink_to(Path(sys.prefix))
        for name in ("requirements.txt", "constraints.txt"):
            os.utime(clone / name, (0, 0))  # so that make takes what is installed for current
        (clone / ".git/info/exclude").write_text(".venv\n")
        (clone / "data/hub/tea.jsonl").write_text("".join(TEA.format(a, b, a - b) for a in range(5, 20) for b in range(1, 5)))
        if scale != "tiny":
            rescale(clone, scale)
    programs.mkdir(exist_ok=True)
    for name in ("xdg-open", "browser"):  # a page that is there and holds something is as good as shown
        program = programs / name
        program.write_text('#!/bin/sh\nset -e\npage="${1#file://}"\ntest -s "$page"\nwc -c "$page"\n')
        program.chmod(0o755)
    path = f"{clone / '.venv/bin'}{os.pathsep}{programs}{os.pathsep}{os.environ['PATH']}"
    return os.environ | {"PATH": path, "COLUMNS": "80", "BROWSER": str(programs / "browser"), "TERM": "dumb"}


def rescale(clone: Path, scale: str) -> None:
    """Commits a clone whose default is another scale, without the results of the committed one."""
    config = clone / "conf/config.yaml"
    config.write_text(config.read_text().replace("- scale: tiny", f"- scale: {scale}"))
    (clone / "dvc.lock").unlink()
    shutil.rmtree(clone / "metrics")
    compose = [sys.executable, "-m", "stages.tools.check", "--compose"]
    for command in (compose, ["git", "add", "--all"], ["git", "commit", "--quiet", "--message", f"the scale {scale}"]):
        subprocess.run(command, cwd=clone, check=True)


def run(step: Step, clone: Path, environment: dict[str, str], file: Path) -> Ended:
    """Runs a command as a person would, with both outputs in `file`."""
    start = monotonic()
    with file.open("w") as output:
        output.write(f"$ {step.run}\n")
        output.flush()
        ended = subprocess.run(["bash", "-c", step.run], cwd=clone, env=environment, stdout=output, stderr=subprocess.STDOUT, check=False)
    lines = re.split(r"[\r\n]", file.read_text(errors="replace"))[1:]
    return Ended(ended.returncode, monotonic() - start, max(map(len, lines), default=0))


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="a folder; one that was walked before goes on from where it is")
    parser.add_argument("--scale", default="smoke", help="of conf/scale")
    parser.add_argument("--only", action="append", help="a pattern of commands; may be given several times")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    out = given.out.resolve()
    environment, failed = prepare(out, given.scale), []
    page = out / "walk.md"
    if not page.exists():
        page.write_text("| command | status | seconds | widest line |\n|---|---:|---:|---:|\n")
    for number, step in enumerate(steps((ROOT / "README.md").read_text())):
        wanted = any(re.search(pattern, step.written) for pattern in given.only) if given.only else step.written != "make test"
        if not wanted:
            continue
        name = re.sub(r"\W+", "-", step.written)[:50]
        ended = run(step, out / "clone", environment, out / f"{number:02}-{name}.txt")
        expected = FAILS.get(step.written, 0)
        line = f"| `{step.written}` | {ended.status} | {ended.seconds:.1f} | {ended.columns} |"
        print(line, flush=True)
        with page.open("a") as table:
            table.write(f"{line}\n")
        if ended.status != expected:
            failed.append(step.written)
    if failed:
        sys.exit(f"walk: {len(failed)} commands failed: {'; '.join(failed)}")


if __name__ == "__main__":
    main()
