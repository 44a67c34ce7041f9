"""The openai sampler against a local server in its own process, beside a bare loop, OpenAI's client and the engines of other projects.

    python tests/bench/sample.py --peers FOLDER      # FOLDER/oumi, FOLDER/curator, FOLDER/distilabel: virtual environments

Each client is a process of its own, with a fresh memo; ours writes every answer to disk. The others belong into environments of their own,
since their pins contradict ours: `python -m venv .venv/peers/curator && .venv/peers/curator/bin/pip install bespokelabs-curator==0.1.31`,
likewise `'distilabel[openai]==1.5.3' requests` and `oumi`. One that is not there is left out, and the table says so.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple
from urllib.request import urlopen

from measure import BENCH, ROOT, load, options, python, run, table

PEERS = {"oumi": "Oumi's engine", "curator": "bespokelabs-curator", "distilabel": "distilabel"}
NAMES = {"bare": "bare aiohttp loop", "ours": "samplers/openai.py", "client": "AsyncOpenAI loop"} | PEERS
HITS = 100_000


class Case(NamedTuple):
    """A server's manners and what is asked of it."""

    title: str
    server: dict[str, float]
    rows: int
    concurrency: int
    clients: tuple[str, ...]


TAIL = Case("0.3 to 0.7 s an answer, 2 % of them 5 s more", {"base": 0.3, "spread": 0.4, "slow": 5.0}, 1000, 50, tuple(NAMES))
FAST = Case("50 ms an answer", {"base": 0.05}, 5000, 256, tuple(NAMES))
REFUSED = Case(
    "0.3 to 0.6 s an answer, 30 % of the calls answered 429", {"base": 0.3, "spread": 0.3, "refuse": 0.3}, 1000, 50, ("ours", "client")
)


@contextmanager
def served(**manners: float) -> Iterator[str]:
    """The address of a fresh server."""
    options = [word for name, value in manners.items() for word in (f"--{name}", str(value))]
    process = subprocess.Popen([sys.executable, *python(BENCH / "served.py", *options)], stdout=subprocess.PIPE, text=True)
    assert process.stdout
    try:
        yield process.stdout.readline().strip()
    finally:
        process.kill()
        process.wait()


def counts(url: str) -> dict[str, int]:
    """What the server counted."""
    with urlopen(url.removesuffix("/v1")) as reply:
        found: dict[str, int] = json.load(reply)
    return found


def ask(client: str, case: Case, peers: Path, manners: dict[str, float]) -> dict[str, Any] | str:
    """Figures of one client, or why there are none."""
    command = python(BENCH / "asker.py")
    if client in PEERS:
        interpreter = peers.resolve() / client / "bin/python"
        if not interpreter.is_file():
            return "not installed"
        command.insert(0, str(interpreter))
    with served(**manners) as url, tempfile.TemporaryDirectory(prefix="athanor-bench-") as folder:
        command += [client, url, str(case.rows), str(case.concurrency), folder]
        if client not in PEERS:
            return figures(command) | counts(url)
        known = {**os.environ, "PYTHONPATH": "", "HF_HUB_OFFLINE": "1"}
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=600, env=known)
        except subprocess.TimeoutExpired:
            return "not done after 600 s"
        if done.returncode:
            return f"failed: {(done.stderr.strip().splitlines() or ['no word'])[-1][:80]}"
        found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
        return found | counts(url)


def figures(command: list[str]) -> dict[str, Any]:
    env = {name: value for name, value in os.environ.items() if name != "DVC_ROOT"}
    found: dict[str, Any] = json.loads(run(command, env=env).output.splitlines()[-1])
    return found


def compare(case: Case, peers: Path, rounds: int) -> dict[str, list[dict[str, Any]]]:
    """A table of all clients; ours and the bare loop `rounds` times by turns. Gives their figures."""
    note, found, lines = load(), dict[str, list[dict[str, Any]]](), []
    for client in [client for turn in range(rounds) for client in case.clients if turn == 0 or client in ("bare", "ours")]:
        got = ask(client, case, peers, case.server)
        if isinstance(got, str):
            lines.append((NAMES[client], got, "", "", "", ""))
        else:
            found.setdefault(client, []).append(got)
    for client, ones in found.items():
        speed = case.rows / median(one["seconds"] for one in ones)
        line = (NAMES[client], f"{ones[0]['answers']:,}", ones[0]["calls"], median(one["seconds"] for one in ones), speed)
        lines.insert(len(lines), (*line, median(one["cpu"] for one in ones)))
    lines.sort(key=lambda line: list(NAMES.values()).index(str(line[0])))
    title = f"{case.title}: {case.rows:,} requests, {case.concurrency} at once ({note}, {rounds} rounds)"
    table(title, ("client", "answers", "calls", "seconds", "requests/s", "CPU s"), lines)
    return found


def verdict(what: str, met: bool) -> None:
    print(f"\n{'met ' if met else 'MISS'} {what}", flush=True)


def tail(peers: Path, rounds: int) -> None:
    found = compare(TAIL, peers, rounds)
    ratio = median(one["seconds"] / other["seconds"] for one, other in zip(found["ours"], found["bare"], strict=True))
    verdict(f"within 5 % of the bare loop: {ratio - 1:+.1%}", ratio <= 1.05)


def fast(peers: Path, rounds: int) -> None:
    found = compare(FAST, peers, rounds)
    mine, limit = (FAST.rows / median(one["seconds"] for one in found[client]) for client in ("ours", "bare"))
    verdict(f"at least 1,600/s or 40 % of the bare loop: {mine:,.0f}/s, {mine / limit:.0%}", mine >= max(1600, 0.4 * limit))


def refused(peers: Path, rounds: int) -> None:
    found = compare(REFUSED, peers, rounds)["ours"]
    seconds, answers = median(one["seconds"] for one in found), min(one["answers"] for one in found)
    ideal = REFUSED.rows * (REFUSED.server["base"] + REFUSED.server["spread"] / 2) / REFUSED.concurrency
    verdict(
        f"all rows, at most 15 s where {ideal:.0f} are ideal: {answers:,} rows in {seconds:.1f} s",
        seconds <= 15 and answers == REFUSED.rows,
    )


def hits(peers: Path, rounds: int) -> None:
    """Stored answers replayed, and what opening the store takes."""
    lines = []
    for rows in (HITS // 10, HITS):
        with tempfile.TemporaryDirectory(prefix="athanor-bench-") as folder:
            command = [*python(BENCH / "asker.py"), "{}", "http://127.0.0.1:9/v1", str(rows), "64", folder]
            figures([word.format("fill") if word == "{}" else word for word in command])
            got = figures([word.format("replay") if word == "{}" else word for word in command])
            size = sum(file.stat().st_size for file in Path(folder, ".athanor").glob("memo.sqlite*"))
            lines.append((f"{rows:,} stored answers", rows / got["seconds"], got["seconds"], got["cpu"], got["peak"], size / 2**20))
    table(f"Answers from the memo ({load()})", ("rows", "rows/s", "seconds", "CPU s", "peak MiB", "store MiB"), lines)
    verdict(f"at least 20,000 rows/s: {lines[-1][1]:,.0f}", float(lines[-1][1]) >= 20_000)


STYLES = 6


def bought(peers: Path, rounds: int) -> None:
    """What `python -m stages.respond` buys after each change of its prompts or params."""
    with served() as url, tempfile.TemporaryDirectory(prefix="athanor-bench-") as name:
        project = Path(name)
        thousand = [(number, "v1") for number in range(1000)]
        edited = [(number, "v2" if number % STYLES == 3 else "v1") for number in range(1000)]
        steps: list[tuple[str, Any, int]] = [
            ("a thousand rows", thousand, 1000),
            ("unchanged", thousand, 0),
            ("ten rows appended", [*thousand, *((number, "v1") for number in range(1000, 1010))], 10),
            ("reordered", thousand[::-1], 0),
            ("one style of six edited", edited, sum(style == "v2" for _, style in edited)),
            ("twenty that are cut off", [(number, "truncate") for number in range(20)], 20),
            ("the same twenty again", [(number, "truncate") for number in range(20)], 0),
        ]
        lines = [(what, wanted, respond(url, project, rows)) for what, rows, wanted in steps]
        copy = project / "experiment"
        lines.append(("a second experiment, another training param", 0, respond(url, copy, thousand, project, learning_rate=0.1)))
        table("Calls bought by respond", ("change", "ideal", "bought"), lines)
        verdict("every answer is bought once", all(wanted == calls for _, wanted, calls in lines))


def respond(url: str, folder: Path, rows: list[tuple[int, str]], repository: Path | None = None, learning_rate: float = 0.01) -> int:
    """Runs the stage in `folder`, as an experiment of `repository` where one is given; how many calls it made."""
    price = {"prompt": 1.0, "completion": 1.0}
    teacher = {"sampler": "openai", "model": "m", "base_url": url, "api_key_env": None, "max_tokens": 64, "price": price}
    section = {"respond": {"root": ".", "teacher": teacher}, "train": {"learning_rate": learning_rate}}
    (folder / "data/s").mkdir(parents=True, exist_ok=True)
    (folder / "params.yaml").write_text(json.dumps({"seed": 0, "systems": {"s": section}}))
    with (folder / "data/s/prompts.jsonl").open("w") as file:
        for number, style in rows:
            text = f"Style {number % STYLES} {style}: what is {number} plus {number}?"
            fields = {"id": f"p{number}", "task": "t", "kind": "number", "split": "train", "question": text, "answer": "1", "by": "teacher"}
            file.write(json.dumps(fields | {"style": "plain", "messages": [{"role": "user", "content": text}]}) + "\n")
    before = counts(url)["calls"]
    run(python("stages.respond", "s"), folder, {"DVC_ROOT": str(repository or folder)})
    return counts(url)["calls"] - before


CASES = {"tail": tail, "fast": fast, "refused": refused, "hits": hits, "bought": bought}


def main(arguments: list[str] | None = None) -> None:
    """Prints a table and a verdict for each case."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", choices=[[], *CASES], default=[], help="all of them where none is named")
    parser.add_argument("--peers", type=Path, default=ROOT / ".venv/peers", help="folder of virtual environments, one for each peer")
    parser.add_argument("--rounds", type=int, default=3, help="how often ours and the bare loop are run")
    given = options(parser, arguments, rounds=1)
    for name in given.cases or (["bought"] if given.size == "small" else CASES):
        CASES[name](given.peers, given.rounds)


if __name__ == "__main__":
    main()
