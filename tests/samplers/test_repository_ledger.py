"""Bounds that hold for a whole repository (`scope: repository`), by the server's own ledger: two processes together never exceed one
limit, whatever fails and whoever is killed."""

import argparse
import asyncio
import itertools
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from stages.samplers.cost.budget import Budget, OutOfBudget
from stages.samplers.cost.prices import Price, Spending, Usage
from stages.samplers.cost.repository_ledger import RepositoryLedger, SharedFile, ledger_path
from stages.samplers.requests.rate_limit import Gaps, SentRequest
from stages.samplers.requests.shared_records import SharedRecords
from stages.shared.cli import working_directory
from stages.shared.errors import BadInput
from stages.tools import memo

from faulty_ledger import MOST, Ledger
from paid_runs import finish
from paid_runs import start as start_runs
from project_tree import ROOT
from server import Server
from teachers import PRICE, ask, params, prompts, runs, workplace

pytestmark = pytest.mark.usefixtures("workplace")
__all__ = ["workplace"]

CHEAP = Price(prompt=1.0, completion=2.0)


def start(server: Server, *styles: str, **changed: Any) -> list["subprocess.Popen[str]"]:
    """Runs that share their bounds."""
    return start_runs(server, *styles, scope="repository", allow_failures=1.0, **changed)


def budget(**limits: Any) -> Budget:
    return Budget(Spending(scope="repository", **limits), CHEAP)


def test_two_workers_never_exceed_one_limit() -> None:
    """The second mix of faults goes on with what the first one spent: the limit is raised, as a person would raise it."""
    limit = 0.0
    for seed in range(2):
        limit += 40 * MOST
        with Ledger(seed) as server:
            server.latency = 0.05
            workers = start(server, f"a{seed}", f"b{seed}", max_usd=limit, concurrency=8, retries=3)
            said = [finish(worker) for worker in workers]
            usd = server.usd
            asked = {call.told.split()[0] for call in server.calls}
        assert all("stopped before max_usd" in text and "Traceback" not in text for text in said), said
        assert all("by all runs of this repository" in text for text in said), said
        ledger = RepositoryLedger()
        account = ledger.account()
        ledger.close()
        assert account.in_flight == 0
        assert limit - 1.05 * MOST < account.spent + account.lost <= limit + 1e-12  # it is used, and not exceeded
        assert 0 < usd <= 41.05 * MOST and asked == {f"a{seed}", f"b{seed}"}


def test_what_a_killed_worker_had_in_flight_counts_at_the_worst_price() -> None:
    with Server(latency=0.3) as server:
        (worker,) = start(server, "first", concurrency=8, max_usd=30 * MOST)
        while len(server.calls) < 20:
            assert worker.poll() is None
            Event().wait(0.01)
        worker.kill()
        finish(worker)
        server.latency = 0.0
        with pytest.raises(BadInput, match="stopped before max_usd"):
            ask(server, prompts(500), scope="repository", max_usd=30 * MOST, concurrency=8)
        true = sum(PRICE.cost(Usage(*tokens)) for tokens in server.ledger)
    ledger = RepositoryLedger()
    account = ledger.account()
    ledger.close()
    assert account.in_flight == 0 and 0 < account.lost <= 1.05 * 8 * MOST
    assert true <= account.spent + account.lost <= 30 * MOST + 1e-12


def test_an_interrupted_run_gives_back_what_it_did_not_send() -> None:
    with Server(latency=0.3) as server:
        (worker,) = start(server, "interrupted", concurrency=8, max_usd=100 * MOST, requests_per_minute=600.0)
        while len(server.calls) < 10:
            assert worker.poll() is None
            Event().wait(0.01)
        worker.send_signal(signal.SIGINT)
        finish(worker)
        true = sum(PRICE.cost(Usage(*tokens)) for tokens in server.ledger)
    ledger = RepositoryLedger()
    account = ledger.account()
    assert account.spent == pytest.approx(true) and (account.lost, account.in_flight) == (0.0, 0)
    ledger.close()


def test_two_workers_share_a_rate_and_a_number_of_requests() -> None:
    with Server() as server:
        changed: Any = {"requests_per_minute": 1200.0, "concurrency": 8, "max_requests": 60}
        workers = start(server, "a", "b", **changed)
        said = [finish(worker) for worker in workers]
        times = sorted(call.at for call in server.calls)
    assert all("stopped at max_requests 60" in text for text in said), said
    assert len(times) == 60 and {call.told.split()[0] for call in server.calls} == {"a", "b"}
    assert times[-1] - times[0] > 2.0  # twenty a second; half a second may be made up for, and with a rate each it would take half as long


def test_a_later_run_goes_on_with_what_is_left() -> None:
    with Server() as server:
        ask(server, prompts(5), scope="repository", max_requests=8)
        with pytest.raises(BadInput, match=r"stopped at max_requests 8; 8 requests were sent by all runs of this repository"):
            ask(server, prompts(20), scope="repository", max_requests=8)
        ask(server, prompts(10), max_requests=8)  # a bound of its own run
        assert len(server.calls) == 10 and [run["sent"] for run in runs()] == [5, 3, 2]
        ledger = RepositoryLedger()
        ledger.start_anew()
        assert ledger.account() == (0.0, 0.0, 0.0, 0, 0)
        ledger.close()
        ask(server, prompts(12), scope="repository", max_requests=8)


def test_one_waits_for_what_another_has_set_aside() -> None:
    most = CHEAP.cost(Usage(10, 10))
    first, second = budget(max_usd=1.5 * most), budget(max_usd=1.5 * most)
    hold = first.try_reserve(10, 10)
    assert hold and second.try_reserve(10, 10) is None and second.waits_for_others

    async def both() -> int:
        waiting = asyncio.create_task(second.reserve(10, 10))
        await asyncio.sleep(0.05)
        first.settle(hold, Usage(2, 2))
        return await waiting

    second.settle(asyncio.run(both()), Usage(10, 10))
    assert not second.waits_for_others
    with pytest.raises(OutOfBudget, match="2 requests were sent by all runs"):
        first.try_reserve(10, 10)
    first.close()
    second.close()


def test_what_is_under_way_at_the_end_of_a_run_counts_as_lost() -> None:
    """A batch goes on without the run that submitted it."""
    first, second = budget(max_usd=1.0), budget(max_usd=1.0)
    assert first.try_reserve(10, 10)
    first.close()
    assert second.ledger
    account = second.ledger.account()
    assert account.lost == pytest.approx(CHEAP.cost(Usage(10, 10))) and (account.in_flight, account.requests) == (0, 1)
    second.close()


def test_what_cannot_be_booked_is_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RepositoryLedger, "book", refuse_after(3, RepositoryLedger.book))
    with Server(latency=0.2) as server:
        with pytest.raises(BadInput, match="the ledger is full"):
            ask(server, prompts(20), scope="repository", concurrency=8, max_usd=1.0)
        billed = dict(server.billed)
        assert 3 < len(billed) < 20
        with sqlite3.connect(working_directory() / "memo.sqlite") as stored:
            assert stored.execute("SELECT count(*) FROM answers").fetchone() == (len(billed),)


def refuse_after(count: int, book: Any) -> Any:
    booked = itertools.count()

    def refuse(ledger: RepositoryLedger, *given: Any) -> None:
        if next(booked) >= count:
            raise BadInput("the ledger is full")
        book(ledger, *given)

    return refuse


DIES = """
import os
from stages.samplers.cost.repository_ledger import RepositoryLedger
ledger = RepositoryLedger()
with ledger.changing():
    for number, usd in enumerate({usd}):
        ledger.reserve(number, usd)
os._exit(9)
"""


def set_aside_and_die(*usd: float) -> None:
    """A process does both."""
    done = subprocess.run([sys.executable, "-c", DIES.format(usd=usd)], cwd=ROOT, check=False)
    assert done.returncode == 9


def test_what_a_dead_process_set_aside_is_shown_as_lost(capsys: pytest.CaptureFixture[str]) -> None:
    set_aside_and_die(5.0, 0.5)
    memo.print_spending(argparse.Namespace(reset=False))
    shown = capsys.readouterr().out
    assert "5.500000 USD at most for calls without an answer" in shown and "0.000000 USD set aside for 0 requests" in shown


def test_what_is_counted_as_lost_stays_where_the_bound_is_reached() -> None:
    set_aside_and_die(5.0)
    made = budget(max_usd=5.0)
    with pytest.raises(OutOfBudget, match="at most 5"):
        made.try_reserve(10, 10)
    assert made.ledger and made.ledger.account() == (0.0, 5.0, 0.0, 0, 1)
    made.close()


def test_shared_records_of_a_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two processes with one place leave by turns; tokens are corrected once they are known, and a clock that is put back does no harm."""
    now = [1e9]
    monkeypatch.setattr(SharedRecords, "now", lambda records: now[0])
    gaps, file = Gaps.of(600.0, 6000.0), SharedFile(ledger_path())
    first, second, elsewhere = (SharedRecords(place, file) for place in ("here", "here", "there"))
    sent = first.try_leave(gaps, 100)
    assert isinstance(sent, SentRequest)
    assert second.try_leave(gaps, 100) == pytest.approx(0.5)  # a hundred tokens are a second, half of it is made up for
    assert isinstance(elsewhere.try_leave(gaps, 100), SentRequest)
    first.settle(gaps, sent, 10)
    assert isinstance(second.try_leave(gaps, 100), SentRequest)  # ten tokens, and so is the next one
    now[0] -= 3600.0
    assert isinstance(first.try_leave(gaps, 100), SentRequest)
    first.settle(gaps, sent, 10**6)  # it is older than a minute by the clock, and its number is nobody else's
    assert isinstance(pause := second.try_leave(gaps, 100), float) and pause > 1000
    file.close()


@pytest.mark.parametrize("content", [b"no database", b""], ids=["damaged", "empty"])
def test_a_ledger_that_cannot_be_read(content: bytes, workplace: Path) -> None:
    ledger_path().parent.mkdir()
    ledger_path().write_bytes(content)
    if content:
        with pytest.raises(BadInput, match=r"spending\.sqlite: what the runs of this repository spent cannot be read"):
            budget().try_reserve(1, 1)
    else:
        made = budget()
        assert made.try_reserve(1, 1) == 1
        made.close()
    assert params(None).scope == "run"
