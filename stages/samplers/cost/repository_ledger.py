"""What all runs of a repository with `scope: repository` have spent and set aside together, in one SQLite
file. Processes that share it never exceed a bound together.

What a process that was killed had set aside may have been billed, so it counts as lost: the most that it
could cost.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import RLock
from typing import NamedTuple

from filelock import FileLock

from stages.samplers.memo.owners import Owners
from stages.shared.cli import working_directory
from stages.shared.errors import BadInput

SCHEMA = """
CREATE TABLE account (since INTEGER NOT NULL, spent REAL NOT NULL, lost REAL NOT NULL,
    requests INTEGER NOT NULL, reserved REAL NOT NULL, in_flight INTEGER NOT NULL);
INSERT INTO account VALUES (unixepoch(), 0, 0, 0, 0, 0);
CREATE TABLE reserved (owner TEXT NOT NULL, number INTEGER NOT NULL, usd REAL NOT NULL,
    PRIMARY KEY (owner, number)) WITHOUT ROWID;
CREATE TABLE rates (place TEXT PRIMARY KEY, next_by_requests REAL NOT NULL, next_by_tokens REAL NOT NULL,
    mean_tokens REAL, last_minute_tokens REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE sent (number INTEGER PRIMARY KEY AUTOINCREMENT, place TEXT NOT NULL, at REAL NOT NULL,
    tokens REAL NOT NULL);
CREATE INDEX sent_at ON sent (place, at);
PRAGMA user_version = 1;
"""
VERSION = 1


class Account(NamedTuple):
    """What bounds are compared with: USD `spent` for answers, at most `lost` for calls without an answer, and
    `reserved` for the requests `in_flight`; and how many `requests` were sent."""

    spent: float
    lost: float
    reserved: float
    in_flight: int
    requests: int

    @property
    def committed(self) -> float:
        """USD that are spent, or that may be."""
        return self.spent + self.lost + self.reserved


def ledger_path() -> Path:
    """The file of this repository."""
    return working_directory() / "spending.sqlite"


class SharedFile:
    """The open file at `path`, made if need be. Safe for any number of processes and threads, but not across
    a fork. Raises BadInput where it cannot be opened."""

    def __init__(self, path: Path) -> None:
        self.path, self.threads = path, RLock()
        with self._telling():
            path.parent.mkdir(parents=True, exist_ok=True)
            self.database = sqlite3.connect(path, timeout=60, isolation_level=None, check_same_thread=False)
            with FileLock(f"{path}.lock"):  # SQLite does not wait where two processes turn WAL on at once
                self.database.execute("PRAGMA journal_mode = WAL")
                self.database.execute("PRAGMA synchronous = NORMAL")  # outlives kills
                if self._version() == 0:
                    self.database.executescript(f"BEGIN IMMEDIATE; {SCHEMA} COMMIT;")
            if (version := self._version()) != VERSION:
                raise BadInput(f"{path}: a ledger of version {version}; this code reads version {VERSION}")

    def _version(self) -> int:
        (version,) = self.database.execute("PRAGMA user_version").fetchone()
        return int(version)

    @contextmanager
    def changing(self) -> Iterator[sqlite3.Connection]:
        """A transaction, which no other process disturbs."""
        with self.threads, self._telling():
            self.database.execute("BEGIN IMMEDIATE")
            try:
                yield self.database
                self.database.execute("COMMIT")
            except BaseException:
                if self.database.in_transaction:
                    self.database.execute("ROLLBACK")
                raise

    @contextmanager
    def _telling(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise BadInput(
                f"{self.path}: what the runs of this repository spent cannot be read or written: {error}; "
                "make the file and its folder writable, or move a damaged file away (it counts from 0 then)"
            ) from None

    def close(self) -> None:
        """Closes the file."""
        with self.threads:
            self.database.close()


class RepositoryLedger:
    """The part of one run in the ledger at `path` (None: that of this repository)."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or ledger_path()
        self.file = SharedFile(self.path)
        self.owners = Owners(self.file.database, self.path.with_name(f"{self.path.name}-owners"))

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Within it nobody else books anything."""
        with self.file.changing():
            yield

    def account(self) -> Account:
        """All that was booked."""
        (row,) = self.file.database.execute(
            "SELECT spent, lost, reserved, in_flight, requests FROM account"
        ).fetchall()
        return Account(*row)

    def reserve(self, number: int, usd: float) -> None:
        """Sets `usd` aside for request `number` of this run. To be called within `changing`."""
        values = (self.owners.enter(), number, usd)
        self.file.database.execute("INSERT INTO reserved VALUES (?, ?, ?)", values)
        change = (
            "UPDATE account SET requests = requests + 1, reserved = reserved + ?, in_flight = in_flight + 1"
        )
        self.file.database.execute(change, (usd,))

    def book(self, number: int, spent: float, lost: float) -> None:
        """Books what request `number` of this run cost, in place of what was set aside for it."""
        with self.file.changing() as database:
            query = "SELECT count(*), total(usd) FROM reserved WHERE owner = ? AND number = ?"
            count, usd = database.execute(query, (self.owners.own, number)).fetchone()
            database.execute("DELETE FROM reserved WHERE owner = ? AND number = ?", (self.owners.own, number))
            self._free(count, usd, spent, lost)

    def count_dead(self) -> int:
        """Counts as lost what processes that have ended without a word had set aside. Returns how many such
        processes there were. To be called within `changing`."""
        owners = [owner for (owner,) in self.file.database.execute("SELECT DISTINCT owner FROM reserved")]
        dead = [owner for owner in owners if not self.owners.lives(owner)]
        for owner in dead:
            self._lose(owner)
        return len(dead)

    def _lose(self, owner: str) -> None:
        database = self.file.database
        query = "SELECT count(*), total(usd) FROM reserved WHERE owner = ?"
        count, usd = database.execute(query, (owner,)).fetchone()
        database.execute("DELETE FROM reserved WHERE owner = ?", (owner,))
        self._free(count, usd, 0.0, usd)

    def _free(self, count: int, usd: float, spent: float, lost: float) -> None:
        """Books `spent` and `lost` in place of `usd`, which was set aside for `count` requests."""
        self.file.database.execute(
            "UPDATE account SET spent = spent + ?, lost = lost + ?, in_flight = in_flight - ?, "
            # rounding adds up to nothing: without a request in flight nothing is set aside
            "reserved = CASE in_flight WHEN ? THEN 0.0 ELSE max(0.0, reserved - ?) END",
            (spent, lost, count, count, usd),
        )

    def start_anew(self) -> None:
        """Counts from 0 again; what living runs have set aside stays."""
        with self.file.changing() as database:
            self.count_dead()
            database.execute("UPDATE account SET since = unixepoch(), spent = 0, lost = 0, requests = 0")

    def since(self) -> str:
        """The time (UTC) from which it counts."""
        (made,) = self.file.database.execute("SELECT datetime(since, 'unixepoch') FROM account").fetchone()
        return str(made)

    def close(self) -> None:
        """Ends this run's part. What is still set aside (a batch under way) will be billed by the service
        and counts as lost."""
        if self.owners.own:
            with self.file.changing():
                self._lose(self.owners.own)
            self.owners.leave()
        self.file.close()
