"""Answers that were paid for and cannot be read, kept as they came in the memo's file. After two of them a
request is not sent again."""

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from stages.samplers.memo.database import connect

SCHEMA = """
CREATE TABLE IF NOT EXISTS unread (key BLOB NOT NULL, asked TEXT NOT NULL, kind TEXT NOT NULL,
    body BLOB NOT NULL, made INTEGER NOT NULL)
"""
MOST = 2  # answers to one request that are bought and cannot be read
LONGEST = 1 << 20  # bytes that are kept of one


class UnreadAnswers:
    """Those in the memo at `path`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def add(self, key: str, asked: Mapping[str, Any], kind: str, body: bytes) -> int:
        """Keeps an answer, and returns how many there are to this request."""
        with closing(connect(self.path)) as database:
            database.execute(SCHEMA)
            values = (bytes.fromhex(key), json.dumps(asked), kind, body[:LONGEST])
            database.execute("INSERT INTO unread VALUES (?, ?, ?, ?, unixepoch())", values)
            query = "SELECT count(*) FROM unread WHERE key = ?"
            (count,) = database.execute(query, (bytes.fromhex(key),)).fetchone()
        return int(count)

    def hopeless(self) -> set[str]:
        """The keys of the requests that are not to be sent again."""
        with closing(connect(self.path)) as database:
            if not _has_table(database):
                return set()
            rows = database.execute("SELECT key FROM unread GROUP BY key HAVING count(*) >= ?", (MOST,))
            return {key.hex() for (key,) in rows}

    def rows(self) -> Iterator[tuple[str, str, str, bytes]]:
        """Time (UTC), kind of the fault, what was asked (JSON) and the body of each, the oldest first."""
        with closing(connect(self.path)) as database:
            if not _has_table(database):
                return
            query = "SELECT datetime(made, 'unixepoch'), kind, asked, body FROM unread ORDER BY rowid"
            yield from database.execute(query).fetchall()

    def forget(self) -> int:
        """Deletes all of them, and returns how many there were."""
        with closing(connect(self.path)) as database:
            return database.execute("DELETE FROM unread").rowcount if _has_table(database) else 0


def _has_table(database: sqlite3.Connection) -> bool:
    return bool(database.execute("SELECT 1 FROM sqlite_master WHERE name = 'unread'").fetchone())
