"""Requests and tokens a minute, spread evenly: over any minute no more are sent than params allow."""

import asyncio

SLACK = 0.5  # seconds that may be made up for after a late wake-up; half a second's worth is all that can come at once


class Pace:
    """Two clocks run ahead of the real one: by 60 / `requests` seconds for each request sent, by 60 / `tokens` for each token.

    How many tokens a request takes is known once it is answered. Until then it counts for as many as the mean of those answered so far, the
    first ones for all that they could take; the clock is set right with the answer.
    """

    def __init__(self, requests: float | None, tokens: float | None) -> None:
        self.request_gap = 60 / requests if requests else 0.0
        self.token_gap = 60 / tokens if tokens else 0.0
        self.next_request = self.next_token = -float("inf")
        self.mean: float | None = None
        self.turn = asyncio.Lock()

    async def wait(self, most: int) -> float:
        """Returns when the next request may be sent, with the tokens it counts for; `most` is what it could take."""
        if not self.request_gap and not self.token_gap:
            return 0.0
        async with self.turn:  # one at a time, so each is counted with all that is known when it leaves
            loop = asyncio.get_running_loop()
            while (late := max(self.next_request, self.next_token) - loop.time()) > 0:
                await asyncio.sleep(min(late, 0.1))  # no longer: an answer may set the clock right meanwhile
            counted = float(most) if self.mean is None else self.mean
            earliest = loop.time() - SLACK
            self.next_request = max(self.next_request, earliest) + self.request_gap
            self.next_token = max(self.next_token, earliest) + counted * self.token_gap
            return counted

    def settle(self, counted: float, tokens: int | None) -> None:
        """What a request took in truth (None: it was not answered, and took nothing)."""
        self.next_token += ((tokens or 0) - counted) * self.token_gap
        if tokens is not None:
            self.mean = tokens if self.mean is None else 0.9 * self.mean + 0.1 * tokens
