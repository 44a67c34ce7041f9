"""Requests and tokens a minute, and how many are in flight at once: on a clock that jumps, and at a real server."""

import asyncio
import random
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from stages.samplers.requests.concurrency import Gate, Patience
from stages.samplers.requests.rate_limit import Pace

from server import Server
from teachers import ask, prompts, runs, workplace

pytestmark = pytest.mark.usefixtures("workplace")
__all__ = ["workplace"]


class Jumping(asyncio.SelectorEventLoop):
    """An event loop in which waiting takes no time: the clock jumps to whatever is due next."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        select = self._selector.select  # type: ignore[attr-defined]

        def jump(timeout: float | None) -> Any:
            self.now += timeout or 0.0
            return select(0)

        self._selector.select = jump  # type: ignore[attr-defined]

    def time(self) -> float:
        return self.now


def jumping(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    with asyncio.Runner(loop_factory=Jumping) as runner:
        runner.run(work())


def busiest(events: list[tuple[float, float]], span: float = 60.0) -> float:
    """The most of anything within `span` seconds, of (time, amount)."""
    most = total = 0.0
    first = 0
    for at, amount in events:
        total += amount
        while events[first][0] <= at - span:
            total -= events[first][1]
            first += 1
        most = max(most, total)
    return most


@pytest.mark.parametrize(
    ("requests", "tokens", "size"),
    [(600.0, None, 500), (None, 100_000.0, 500), (None, 100_000.0, 4000), (600.0, 100_000.0, 100), (600.0, 100_000.0, 400)],
)
def test_over_any_minute_the_rates_are_kept_and_used(requests: float | None, tokens: float | None, size: int) -> None:
    """Answers take 0.5 to 9 seconds, and from half to one and a half times `size` tokens; one in ten fails and is sent again."""
    sent: list[tuple[float, float]] = []
    rng = random.Random(size)

    async def worker(pace: Pace) -> None:
        loop = asyncio.get_running_loop()
        while loop.time() < 300:
            request = await pace.wait(2 * size)
            used = rng.randint(size // 2, 3 * size // 2) if rng.random() < 0.9 else 0
            sent.append((loop.time(), used))
            await asyncio.sleep(rng.uniform(0.5, 9.0))
            pace.settle(request, used or None)

    async def work() -> None:
        pace = Pace(requests, tokens)
        await asyncio.gather(*(worker(pace) for _ in range(128)))

    jumping(work)
    most_requests, most_tokens = busiest([(at, 1) for at, _ in sent]), busiest(sent)
    assert requests is None or most_requests <= 1.05 * requests
    assert tokens is None or most_tokens <= 1.05 * tokens
    steady = [(at, used) for at, used in sent if 60 <= at < 240]
    shares = [len(steady) / 3 / requests if requests else 0, sum(used for _, used in steady) / 3 / tokens if tokens else 0]
    assert max(shares) >= 0.95  # the tighter one is used


@pytest.mark.parametrize(
    ("changed", "usage", "expected"),
    [({"requests_per_minute": 600.0}, (10, 5), 10.0), ({"tokens_per_minute": 100_000.0}, (40, 60), 100_000 / 60 / 100)],
)
def test_a_real_server_sees_the_rate(changed: dict[str, float], usage: tuple[int, int], expected: float) -> None:
    """In requests a second, the first ones, whose tokens nobody knows yet, left out."""
    count = int(3 * expected)
    with Server(usage=usage) as server:
        ask(server, prompts(count + 10), **changed)
        times = [call.at for call in server.calls][10:]
    assert (count - 1) / (times[-1] - times[0]) <= 1.05 * expected + 0.5 / 3 * expected  # half a second may be made up for
    assert count / (times[-1] - times[0]) >= 0.5 * expected  # a busy machine may be late


def traffic(most: int, calls: int, refuse: Callable[[int, random.Random], bool]) -> tuple[int, int, float, Gate]:
    """Calls that take half a second when answered; answered, refused, seconds, the gate. `refuse` is told how many are at the server."""
    gate, rng = Gate(most), random.Random(2)
    patience = Patience(gate, random.Random(1))
    found = {"answered": 0, "refused": 0, "active": 0}
    took = 0.0

    async def call(loop: asyncio.AbstractEventLoop, tries: int = 0) -> None:
        await gate.enter()
        found["active"] += 1
        refused = refuse(found["active"], rng)
        took = 0.005 if refused else rng.uniform(0.3, 0.7)
        await asyncio.sleep(took)
        found["active"] -= 1
        gate.note(loop.time(), None if refused else took)
        if not refused:
            patience.streak = 0
            found["answered"] += 1
            gate.leave()
            return
        found["refused"] += 1
        delay, brake = patience.failed(tries, True, None)
        await asyncio.sleep(brake)
        gate.leave()
        await asyncio.sleep(delay)
        await call(loop, tries + 1)

    async def work() -> None:
        nonlocal took
        loop = asyncio.get_running_loop()
        await asyncio.gather(*(call(loop) for _ in range(calls)))
        took = loop.time()

    jumping(work)
    return found["answered"], found["refused"], took, gate


@pytest.mark.parametrize("limit", [1, 4, 16, 48])
def test_the_limit_of_a_server_is_found_and_not_hammered_at(limit: int) -> None:
    calls = 250 * limit
    answered, refused, took, _ = traffic(64, calls, lambda active, rng: active > limit)
    assert answered == calls
    assert took <= 1.3 * calls * 0.5 / limit
    assert refused <= 0.15 * calls + 300


def test_without_refusals_nothing_is_held_back() -> None:
    answered, refused, _, gate = traffic(64, 2000, lambda active, rng: False)
    assert (answered, refused, gate.limit) == (2000, 0, 64)


def test_refusals_by_chance_do_not_slow_down_the_rest() -> None:
    """30 % refused, however many are in flight: 1000 calls by 50 at once would ideally take 10 seconds."""
    answered, _, took, gate = traffic(50, 1000, lambda active, rng: rng.random() < 0.3)
    assert answered == 1000 and took <= 15.0
    assert gate.limit >= 40


def test_after_several_trials_for_nothing_the_limit_is_what_it_was_before_the_first() -> None:
    """The first window of a run is slow, so half as many at once seem to do as well: the second trial shows that nothing was gained."""
    gate, limits = Gate(50), []
    for share, rate in ((0.45, 66), (0.32, 59), (0.31, 27)):
        gate._judge(share, rate)
        limits.append(gate.limit)
    assert limits == [25, 12, 50]


def test_a_limit_that_is_lifted_is_used_again() -> None:
    seen = iter(range(10**9))
    *_, gate = traffic(64, 12_000, lambda active, rng: active > 8 and next(seen) < 150)
    assert gate.limit > 32


def test_while_nothing_gets_through_the_waits_grow() -> None:
    patience = Patience(Gate(4), random.Random(0))
    waits = [patience.failed(0, False, None) for _ in range(200)]
    assert waits[0][0] <= 0.25 and waits[0][1] == 0
    assert 30 <= waits[-1][0] <= 60 and waits[-1][1] == 60
    patience.streak = 0
    assert patience.failed(0, False, None)[1] == 0


def test_what_the_server_asks_for_is_granted() -> None:
    delay, _ = Patience(Gate(64), random.Random(0)).failed(0, True, 7.0)
    assert 7.0 < delay < 7.1


def test_at_a_real_server_with_a_limit() -> None:
    with Server(latency=0.02, limit=8) as server:
        answers = ask(server, prompts(800), concurrency=64, retries=20)
        assert len(answers) == 800 and set(server.billed.values()) == {1}
        assert server.kinds["over the limit"] < 400
    assert runs()[0]["faults"] == {"rate limit": server.kinds["over the limit"]}
