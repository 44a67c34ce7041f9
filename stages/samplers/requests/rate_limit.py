"""The rate limit: requests and tokens a minute, spread evenly. Over any minute no more are sent than params
allow."""

import asyncio
from collections import deque
from typing import NamedTuple, Protocol

# Seconds of lateness that may be made up for: after a late wake-up, at most as many requests leave at once as
# the limit allows in this time.
SLACK = 0.5
MINUTE = 60.0
NAP = 0.1  # seconds; the longest sleep before the due time is computed anew, since an answer may change it


class SentRequest:
    """A request that left at `at` (the clock of its records, in seconds), and the tokens it counts for.
    `number` is its place in shared records (0: it has none)."""

    def __init__(self, at: float, tokens: float, number: int = 0) -> None:
        self.at, self.tokens, self.number = at, tokens, number


class Gaps(NamedTuple):
    """Seconds between two requests, and for each token (0: no limit), and the tokens of a minute."""

    request: float
    token: float
    tokens: float

    @classmethod
    def of(cls, requests: float | None, tokens: float | None) -> "Gaps":
        """Those of so many requests and tokens a minute (None: no limit)."""
        return cls(MINUTE / requests if requests else 0.0, MINUTE / tokens if tokens else 0.0, tokens or 0.0)


class Pace:
    """Each limit has a time before which the next request may not leave. A request moves the first one on by
    a minute / `requests`, and the second one by a minute / `tokens` for each of its tokens.

    The tokens of a request are known once it is answered. Until then it counts for the running mean of those
    that were answered; the first ones count for all that they could take. Because a request may take more
    than the mean, the tokens of the last minute are added up as well."""

    def __init__(
        self,
        next_by_requests: float = -MINUTE,
        next_by_tokens: float = -MINUTE,
        mean_tokens: float | None = None,
        last_minute_tokens: float = 0.0,
    ) -> None:
        self.next_by_requests, self.next_by_tokens = next_by_requests, next_by_tokens
        self.mean_tokens, self.last_minute_tokens = mean_tokens, last_minute_tokens

    def expected(self, most: int) -> float:
        """The tokens that a request counts for, which could take `most`."""
        return float(most) if self.mean_tokens is None else self.mean_tokens

    def due(self, gaps: Gaps, now: float, tokens: float, oldest: float | None) -> float:
        """The time at which a request of so many tokens may leave. `oldest` is when the first request of the
        last minute left (None: there is none)."""
        full = gaps.token and oldest is not None and self.last_minute_tokens + tokens > gaps.tokens
        by_last_minute = oldest + MINUTE if full and oldest is not None else now
        return max(self.next_by_requests, self.next_by_tokens, by_last_minute)

    def leave(self, gaps: Gaps, now: float, tokens: float) -> None:
        """Counts a request that leaves."""
        earliest = now - SLACK
        self.next_by_requests = max(self.next_by_requests, earliest) + gaps.request
        self.next_by_tokens = max(self.next_by_tokens, earliest) + tokens * gaps.token
        self.last_minute_tokens += tokens

    def settle(self, gaps: Gaps, more: float, tokens: int | None, recent: bool) -> None:
        """Corrects a request that has come back by `more` tokens; `tokens` are all of it (None: it was not
        answered). `recent`: it left within the last minute."""
        self.next_by_tokens += more * gaps.token
        self.last_minute_tokens += more if recent else 0.0
        if tokens is not None:
            self.mean_tokens = tokens if self.mean_tokens is None else 0.9 * self.mean_tokens + 0.1 * tokens


class Records(Protocol):
    """Where a pace and the requests of the last minute are kept."""

    def try_leave(self, gaps: Gaps, most: int) -> SentRequest | float:
        """The request that may leave now, noted as sent, or the seconds until then."""

    def settle(self, gaps: Gaps, sent: SentRequest, tokens: int | None) -> None:
        """Corrects the tokens of a request that has come back (None: it was not answered, and took none)."""


class OwnRecords:
    """Those of one run, on the clock of its event loop."""

    def __init__(self) -> None:
        self.pace = Pace()
        self.last_minute: deque[SentRequest] = deque()

    def try_leave(self, gaps: Gaps, most: int) -> SentRequest | float:
        """As Records says."""
        now, pace = asyncio.get_running_loop().time(), self.pace
        while self.last_minute and self.last_minute[0].at <= now - MINUTE:
            pace.last_minute_tokens -= self.last_minute.popleft().tokens
        tokens = pace.expected(most)
        oldest = self.last_minute[0].at if self.last_minute else None
        if (early := pace.due(gaps, now, tokens, oldest) - now) > 0:
            return early
        pace.leave(gaps, now, tokens)
        sent = SentRequest(now, tokens)
        if gaps.token:
            self.last_minute.append(sent)
        return sent

    def settle(self, gaps: Gaps, sent: SentRequest, tokens: int | None) -> None:
        """As Records says."""
        more = (tokens or 0) - sent.tokens
        recent = bool(self.last_minute) and sent.at >= self.last_minute[0].at
        self.pace.settle(gaps, more, tokens, recent)
        sent.tokens += more if recent else 0.0


class RateLimit:
    """At most `requests` requests and `tokens` tokens a minute (None: no limit), by what `records` holds
    (None: records of this run alone)."""

    def __init__(self, requests: float | None, tokens: float | None, records: Records | None = None) -> None:
        self.gaps, self.records = Gaps.of(requests, tokens), records or OwnRecords()
        self.limited = bool(requests or tokens)
        self.turn = asyncio.Lock()

    async def wait(self, most: int) -> SentRequest:
        """Returns when the next request may be sent; `most` are the tokens that it could take."""
        if not self.limited:
            return SentRequest(0.0, 0.0)
        async with self.turn:  # one at a time, so that each counts with all that is known when it leaves
            while isinstance(sent := self.records.try_leave(self.gaps, most), float):
                await asyncio.sleep(min(sent, NAP))
            return sent

    def settle(self, sent: SentRequest, tokens: int | None) -> None:
        """Corrects the tokens of a request that has come back (None: it was not answered, and took none)."""
        if self.limited:
            self.records.settle(self.gaps, sent, tokens)
