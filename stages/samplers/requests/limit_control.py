"""How many requests may be in flight, decided anew after each window of calls from two measurements: the
share of the calls that the server refused, and the answers a second.

Why not simply less after a refusal and more after an answer (AIMD)? Many servers refuse calls that have
nothing to do with this client's load (a quota shared with others, an overloaded machine). Then a lower
limit gains nothing, and AIMD would fall to one request at a time. So a lower limit is *probed*, and kept
only where it proves no slower.

The limit is in one of three states:

    growing    few calls are refused: the limit is raised a little after each window
    probing    many were refused: a lower limit is tried for a window, and compared with the one before it
    resting    a probe has failed: for some windows the limit stays as it is

What a probe leads to:

    as many answers as before           the lower limit stays; if still many are refused, the next probe is
                                        lower
    fewer answers, hardly any refused   too low: the server's limit lies between, where the two rates put it
    fewer answers, still many refused   the refusals are by chance: back to the limit before the probe (or
                                        before the first of several probes, if as many are refused as there),
                                        and that share of refusals counts as normal from then on
"""

from typing import NamedTuple

# Too many calls are refused where their share is this far above the normal one: a probe starts.
EXCESS = 0.15
# A probe tries half of the limit. Where still fewer calls were let through, it tries 1.2 times their share.
CUT = 0.5
LET_THROUGH = 1.2
# A probe has cost answers where it has less than this share of the answers a second before it.
AS_MANY = 0.75
# If more than this share of the refusals is left in such a probe, they are by chance.
BY_CHANCE = 0.4
# If more than this share of the refusals before the first of several probes is left, no probe has gained
# anything.
SAME = 0.5
# Windows of rest after a probe that changed nothing.
REST_BY_CHANCE = 16
# Windows of rest after a probe that was too low, and after a limit that was raised too far.
REST_TOO_LOW = 6
# Where a larger share of the calls is refused, a probe starts also within a rest.
FLOOD = 0.6
# The normal share of refusals moves by this part of the way to a lower share that is measured.
FORGET = 0.2
# A window raises the limit by a half of it (fast growth) or by a tenth (slow growth).
FAST, SLOW = 2, 10


class Level(NamedTuple):
    """A limit, with the answers a second and the share of refused calls that were measured at it."""

    limit: int
    rate: float
    share: float


class LimitControl:
    """`limit` is how many requests may be in flight now; `most` is the highest that it may be."""

    def __init__(self, most: int) -> None:
        self.most = self.limit = most
        self.normal_share = 0.0  # refusals that the number in flight does not cause
        self.before_probe: Level | None = None  # None: not probing
        self.before_first_probe = Level(most, 0.0, 0.0)  # of probes that followed each other
        self.rest = 0  # windows until the limit may change again
        self.good_limit = 0  # the last limit at which few calls were refused (0: not known)
        self.fast = False  # growth is fast after a probe that was kept: it may have been lower than need be

    def judge(self, share: float, rate: float) -> int:
        """The limit for the next window, after one with this share of refused calls and this many answers a
        second."""
        too_many = share > self.normal_share + EXCESS
        self.rest = max(0, self.rest - 1)
        if self.before_probe and rate < AS_MANY * self.before_probe.rate:
            self._end_probe(self.before_probe, share, rate)
        elif too_many and not self.before_probe and self.limit > self.good_limit > 0:
            self._step_back()
        elif too_many and (not self.rest or share > FLOOD):
            self._probe(share, rate)
        else:
            self._keep_or_grow(share, too_many)
        return self.limit

    def _end_probe(self, before: Level, share: float, rate: float) -> None:
        """The probe has cost answers: the limit goes up again."""
        self.before_probe, self.fast = None, False
        if share > BY_CHANCE * before.share:
            first = self.before_first_probe
            self.limit = first.limit if SAME * first.share < share < FLOOD else before.limit
            self.normal_share, self.rest = share, REST_BY_CHANCE
        else:
            answered_at_once = int(self.limit * before.rate / rate) if rate else 1  # before the probe
            self.limit = max(1, min(answered_at_once, before.limit - 1))
            self.rest = REST_TOO_LOW

    def _step_back(self) -> None:
        """The limit was raised a little too far."""
        self.rest, self.fast = REST_TOO_LOW, False
        self.limit = self.good_limit

    def _probe(self, share: float, rate: float) -> None:
        """Tries a lower limit."""
        level = Level(self.limit, rate, share)
        if not self.before_probe:
            self.before_first_probe = level
        self.fast, self.good_limit = self.before_probe is not None, 0
        self.before_probe = level
        self.limit = max(1, int(self.limit * min(CUT, LET_THROUGH * (1 - share))))

    def _keep_or_grow(self, share: float, too_many: bool) -> None:
        """The limit, that of a probe too, is kept, and raised where there is no rest."""
        self.fast = self.fast or self.before_probe is not None
        self.before_probe = None
        self.good_limit = 0 if too_many else self.limit
        self.normal_share += FORGET * (min(share, self.normal_share) - self.normal_share)
        if not self.rest:
            step = max(1, self.limit // (FAST if self.fast else SLOW))
            self.limit = min(self.most, self.limit + step)
