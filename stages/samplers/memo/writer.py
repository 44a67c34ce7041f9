"""How the memo's file is opened, and the thread that writes to it: answers that arrive together are committed
together."""

import sqlite3
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Event, Thread
from typing import Any

from filelock import FileLock

from stages.shared.errors import BadInput

VERSION = 1
COLUMNS = ("key", "text", "ending", "tokens", "prompt_tokens", "cost_usd", "model", "asked", "made")
SCHEMA = f"""
CREATE TABLE answers (key BLOB PRIMARY KEY, text BLOB NOT NULL, ending TEXT NOT NULL, tokens INTEGER NOT NULL,
    prompt_tokens INTEGER NOT NULL, cost_usd REAL, model BLOB NOT NULL, asked TEXT NOT NULL, made INTEGER NOT NULL);
CREATE TABLE claims (key BLOB PRIMARY KEY, owner TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE runs (made INTEGER NOT NULL, counts TEXT NOT NULL);
PRAGMA user_version = {VERSION};
"""
GATHER = 0.004  # seconds for which answers gather before a commit
# in one statement: the thread gives way between statements, and a busy event loop is slow to give back
ROWS = 500

Rows = Sequence[tuple[Any, ...]]


def connect(path: Path) -> sqlite3.Connection:
    """The store at `path`, made where there is none. In WAL mode readers and one writer do not wait for each
    other.

    Raises BadInput where the file is something else.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        store = sqlite3.connect(path, timeout=60, isolation_level=None, check_same_thread=False)
        if _version(store) == 0:
            _make(store, path)
        store.execute(
            "PRAGMA synchronous = NORMAL"
        )  # after a power cut claims may be lost; answers have a connection of their own
        found = _version(store)
    except sqlite3.OperationalError as error:
        raise BadInput(f"{path}: the memo cannot be opened: {error}") from None
    except sqlite3.DatabaseError as error:
        raise BadInput(
            f"{path}: no memo, or a damaged one: {error}; move it away, and a new one is made"
        ) from None
    if found != VERSION:
        raise BadInput(f"{path}: a memo of version {found}; this code reads version {VERSION}")
    return store


def _make(store: sqlite3.Connection, path: Path) -> None:
    with FileLock(f"{path}.lock"):  # SQLite does not wait where two processes turn WAL on at once
        if _version(store) == 0:
            store.execute("PRAGMA journal_mode = WAL")
            store.executescript(f"BEGIN IMMEDIATE; {SCHEMA} COMMIT;")


def _version(store: sqlite3.Connection) -> int:
    (found,) = store.execute("PRAGMA user_version").fetchone()
    return int(found)


class Writer:
    """A thread, started by the first write, that stores rows in groups: each group is one transaction."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.waiting: SimpleQueue[tuple[Rows, Future[None]] | None] = SimpleQueue()
        self.thread: Thread | None = None
        self.failed: Exception | None = None
        self.last: Future[None] | None = None

    def add(self, rows: Rows) -> Future[None]:
        """Rows in the order of COLUMNS without `made`. Raises what an earlier write failed of."""
        self._check()
        if self.thread is None:
            store = connect(self.path)
            store.execute("PRAGMA synchronous = FULL")  # each commit reaches the disk
            self.thread = Thread(target=self._run, args=[store], name="memo", daemon=True)
            self.thread.start()
        done: Future[None] = Future()
        self.last = done
        self.waiting.put((rows, done))
        return done

    def flush(self) -> None:
        """Returns when all is on disk; raises what kept it from getting there."""
        if self.last:
            self.last.exception()  # waits; groups are written in order
        self._check()

    def close(self) -> None:
        """The same, and ends the thread."""
        if self.thread:
            self.waiting.put(None)
            self.thread.join()
        self._check()

    def _check(self) -> None:
        if isinstance(self.failed, sqlite3.Error):
            raise BadInput(f"{self.path}: cannot be written: {self.failed}") from self.failed
        if self.failed:
            raise self.failed

    def _run(self, store: sqlite3.Connection) -> None:
        more = True
        while more:
            group, more = self._gather()
            try:
                _commit(store, [row for rows, _ in group for row in rows])
            except (
                Exception
            ) as error:  # goes to those who wait, and to the next who writes, flushes or closes
                self.failed = error
            for _, done in group:
                done.set_exception(self.failed) if self.failed else done.set_result(None)
        store.close()

    def _gather(self) -> tuple[list[tuple[Rows, Future[None]]], bool]:
        """What is to be written next, and whether more may come."""
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


def _commit(store: sqlite3.Connection, rows: Rows) -> None:
    one = f"({','.join('?' * (len(COLUMNS) - 1))},unixepoch())"
    store.execute("BEGIN IMMEDIATE")
    try:
        for start in range(0, len(rows), ROWS):
            some = rows[start : start + ROWS]
            values = ",".join([one] * len(some))
            store.execute(
                f"INSERT OR IGNORE INTO answers ({', '.join(COLUMNS)}) VALUES {values}",
                [field for row in some for field in row],
            )
            store.execute(
                f"DELETE FROM claims WHERE key IN ({','.join('?' * len(some))})", [row[0] for row in some]
            )
        store.execute("COMMIT")
    except BaseException:
        if store.in_transaction:
            store.execute("ROLLBACK")
        raise
