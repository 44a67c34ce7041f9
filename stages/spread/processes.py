"""The same work for many items by several processes: order kept, memory flat, no process left behind."""

import os
import signal
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import active_children, get_context, parent_process
from multiprocessing.connection import wait
from threading import Thread
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")
AHEAD = 3  # items for each worker that are under way at the same time


def in_order(
    function: Callable[[Item], Result], items: Iterable[Item], workers: int
) -> Generator[Result, None, None]:
    """Yields `function` of each item, in the order of `items`; with one worker in this process. `function`,
    items and results must be picklable.

    What `function` raises is raised here, a bug with the worker's traceback. Whatever ends this iterator
    early ends the workers as well: close the iterator (`contextlib.closing`) where a loop may leave early.
    """
    if workers == 1:
        yield from map(function, items)
        return
    children_before = set(active_children())
    # spawn: the same on Linux and macOS
    pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_begin)
    pending: deque[Future[Result]] = deque()
    try:
        for item in items:
            pending.append(_submit(pool, function, item))
            if len(pending) >= AHEAD * workers:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    except BaseException:
        for worker in set(active_children()) - children_before:
            worker.kill()
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown()


def _submit(pool: ProcessPoolExecutor, function: Callable[[Item], Result], item: Item) -> Future[Result]:
    """Submits with Ctrl-C blocked. Submitting may start a worker, and the worker inherits the block, so that
    Ctrl-C does not end it before `_begin` has run."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        return pool.submit(function, item)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin() -> None:
    """Runs in a worker first: the worker ignores Ctrl-C, which its parent handles, and ends when the parent
    ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_exit_with_parent, daemon=True).start()


def _exit_with_parent() -> None:
    parent = parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)
