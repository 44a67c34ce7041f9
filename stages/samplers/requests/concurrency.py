"""The concurrency limit: how many requests are in flight at once. And the delays after failed calls."""

import asyncio
import random
from collections import deque

from stages.samplers.requests.limit_control import FLOOD, LimitControl

# A window of calls ends once it has so many calls and has lasted so many times what an answer takes.
WINDOW_CALLS = 20
WINDOW_ROUNDS = 2


class ConcurrencyLimit:
    """At most `limit` requests at once: `most` at the start, fewer while the server refuses calls (see
    limit_control.py)."""

    def __init__(self, most: int) -> None:
        self.control = LimitControl(most)
        self.active = 0
        self.waiting: deque[asyncio.Future[None]] = deque()
        self.answer_seconds = 0.0  # what an answer takes: a running mean (0: none has come yet)
        self.draining = False  # more are in flight than the limit, which was lowered, allows
        self.calls = self.refused = 0  # in this window
        self.window_start: float | None = None

    @property
    def limit(self) -> int:
        """How many requests may be in flight now."""
        return self.control.limit

    @property
    def flooded(self) -> bool:
        """Whether most calls of this window were refused."""
        return self.calls >= WINDOW_CALLS / 2 and self.refused > FLOOD * self.calls

    async def enter(self) -> None:
        """Waits until a request may be sent, and counts it as in flight."""
        while self.active >= self.limit:
            place = asyncio.get_running_loop().create_future()
            self.waiting.append(place)
            await place
        self.active += 1

    def leave(self) -> None:
        """The request is no longer in flight."""
        self.active -= 1
        self._wake(self.limit - self.active)

    def _wake(self, places: int) -> None:
        while places > 0 and self.waiting:
            place = self.waiting.popleft()
            if not place.done():
                place.set_result(None)
                places -= 1

    def note(self, now: float, seconds: float | None) -> None:
        """Counts a call that has come back at `now`: answered, or failed otherwise, after `seconds`, or
        refused (None)."""
        if seconds is not None:
            mean = self.answer_seconds
            self.answer_seconds = 0.9 * mean + 0.1 * seconds if mean else seconds
        if self.draining and self.active > self.limit:
            return  # sent before the limit was lowered: it says nothing about the new one
        self.draining = False
        if self.window_start is None:
            self.window_start = now
            return
        self.calls += 1
        self.refused += seconds is None
        if self.calls >= WINDOW_CALLS and self._lasted(now - self.window_start):
            self._end_window(now - self.window_start)

    def _lasted(self, seconds: float) -> bool:
        """Whether a window of so many seconds says enough: refusals come back sooner than answers."""
        if self.answer_seconds:
            return seconds > WINDOW_ROUNDS * self.answer_seconds
        return self.calls >= 2 * WINDOW_ROUNDS * self.limit

    def _end_window(self, seconds: float) -> None:
        before = self.limit
        self.control.judge(self.refused / self.calls, (self.calls - self.refused) / seconds)
        self.draining = self.limit < before
        self._wake(self.limit - self.active)
        self.calls = self.refused = 0
        self.window_start = None


FIRST_DELAY, LONGEST_DELAY = 0.25, 60.0  # seconds before the first retry, and before any
GROWTH = 1.5  # of the delay with each retry, where other requests are answered
STEEP_GROWTH = 2.0  # of the delay with each round of failures, where none is answered
FAILURES_IN_A_ROW = 10  # this many, and two for each request in flight: none is answered
# The share of an answer's time for which a refused call still counts as in flight; the whole time where
# most are refused. So refusals, which come back at once, do not make room for more calls than answers
# would.
HOLD = 0.15


class RetryDelays:
    """How long to wait after a failed call. `jitter` spreads the delays, so that requests that failed
    together do not come back together."""

    def __init__(self, limit: ConcurrencyLimit, jitter: random.Random) -> None:
        self.limit, self.jitter = limit, jitter
        self.failures = 0  # failed calls since the last answer

    def after_failure(self, tries: int, refused: bool, after: float | None) -> tuple[float, float]:
        """The seconds until the request, which has had `tries` retries, is tried again, and the seconds for
        which it still counts as in flight.

        `after` is what the server asks for. Both grow with every round in which all calls in flight fail.
        """
        self.failures += 1
        rounds = self.failures // max(FAILURES_IN_A_ROW, 2 * self.limit.limit)
        steep = min(LONGEST_DELAY, FIRST_DELAY * STEEP_GROWTH ** min(rounds, 20)) if rounds else 0.0
        delay = min(LONGEST_DELAY, max(FIRST_DELAY * GROWTH**tries, steep)) * self.jitter.uniform(0.5, 1.0)
        hold = 0.0
        if refused:
            hold = (self.limit.answer_seconds or FIRST_DELAY) * (1.0 if self.limit.flooded else HOLD)
        return (delay if after is None else after + 0.2 * delay), min(LONGEST_DELAY, max(hold, steep))

    def answered(self) -> None:
        """An answer has come."""
        self.failures = 0
