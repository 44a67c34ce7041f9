"""Sets that are larger than memory."""

import sqlite3


class Seen:
    """A set of strings that spills to disk: a million ids cost a few megabytes of memory. Each may carry a
    value."""

    def __init__(self) -> None:
        self.store = sqlite3.connect("")  # "" is SQLite's private temporary file
        self.store.execute("PRAGMA journal_mode=OFF")
        self.store.execute("CREATE TABLE seen (id TEXT PRIMARY KEY, value BLOB) WITHOUT ROWID")

    def add(self, item: str, value: str = "") -> bool:
        """Whether `item` is new; an old one keeps its first value."""
        insert = "INSERT OR IGNORE INTO seen VALUES (?, ?)"
        return self.store.execute(insert, (_key(item), _key(value))).rowcount == 1

    def value(self, item: str) -> str:
        """The value that `item` was first added with; KeyError where it never was."""
        row = self.store.execute("SELECT value FROM seen WHERE id = ?", (_key(item),)).fetchone()
        if row is None:
            raise KeyError(item)
        value: bytes = row[0]
        return value.decode("utf-8", "surrogatepass")


def _key(item: str) -> bytes:
    return item.encode("utf-8", "surrogatepass")
