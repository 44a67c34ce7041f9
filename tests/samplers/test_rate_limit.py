"""The rate limit: requests and tokens a minute, on a clock that jumps and at a real server."""

import asyncio
import random

import pytest
from stages.samplers.requests.rate_limit import RateLimit

from clocks import jumping
from server import Server
from teachers import ask, prompts, workplace

pytestmark = pytest.mark.usefixtures("workplace")
__all__ = ["workplace"]


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

    async def worker(limit: RateLimit) -> None:
        loop = asyncio.get_running_loop()
        while loop.time() < 300:
            request = await limit.wait(2 * size)
            used = rng.randint(size // 2, 3 * size // 2) if rng.random() < 0.9 else 0
            sent.append((loop.time(), used))
            await asyncio.sleep(rng.uniform(0.5, 9.0))
            limit.settle(request, used or None)

    async def work() -> None:
        limit = RateLimit(requests, tokens)
        await asyncio.gather(*(worker(limit) for _ in range(128)))

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
