"""Tells of failed calls while they happen: kind, count, and when the next try is."""

import sys
from collections import Counter
from collections.abc import Callable

from tqdm import tqdm

from stages.samplers.http.faults import Fault

EVERY = 10.0  # seconds between two lines about faults of one kind


def say(text: str) -> None:
    """Prints a line on standard error, above the progress bars."""
    with tqdm.external_write_mode(file=sys.stderr):
        print(text, file=sys.stderr)


class FaultNotices:
    """The lines of a run about `model`; the first fault of a kind is told at once. `clock` gives seconds."""

    def __init__(self, model: str, clock: Callable[[], float]) -> None:
        self.model, self.clock = model, clock
        self.counts: Counter[str] = Counter()
        self.last: dict[str, float] = {}

    def note(self, fault: Fault, delay: float | None) -> None:
        """Counts a failed call. `delay` is in seconds until it is tried again (None: it is given up)."""
        self.counts[fault.kind] += 1
        now, count = self.clock(), self.counts[fault.kind]
        if now - self.last.get(fault.kind, -EVERY) < EVERY:
            return
        self.last[fault.kind] = now
        then = "given up" if delay is None else f"next try in {delay:.1f} s"
        calls = "1 call" if count == 1 else f"{count} calls so far"
        say(f"{self.model}: {fault.kind}, {calls}; {then}{': ' if fault.message else ''}{fault.message}")
