"""The thread that writes to the memo. Answers that arrive within a few milliseconds are committed
together."""

import sqlite3
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Event, Thread
from typing import Any

from stages.samplers.memo.database import COLUMNS, connect
from stages.shared.errors import BadInput

GATHER = 0.004  # seconds for which answers gather before a commit
# Rows of one statement. The thread lets others run between statements only, and a busy event loop does not
# let it run again soon, so few large statements are faster than many small ones.
ROWS = 500

Rows = Sequence[tuple[Any, ...]]


class Writer:
    """A thread, started by the first write, that stores rows in groups. Each group is one transaction."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.waiting: SimpleQueue[tuple[Rows, Future[None]] | None] = SimpleQueue()
        self.thread: Thread | None = None
        self.failed: Exception | None = None
        self.last: Future[None] | None = None

    def add(self, rows: Rows) -> Future[None]:
        """Stores rows in the order of COLUMNS without `made`. The future is done when they are on disk.

        Raises the error of an earlier write that failed.
        """
        self._raise_failure()
        if self.thread is None:
            database = connect(self.path)
            database.execute("PRAGMA synchronous = FULL")  # each commit reaches the disk
            self.thread = Thread(target=self._run, args=[database], name="memo", daemon=True)
            self.thread.start()
        done: Future[None] = Future()
        self.last = done
        self.waiting.put((rows, done))
        return done

    def flush(self) -> None:
        """Returns when all rows are on disk. Raises the error that kept one of them from it."""
        if self.last:
            self.last.exception()  # waits; groups are written in order
        self._raise_failure()

    def close(self) -> None:
        """Does what `flush` does, and ends the thread."""
        if self.thread:
            self.waiting.put(None)
            self.thread.join()
        self._raise_failure()

    def _raise_failure(self) -> None:
        if isinstance(self.failed, sqlite3.Error):
            raise BadInput(f"{self.path}: cannot be written: {self.failed}") from self.failed
        if self.failed:
            raise self.failed

    def _run(self, database: sqlite3.Connection) -> None:
        more = True
        while more:
            group, more = self._gather()
            try:
                _commit(database, [row for rows, _ in group for row in rows])
            except Exception as error:  # raised by the futures, and by the next add, flush or close
                self.failed = error
            for _, done in group:
                done.set_exception(self.failed) if self.failed else done.set_result(None)
        database.close()

    def _gather(self) -> tuple[list[tuple[Rows, Future[None]]], bool]:
        """The rows to be written next, and whether more may come."""
        first = self.waiting.get()
        if first is None:
            return [], False
        Event().wait(GATHER)
        group = [first]
        while True:
            try:
                item = self.waiting.get_nowait()
            except Empty:
                return group, True
            if item is None:
                return group, False
            group.append(item)


def _commit(database: sqlite3.Connection, rows: Rows) -> None:
    row_of_values = f"({','.join('?' * (len(COLUMNS) - 1))},unixepoch())"
    database.execute("BEGIN IMMEDIATE")
    try:
        for start in range(0, len(rows), ROWS):
            some = rows[start : start + ROWS]
            values = ",".join([row_of_values] * len(some))
            database.execute(
                f"INSERT OR IGNORE INTO answers ({', '.join(COLUMNS)}) VALUES {values}",
                [field for row in some for field in row],
            )
            database.execute(
                f"DELETE FROM claims WHERE key IN ({','.join('?' * len(some))})", [row[0] for row in some]
            )
        database.execute("COMMIT")
    except BaseException:
        if database.in_transaction:
            database.execute("ROLLBACK")
        raise
