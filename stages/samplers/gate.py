"""How many requests are in flight at once: as many as params allow, fewer where it would answer no more; and how long to wait."""

import asyncio
import random
from collections import deque

USUAL = 0.1  # a share of refused calls this far above what is usual calls for a trial with half as many at once
COSTS = 0.75  # a trial that answers less than this share of before has cut too deep
STAYS = 16  # windows for which the limit found is not tried to be exceeded


class Gate:
    """At most `limit` at once, `most` at the start.

    Calls are judged by the window (two for each place). Where many are refused, half the limit is tried. As many answers as before: it
    stays, and is tried further. Fewer: the server's limit lies between (back to nine tenths), or refusals have nothing to do with how many
    are in flight (back to all, and that share of refusals counts as usual from then on).
    """

    def __init__(self, most: int) -> None:
        self.most, self.limit = most, most
        self.active = 0
        self.waiting: deque[asyncio.Future[None]] = deque()
        self.usual = 0.0
        self.trial: tuple[int, float] | None = None  # the limit before it, and answers a second then
        self.stays = 0
        self.draining = False
        self._open()

    def _open(self) -> None:
        self.calls = self.refused = 0
        self.began: float | None = None

    async def enter(self) -> None:
        """Waits for a place."""
        while self.active >= self.limit:
            place = asyncio.get_running_loop().create_future()
            self.waiting.append(place)
            await place
        self.active += 1

    def leave(self) -> None:
        """Gives the place back."""
        self.active -= 1
        while self.waiting and self.active < self.limit:
            place = self.waiting.popleft()
            if not place.done():
                place.set_result(None)
                break

    def note(self, refused: bool, now: float) -> None:
        """One more call has come back, at `now` in seconds."""
        if self.draining and self.active > self.limit:
            return  # sent before the limit was cut: it says nothing about the new one
        self.draining = False
        if self.began is None:
            self.began = now
            return
        self.calls += 1
        self.refused += refused
        if self.calls >= max(20, 2 * self.limit) and now > self.began:
            self._judge(self.refused / self.calls, (self.calls - self.refused) / (now - self.began))
            self._open()

    def _judge(self, share: float, rate: float) -> None:
        many = share > self.usual + USUAL
        if self.trial and rate < COSTS * self.trial[1]:
            limit, _ = self.trial
            self.trial, self.stays = None, STAYS
            if many:
                self._set(limit)
                self.usual = share
            else:
                self._set(max(1, limit * 9 // 10))
        elif many:
            self.trial = (self.limit, rate)
            self._set(max(1, self.limit // 2))
        else:
            self.trial = None
            self.usual = min(self.usual, share + USUAL / 2)
            self.stays -= self.stays > 0
            if not self.stays:
                self._set(min(self.most, self.limit + max(1, self.limit // 10)))

    def _set(self, limit: int) -> None:
        self.draining = limit < self.limit
        for _ in range(limit - self.limit):
            if self.waiting and not (place := self.waiting.popleft()).done():
                place.set_result(None)
        self.limit = limit


FIRST, GENTLE, STEEP, LONGEST = 0.25, 1.5, 2.0, 60.0  # seconds before the first retry; growth where others get through, where none does
BRAKE = 0.25  # of an answer's usual time, for which a refused call keeps its place


class Patience:
    """How long to wait after a failed call. `jitter` spreads the waits, so that what failed together does not come back together."""

    def __init__(self, jitter: random.Random) -> None:
        self.jitter = jitter
        self.streak = 0  # failed calls since the last answer
        self.usual = 0.0  # seconds that an answer takes

    def answered(self, took: float) -> None:
        """A call was answered after `took` seconds."""
        self.streak = 0
        self.usual = 0.9 * self.usual + 0.1 * took if self.usual else took

    def failed(self, tries: int, limit: int, refused: bool, after: float | None) -> tuple[float, float]:
        """Seconds until the request is tried again, and those for which its place stays empty, so that nobody hammers at the server.

        `after` is what the server asks for. With every round in which all that is in flight fails, both grow.
        """
        self.streak += 1
        rounds = self.streak // limit
        steep = min(LONGEST, FIRST * STEEP ** min(rounds, 20)) if rounds else 0.0
        wanted = self.jitter.uniform(0.5, 1.0) * min(LONGEST, max(FIRST * GENTLE**tries, steep))
        brake = BRAKE * min(1.0, self.usual) if refused else 0.0
        return (wanted if after is None else after + 0.2 * wanted), max(brake, steep)
