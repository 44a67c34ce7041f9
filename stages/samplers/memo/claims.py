"""Who is asking what just now, so that two processes with the same requests buy each answer once.

A claim holds as long as its process lives: every claimant keeps a lock on a file of its own, which the system
lets go of when the process is gone, however it died. So no clock decides, and after `kill -9` the next run
goes on at once.
"""

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from threading import Lock

from filelock import FileLock, Timeout


class Claims:
    """The claims of one opened memo; its lock file is made when it first claims something."""

    def __init__(self, store: sqlite3.Connection, path: Path) -> None:
        self.store, self.folder = store, path.with_name(f"{path.name}-claims")
        self.owner = ""
        self.lock: FileLock | None = None
        self.one_at_a_time = Lock()  # threads share the connection, and so its transactions

    def take(self, keys: Sequence[str]) -> list[str]:
        """Those of `keys` (500 at most) that are now ours."""
        with self.one_at_a_time:
            return self._take(keys)

    def _take(self, keys: Sequence[str]) -> list[str]:
        self._begin()
        wanted = {bytes.fromhex(key): key for key in keys}
        places = ",".join("?" * len(wanted))
        self.store.execute("BEGIN IMMEDIATE")
        try:
            held = dict(
                self.store.execute(
                    f"SELECT key, owner FROM claims WHERE key IN ({places})", [*wanted]
                ).fetchall()
            )
            dead = [owner for owner in set(held.values()) if not self._lives(owner)]
            self.store.executemany("DELETE FROM claims WHERE owner = ?", [(owner,) for owner in dead])
            stored = self.store.execute(
                f"SELECT key FROM answers WHERE key IN ({places})", [*wanted]
            ).fetchall()
            taken = {key for key, owner in held.items() if owner not in dead} | {key for (key,) in stored}
            mine = [key for key in wanted if key not in taken]
            self.store.executemany("INSERT INTO claims VALUES (?, ?)", [(key, self.owner) for key in mine])
            self.store.execute("COMMIT")
        except BaseException:
            if self.store.in_transaction:
                self.store.execute("ROLLBACK")
            raise
        return [wanted[key] for key in mine]

    def drop(self, keys: Sequence[str]) -> None:
        """Ends our claims of `keys` (500 at most)."""
        places = ",".join("?" * len(keys))
        values = [self.owner, *(bytes.fromhex(key) for key in keys)]
        with self.one_at_a_time:
            self.store.execute(f"DELETE FROM claims WHERE owner = ? AND key IN ({places})", values)

    def close(self) -> None:
        """Ends all our claims."""
        if self.lock:
            self.store.execute("DELETE FROM claims WHERE owner = ?", (self.owner,))
            self.lock.release()
            (self.folder / self.owner).unlink(missing_ok=True)

    def _begin(self) -> None:
        if self.lock is None:
            (self.owner,) = self.store.execute("SELECT hex(randomblob(16))").fetchone()
            self.folder.mkdir(parents=True, exist_ok=True)
            self.lock = FileLock(self.folder / self.owner)
            self.lock.acquire()

    def _lives(self, owner: str) -> bool:
        if owner == self.owner:
            return True
        file = self.folder / owner
        if not file.exists():
            return False
        try:
            with FileLock(file).acquire(timeout=0):
                file.unlink(missing_ok=True)
            return False
        except Timeout:
            return True
