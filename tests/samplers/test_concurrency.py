"""The concurrency limit: how many requests are in flight at once, on a clock that jumps and at a real server."""

import asyncio
import random
from collections.abc import Callable

import pytest
from stages.samplers.requests.concurrency import ConcurrencyLimit, RetryDelays
from stages.samplers.requests.limit_control import LimitControl

from clocks import jumping
from server import Server
from teachers import ask, prompts, runs, workplace

pytestmark = pytest.mark.usefixtures("workplace")
__all__ = ["workplace"]


def traffic(most: int, calls: int, refuse: Callable[[int, random.Random], bool]) -> tuple[int, int, float, ConcurrencyLimit]:
    """Calls that take half a second when answered; answered, refused, seconds, the limit. `refuse` is told how many are at the server."""
    limit, rng = ConcurrencyLimit(most), random.Random(2)
    delays = RetryDelays(limit, random.Random(1))
    found = {"answered": 0, "refused": 0, "active": 0}
    took = 0.0

    async def call(loop: asyncio.AbstractEventLoop, tries: int = 0) -> None:
        await limit.enter()
        found["active"] += 1
        refused = refuse(found["active"], rng)
        took = 0.005 if refused else rng.uniform(0.3, 0.7)
        await asyncio.sleep(took)
        found["active"] -= 1
        limit.note(loop.time(), None if refused else took)
        if not refused:
            delays.answered()
            found["answered"] += 1
            limit.leave()
            return
        found["refused"] += 1
        delay, brake = delays.after_failure(tries, True, None)
        await asyncio.sleep(brake)
        limit.leave()
        await asyncio.sleep(delay)
        await call(loop, tries + 1)

    async def work() -> None:
        nonlocal took
        loop = asyncio.get_running_loop()
        await asyncio.gather(*(call(loop) for _ in range(calls)))
        took = loop.time()

    jumping(work)
    return found["answered"], found["refused"], took, limit


@pytest.mark.parametrize("limit", [1, 4, 16, 48])
def test_the_limit_of_a_server_is_found_and_not_hammered_at(limit: int) -> None:
    calls = 250 * limit
    answered, refused, took, _ = traffic(64, calls, lambda active, rng: active > limit)
    assert answered == calls
    assert took <= 1.3 * calls * 0.5 / limit
    assert refused <= 0.15 * calls + 300


def test_without_refusals_nothing_is_held_back() -> None:
    answered, refused, _, limit = traffic(64, 2000, lambda active, rng: False)
    assert (answered, refused, limit.limit) == (2000, 0, 64)


def test_refusals_by_chance_do_not_slow_down_the_rest() -> None:
    """30 % refused, however many are in flight: 1000 calls by 50 at once would ideally take 10 seconds."""
    answered, _, took, limit = traffic(50, 1000, lambda active, rng: rng.random() < 0.3)
    assert answered == 1000 and took <= 15.0
    assert limit.limit >= 40


def test_after_several_trials_for_nothing_the_limit_is_what_it_was_before_the_first() -> None:
    """The first window of a run is slow, so half as many at once seem to do as well: the second trial shows that nothing was gained."""
    control = LimitControl(50)
    assert [control.judge(share, rate) for share, rate in ((0.45, 66), (0.32, 59), (0.31, 27))] == [25, 12, 50]


def test_a_limit_that_is_lifted_is_used_again() -> None:
    seen = iter(range(10**9))
    *_, limit = traffic(64, 12_000, lambda active, rng: active > 8 and next(seen) < 150)
    assert limit.limit > 32


def test_while_nothing_gets_through_the_waits_grow() -> None:
    delays = RetryDelays(ConcurrencyLimit(4), random.Random(0))
    waits = [delays.after_failure(0, False, None) for _ in range(200)]
    assert waits[0][0] <= 0.25 and waits[0][1] == 0
    assert 30 <= waits[-1][0] <= 60 and waits[-1][1] == 60
    delays.answered()
    assert delays.after_failure(0, False, None)[1] == 0


def test_what_the_server_asks_for_is_granted() -> None:
    delay, _ = RetryDelays(ConcurrencyLimit(64), random.Random(0)).after_failure(0, True, 7.0)
    assert 7.0 < delay < 7.1


def test_at_a_real_server_with_a_limit() -> None:
    with Server(latency=0.02, limit=8) as server:
        answers = ask(server, prompts(800), concurrency=64, retries=20)
        assert len(answers) == 800 and set(server.billed.values()) == {1}
        assert server.kinds["over the limit"] < 400
    assert runs()[0]["faults"] == {"rate limit": server.kinds["over the limit"]}
