"""Requests and tokens a minute, spread evenly: over any minute no more are sent than params allow."""

import asyncio
from collections import deque

# seconds that may be made up for after a late wake-up; half a second's worth is all that can come at once
SLACK = 0.5
MINUTE = 60.0


class Sent:
    """A request that left at `at`, and the tokens that it counts for."""

    def __init__(self, at: float, tokens: float) -> None:
        self.at, self.tokens = at, tokens


class Pace:
    """Two clocks run ahead of the real one: by a minute / `requests` for each request sent, by a minute /
    `tokens` for each token.

    How many tokens a request takes is known once it is answered. Until then it counts for as many as the mean
    of those answered so far, the first ones for all that they could take. Since they may take more, those of
    the last minute are added up as well.
    """

    def __init__(self, requests: float | None, tokens: float | None) -> None:
        self.request_gap = MINUTE / requests if requests else 0.0
        self.token_gap = MINUTE / tokens if tokens else 0.0
        self.tokens = tokens or float("inf")
        self.next_request = self.next_token = -float("inf")
        self.mean: float | None = None
        self.minute: deque[Sent] = deque()
        self.total = 0.0  # tokens of this last minute
        self.turn = asyncio.Lock()

    async def wait(self, most: int) -> Sent:
        """Returns when the next request may be sent; `most` are the tokens that it could take."""
        if not self.request_gap and not self.token_gap:
            return Sent(0.0, 0.0)
        async with self.turn:  # one at a time, so each is counted with all that is known when it leaves
            loop = asyncio.get_running_loop()
            counted = self._counted(most)
            while (late := self._due(loop.time(), counted) - loop.time()) > 0:
                await asyncio.sleep(min(late, 0.1))  # no longer: an answer may change what is counted
                counted = self._counted(most)
            sent = Sent(loop.time(), counted)
            self.next_request = max(self.next_request, sent.at - SLACK) + self.request_gap
            self.next_token = max(self.next_token, sent.at - SLACK) + counted * self.token_gap
            if self.token_gap:
                self.minute.append(sent)
                self.total += counted
            return sent

    def _counted(self, most: int) -> float:
        return float(most) if self.mean is None else self.mean

    def _due(self, now: float, counted: float) -> float:
        while self.minute and self.minute[0].at <= now - MINUTE:
            self.total -= self.minute.popleft().tokens
        full = self.minute and self.total + counted > self.tokens
        return max(self.next_request, self.next_token, self.minute[0].at + MINUTE if full else now)

    def settle(self, sent: Sent, tokens: int | None) -> None:
        """What a request took in truth (None: it was not answered, and took nothing)."""
        more = (tokens or 0) - sent.tokens
        self.next_token += more * self.token_gap
        if self.minute and sent.at >= self.minute[0].at:
            sent.tokens += more
            self.total += more
        if tokens is not None:
            self.mean = tokens if self.mean is None else 0.9 * self.mean + 0.1 * tokens
