"""Has SIGTERM end a run as an interrupt does: what is in flight is waited for and stored."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import current_thread, main_thread
from types import FrameType

TERMINATED = 128 + signal.SIGTERM  # the exit status


@contextmanager
def ended_by_sigterm() -> Iterator[None]:
    """Within it SIGTERM raises SystemExit, unless the process handles the signal already. It changes nothing
    outside the main thread, where Python sets no handlers."""
    if current_thread() is not main_thread() or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGTERM, _end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _end(number: int, frame: FrameType | None) -> None:
    print("terminated; run it again to go on", file=sys.stderr)
    sys.exit(TERMINATED)
