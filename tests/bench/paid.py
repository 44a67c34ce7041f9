"""Runs of a paid sampler that are ended in the middle, and bounds in money under faults, by the server's own ledger.

    python tests/bench/paid.py --kills 20 --interrupts 20 --mixes 20 --seed 0

A kill is SIGKILL, an interrupt is Ctrl-C (SIGINT), each at a random moment of a run of its own; the same run is then started once more and
goes to its end. `lost` are answers that the server billed and the run did not store, `paid twice` those that it billed a second time. A
kill may lose what is in flight, which is at most the concurrency; Ctrl-C may lose nothing.
A mix of faults is put to two processes at once, which share one bound (`scope: repository`): what the server billed is compared with it.
"""

import argparse
import os
import random
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from time import sleep
from typing import Any, NamedTuple

from measure import ROOT, options, table

sys.path.insert(0, str(ROOT / "tests"))
sys.path.insert(0, str(ROOT))

from stages.samplers.cost.repository_ledger import RepositoryLedger
from stages.samplers.memo.administration import totals_by_model

from faulty_ledger import MOST, Ledger
from paid_runs import finish, start
from server import Server

ROWS, CONCURRENCY, LATENCY = 400, 16, 0.1


class End(NamedTuple):
    """What became of one run that was ended: answers billed and stored, and those billed twice in the end."""

    billed: int
    stored: int
    twice: int

    @property
    def lost(self) -> int:
        """Answers that were billed and are not there."""
        return self.billed - self.stored


def environment(folder: Path) -> dict[str, str]:
    """That of a process with its memo in `folder`."""
    return os.environ | {"DVC_ROOT": str(folder), "TEACHER_KEY": "none", "NO_PROXY": "127.0.0.1"}


def stored(folder: Path) -> int:
    """Answers in the memo."""
    return sum(answers for _, _, answers, *_ in totals_by_model(folder / ".athanor/memo.sqlite"))


@contextmanager
def place() -> Iterator[Path]:
    """A folder of its own."""
    with TemporaryDirectory(prefix="athanor-paid-") as name:
        yield Path(name)


def ended(number: signal.Signals, moment: int) -> End:
    """Ends a run by a signal once the server has had `moment` calls, and runs it again to its end."""
    with place() as folder, Server(latency=LATENCY) as server:
        asked: Any = {"rows": ROWS, "env": environment(folder), "concurrency": CONCURRENCY, "timeout": 30.0}
        (run,) = start(server, "plain", **asked)
        while len(server.calls) < moment:
            if run.poll() is not None:
                raise RuntimeError(f"the run ended before it was to: {finish(run)[-2000:]}")
            sleep(0.002)
        run.send_signal(number)
        finish(run)
        while server.active:  # what a dead client had asked for is answered, and billed, all the same
            sleep(0.01)
        first = sum(server.billed.values()), stored(folder)
        (again,) = start(server, "plain", **asked)
        said = finish(again)
        if again.returncode:
            raise RuntimeError(f"the second run failed: {said[-2000:]}")
        return End(*first, sum(count - 1 for count in server.billed.values()))


def endings(title: str, number: signal.Signals, count: int, drawn: random.Random) -> bool:
    """A table of so many ends. Whether no run lost more than it may."""
    ends = [ended(number, drawn.randint(20, ROWS - 2 * CONCURRENCY)) for _ in range(count)]
    rows = [(str(place), end.billed, end.stored, end.lost, end.twice) for place, end in enumerate(ends, 1)]
    header = ("run", "billed by then", "stored", "lost", "paid twice in the end")
    table(f"{title}: {ROWS} requests, {CONCURRENCY} at once", header, rows)
    most = CONCURRENCY if number == signal.SIGKILL else 0
    met = all(end.lost <= most and end.twice <= end.lost for end in ends)
    lost, billed = sum(end.lost for end in ends), sum(end.billed for end in ends)
    print(f"\n{'met ' if met else 'MISS'} at most {most} lost in each run; in all {lost} of {billed} answers", flush=True)
    return met


def mixes(count: int) -> bool:
    """A table of bounds that two processes share. Whether none was exceeded."""
    rows, met, limit = [], True, 80 * MOST
    for seed in range(count):
        with place() as folder, Ledger(seed) as server:
            server.latency = 0.05
            changed: Any = {"scope": "repository", "max_usd": limit, "concurrency": 8, "retries": 3, "allow_failures": 1.0}
            for worker in start(server, "a", "b", rows=ROWS, env=environment(folder), **changed):
                finish(worker)
            calls = [sum(call.told.startswith(style) for call in server.calls) for style in ("a ", "b ")]
            ledger = RepositoryLedger(folder / ".athanor/spending.sqlite")
            account = ledger.account()
            ledger.close()
            met = met and server.usd <= limit and account.spent + account.lost <= limit + 1e-12
            rows.append((str(seed), *calls, 1e6 * server.usd, 1e6 * (account.spent + account.lost), 1e6 * limit))
    header = ("mix", "calls of a", "calls of b", "billed, micro-USD", "booked", "bound")
    table("Two processes, one bound, a mix of faults", header, rows)
    print(f"\n{'met ' if met else 'MISS'} the bound holds on what the server billed, in {count} mixes", flush=True)
    return met


def main(arguments: list[str] | None = None) -> None:
    """Prints the tables; exit status 1 where more was lost or spent than may be."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("kills", 20), ("interrupts", 20), ("mixes", 20), ("seed", 0)):
        parser.add_argument(f"--{name}", type=int, default=default)
    given = options(parser, arguments, kills=1, interrupts=1, mixes=1)
    drawn = random.Random(given.seed)
    met = [
        endings("Kills", signal.SIGKILL, given.kills, drawn) if given.kills else True,
        endings("Ctrl-C", signal.SIGINT, given.interrupts, drawn) if given.interrupts else True,
        mixes(given.mixes) if given.mixes else True,
    ]
    sys.exit(not all(met))


if __name__ == "__main__":
    main()
