"""Which process is asking what just now, so that two processes with the same requests buy each answer once.

A claim holds as long as its process lives (see owners.py).
"""

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from threading import Lock

from stages.samplers.memo.owners import Owners


class Claims:
    """The claims of one opened memo. Its lock file is made with its first claim."""

    def __init__(self, database: sqlite3.Connection, path: Path) -> None:
        self.database = database
        self.owners = Owners(database, path.with_name(f"{path.name}-claims"))
        self.transaction = Lock()  # threads share the connection, and so its transactions

    def take(self, keys: Sequence[str]) -> list[str]:
        """Claims those of `keys` (500 at most) that are neither stored nor claimed, and returns them."""
        with self.transaction:
            return self._take(keys)

    def _take(self, keys: Sequence[str]) -> list[str]:
        owner = self.owners.enter()
        wanted = {bytes.fromhex(key): key for key in keys}
        self.database.execute("BEGIN IMMEDIATE")
        try:
            taken = self._claimed(list(wanted)) | self._stored(list(wanted))
            mine = [key for key in wanted if key not in taken]
            self.database.executemany("INSERT INTO claims VALUES (?, ?)", [(key, owner) for key in mine])
            self.database.execute("COMMIT")
        except BaseException:
            if self.database.in_transaction:
                self.database.execute("ROLLBACK")
            raise
        return [wanted[key] for key in mine]

    def _claimed(self, keys: list[bytes]) -> set[bytes]:
        """Those of `keys` that a living process claims. The claims of dead ones are deleted."""
        query = f"SELECT key, owner FROM claims WHERE key IN ({','.join('?' * len(keys))})"
        owners = dict(self.database.execute(query, keys).fetchall())
        dead = [owner for owner in set(owners.values()) if not self.owners.lives(owner)]
        self.database.executemany("DELETE FROM claims WHERE owner = ?", [(owner,) for owner in dead])
        return {key for key, owner in owners.items() if owner not in dead}

    def _stored(self, keys: list[bytes]) -> set[bytes]:
        query = f"SELECT key FROM answers WHERE key IN ({','.join('?' * len(keys))})"
        return {key for (key,) in self.database.execute(query, keys).fetchall()}

    def drop(self, keys: Sequence[str]) -> None:
        """Ends our claims of `keys` (500 at most)."""
        places = ",".join("?" * len(keys))
        values = [self.owners.own, *(bytes.fromhex(key) for key in keys)]
        with self.transaction:
            self.database.execute(f"DELETE FROM claims WHERE owner = ? AND key IN ({places})", values)

    def close(self) -> None:
        """Ends all our claims."""
        if self.owners.own:
            self.database.execute("DELETE FROM claims WHERE owner = ?", (self.owners.own,))
            self.owners.leave()
