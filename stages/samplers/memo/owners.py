"""Which processes live that have claimed or set aside something in a database.

Every such owner keeps a lock on a file of its own. The operating system releases the lock when the process
ends, in whatever way. So nothing needs a time limit, and after `kill -9` others go on at once.
"""

import sqlite3
from pathlib import Path

from filelock import FileLock, Timeout


class Owners:
    """The lock files in `folder`. `own` is the name of this owner ("": it has not entered yet)."""

    def __init__(self, database: sqlite3.Connection, folder: Path) -> None:
        self.database, self.folder = database, folder
        self.own = ""
        self.lock: FileLock | None = None

    def enter(self) -> str:
        """The name of this owner, whose lock file is made by the first call."""
        if self.lock is None:
            (self.own,) = self.database.execute("SELECT hex(randomblob(16))").fetchone()
            self.folder.mkdir(parents=True, exist_ok=True)
            self.lock = FileLock(self.folder / self.own)
            self.lock.acquire()
        return self.own

    def lives(self, owner: str) -> bool:
        """Whether the process of `owner`, which had entered, still runs. The file of a dead one is
        deleted."""
        if owner == self.own:
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

    def leave(self) -> None:
        """Deletes the lock file of this owner, if there is one."""
        if self.lock:
            self.lock.release()
            (self.folder / self.own).unlink(missing_ok=True)
