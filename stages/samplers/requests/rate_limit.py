"""The rate limit: requests and tokens a minute, spread evenly. Over any minute no more are sent than params
allow."""

import asyncio
from collections import deque

# Seconds of lateness that may be made up for: after a late wake-up, at most as many requests leave at once as
# the limit allows in this time.
SLACK = 0.5
MINUTE = 60.0
NAP = 0.1  # seconds; the longest sleep before the due time is computed anew, since an answer may change it


class SentRequest:
    """A request that left at `at` (the event loop's clock, in seconds), and the tokens it counts for."""

    def __init__(self, at: float, tokens: float) -> None:
        self.at, self.tokens = at, tokens


class RateLimit:
    """At most `requests` requests and `tokens` tokens a minute (None: no limit).

    Each limit has a time before which the next request may not leave. A request moves the first one on by a
    minute / `requests`, and the second one by a minute / `tokens` for each of its tokens.

    The tokens of a request are known once it is answered. Until then it counts for the running mean of
    those that were answered; the first ones count for all that they could take. Because a request may take
    more than the mean, the tokens of the last minute are added up as well."""

    def __init__(self, requests: float | None, tokens: float | None) -> None:
        self.request_gap = MINUTE / requests if requests else 0.0
        self.token_gap = MINUTE / tokens if tokens else 0.0
        self.tokens = tokens or float("inf")
        self.next_by_requests = self.next_by_tokens = -float("inf")
        self.mean_tokens: float | None = None
        self.last_minute: deque[SentRequest] = deque()
        self.last_minute_tokens = 0.0
        self.turn = asyncio.Lock()

    async def wait(self, most: int) -> SentRequest:
        """Returns when the next request may be sent; `most` are the tokens that it could take."""
        if not self.request_gap and not self.token_gap:
            return SentRequest(0.0, 0.0)
        async with self.turn:  # one at a time, so that each counts with all that is known when it leaves
            loop = asyncio.get_running_loop()
            tokens = self._expected(most)
            while (early := self._due(loop.time(), tokens) - loop.time()) > 0:
                await asyncio.sleep(min(early, NAP))
                tokens = self._expected(most)
            sent = SentRequest(loop.time(), tokens)
            earliest = sent.at - SLACK
            self.next_by_requests = max(self.next_by_requests, earliest) + self.request_gap
            self.next_by_tokens = max(self.next_by_tokens, earliest) + tokens * self.token_gap
            if self.token_gap:
                self.last_minute.append(sent)
                self.last_minute_tokens += tokens
            return sent

    def settle(self, sent: SentRequest, tokens: int | None) -> None:
        """Corrects the tokens of a request that has come back (None: it was not answered, and took none)."""
        more = (tokens or 0) - sent.tokens
        self.next_by_tokens += more * self.token_gap
        if self.last_minute and sent.at >= self.last_minute[0].at:
            sent.tokens += more
            self.last_minute_tokens += more
        if tokens is not None:
            self.mean_tokens = tokens if self.mean_tokens is None else 0.9 * self.mean_tokens + 0.1 * tokens

    def _expected(self, most: int) -> float:
        return float(most) if self.mean_tokens is None else self.mean_tokens

    def _due(self, now: float, tokens: float) -> float:
        """The time at which a request of so many tokens may leave."""
        while self.last_minute and self.last_minute[0].at <= now - MINUTE:
            self.last_minute_tokens -= self.last_minute.popleft().tokens
        full = self.last_minute and self.last_minute_tokens + tokens > self.tokens
        by_last_minute = self.last_minute[0].at + MINUTE if full else now
        return max(self.next_by_requests, self.next_by_tokens, by_last_minute)
