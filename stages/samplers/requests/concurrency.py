"""How many requests are in flight at once: as many as params allow, fewer where the server would answer no
more; and how long to wait."""

import asyncio
import random
from collections import deque

CALLS = 20  # a window has so many calls at least,
ROUNDS = 2  # and lasts so many times what an answer takes
MANY = 0.15  # a share of refused calls this far above what is usual calls for a trial with fewer at once,
FEWER = 0.5  # half of them, or as many as were let through where that is less
COSTS = 0.75  # a trial that answers less than this share of before has cut too deep
CURED = 0.4  # where more than this of the refusals is left, they are by chance
# and where more than this is left of those before the first of several trials, they were so from the start
SAME = 0.5
REST, PAUSE = (
    16,
    6,
)  # windows before the next trial: where the last one changed nothing, where it cut too deep
FLOOD = 0.6  # a share of refused calls at which there is no rest


class Gate:
    """At most `limit` at once, `most` at the start.

    Calls are judged by the window. Where many are refused, a lower limit is tried. As many answers as before:
    it stays, and is tried further. Fewer, and hardly one refused: the server's limit lies between, where the
    two rates say. Fewer, and still refused: how many are in flight has nothing to do with it, so the limit
    goes back (to what it was before the first of these trials, where as many are refused as then), and that
    share of refusals counts as usual from then on.
    """

    def __init__(self, most: int) -> None:
        self.most, self.limit = most, most
        self.active = 0
        self.waiting: deque[asyncio.Future[None]] = deque()
        self.took = 0.0  # seconds, by an answer, lately
        self.usual = 0.0
        self.trial: tuple[int, float, float] | None = (
            None  # the limit before it, answers a second and the share of refused calls then
        )
        self.origin = (
            most,
            0.0,
            # the limit, and the share of refused calls, before the first of the trials that followed each other
        )
        self.rest = 0
        self.calm = 0  # the limit at which few were refused lately
        self.fast = False  # back up from a trial that may have cut too deep, though it cost nothing
        self.draining = False
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
        self._wake(self.limit - self.active)

    def _wake(self, places: int) -> None:
        while places > 0 and self.waiting:
            place = self.waiting.popleft()
            if not place.done():
                place.set_result(None)
                places -= 1

    @property
    def flooded(self) -> bool:
        """Whether most calls of late were refused."""
        return self.calls >= CALLS / 2 and self.refused > FLOOD * self.calls

    def note(self, now: float, took: float | None) -> None:
        """A call has come back at `now`: answered (or failed otherwise) in `took` seconds, or refused (None)."""
        if took is not None:
            self.took = 0.9 * self.took + 0.1 * took if self.took else took
        if self.draining and self.active > self.limit:
            return  # sent before the limit was cut: it says nothing about the new one
        self.draining = False
        if self.began is None:
            self.began = now
            return
        self.calls += 1
        self.refused += took is None
        known = (
            now - self.began > ROUNDS * self.took if self.took else self.calls >= 2 * ROUNDS * self.limit
        )  # refusals come back sooner
        if self.calls >= CALLS and known:
            self._judge(self.refused / self.calls, (self.calls - self.refused) / (now - self.began))
            self.calls = self.refused = 0
            self.began = None

    def _judge(self, share: float, rate: float) -> None:
        many = share > self.usual + MANY
        self.rest -= self.rest > 0
        if self.trial and rate < COSTS * self.trial[1]:
            limit, before, refused = self.trial
            chance = share > CURED * refused
            fits = int(self.limit * before / rate) if rate else 1  # so many were answered at once before
            self.trial, self.rest, self.fast = None, REST if chance else PAUSE, False
            back = self.origin[0] if SAME * self.origin[1] < share < FLOOD else limit
            self._set(back if chance else max(1, min(fits, limit - 1)))
            self.usual = share if chance else self.usual
        elif many and not self.trial and self.limit > self.calm > 0:
            self.rest, self.fast = PAUSE, False
            self._set(self.calm)  # it was raised a little too far
        elif many and (not self.rest or share > FLOOD):
            self.fast, self.calm = self.trial is not None, 0
            self.origin = self.origin if self.trial else (self.limit, share)
            self.trial = (self.limit, rate, share)
            self._set(max(1, int(self.limit * min(FEWER, 1.2 * (1 - share)))))
        else:
            self.fast = self.fast or self.trial is not None
            self.trial = None
            self.calm = 0 if many else self.limit
            self.usual += 0.2 * (min(share, self.usual) - self.usual)
            if not self.rest:
                self._set(min(self.most, self.limit + max(1, self.limit // (2 if self.fast else 10))))

    def _set(self, limit: int) -> None:
        self.draining = limit < self.limit
        self.limit = limit
        self._wake(limit - self.active)


FIRST, GENTLE, STEEP, LONGEST = (
    0.25,
    1.5,
    2.0,
    60.0,
)  # seconds before the first retry; growth where others get through, where none does
ALL = 10  # failed calls in a row, and two for each place: nothing gets through
# of the time that an answer takes, for which a refused call keeps its place; all of it where most are refused
BRAKE = 0.15


class Patience:
    """How long to wait after a failed call. `jitter` spreads the waits, so that what failed together does not
    come back together."""

    def __init__(self, gate: Gate, jitter: random.Random) -> None:
        self.gate, self.jitter = gate, jitter
        self.streak = 0  # failed calls since the last answer

    def failed(self, tries: int, refused: bool, after: float | None) -> tuple[float, float]:
        """Seconds until the request is tried again, and those for which its place stays empty, so that nobody
        hammers at the server.

        `after` is what the server asks for. With every round in which all that is in flight fails, both grow.
        """
        self.streak += 1
        rounds = self.streak // max(ALL, 2 * self.gate.limit)
        steep = min(LONGEST, FIRST * STEEP ** min(rounds, 20)) if rounds else 0.0
        wanted = self.jitter.uniform(0.5, 1.0) * min(LONGEST, max(FIRST * GENTLE**tries, steep))
        brake = (self.gate.took or FIRST) * (1.0 if self.gate.flooded else BRAKE) if refused else 0.0
        return (wanted if after is None else after + 0.2 * wanted), min(LONGEST, max(brake, steep))
