"""The batches under way, kept in the memo's file: what is in them is not sent again, and after a kill they
are collected by their ids."""

import json
from collections.abc import Iterable, Sequence
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from stages.samplers.memo.writer import connect

SCHEMA = """
CREATE TABLE IF NOT EXISTS jobs (token TEXT PRIMARY KEY, place TEXT NOT NULL, batch TEXT);
CREATE TABLE IF NOT EXISTS job_rows (token TEXT NOT NULL, key TEXT NOT NULL, asked TEXT NOT NULL, PRIMARY KEY (token, key)) WITHOUT ROWID;
"""
ROWS = 500  # looked up by one statement


class Job(NamedTuple):
    """`token` names it before the service has given it an id (`batch`)."""

    token: str
    batch: str | None


class JobStore:
    """The jobs at one `place` (an address without its key)."""

    def __init__(self, path: Path, place: str) -> None:
        self.path, self.place = path, place
        with closing(connect(path)) as store:
            store.executescript(SCHEMA)

    def open(self) -> list[Job]:
        """Those under way."""
        with closing(connect(self.path)) as store:
            return [
                Job(*row)
                for row in store.execute(
                    "SELECT token, batch FROM jobs WHERE place = ? ORDER BY rowid", (self.place,)
                )
            ]

    def begin(self, rows: Sequence[tuple[str, dict[str, Any]]]) -> Job:
        """Notes a job with these keys and what they ask, before anything is sent."""
        with closing(connect(self.path)) as store:
            (salt,) = store.execute("SELECT hex(randomblob(16))").fetchone()
            token = sha256(f"{salt}{rows[0][0]}".encode()).hexdigest()[:32]
            store.execute("BEGIN")
            store.execute("INSERT INTO jobs VALUES (?, ?, NULL)", (token, self.place))
            store.executemany(
                "INSERT INTO job_rows VALUES (?, ?, ?)",
                ((token, key, json.dumps(asked)) for key, asked in rows),
            )
            store.execute("COMMIT")
        return Job(token, None)

    def name(self, job: Job, batch: str) -> Job:
        """Notes the id that the service gave it."""
        with closing(connect(self.path)) as store:
            store.execute("UPDATE jobs SET batch = ? WHERE token = ?", (batch, job.token))
        return Job(job.token, batch)

    def end(self, job: Job) -> None:
        """It is collected, or never came to be."""
        with closing(connect(self.path)) as store:
            store.execute("BEGIN")
            store.execute("DELETE FROM job_rows WHERE token = ?", (job.token,))
            store.execute("DELETE FROM jobs WHERE token = ?", (job.token,))
            store.execute("COMMIT")

    def asked(self, job: Job, keys: Sequence[str]) -> dict[str, dict[str, Any]]:
        """What these keys of a job ask."""
        found: dict[str, dict[str, Any]] = {}
        with closing(connect(self.path)) as store:
            for start in range(0, len(keys), ROWS):
                some = keys[start : start + ROWS]
                query = f"SELECT key, asked FROM job_rows WHERE token = ? AND key IN ({','.join('?' * len(some))})"
                found |= {key: json.loads(asked) for key, asked in store.execute(query, [job.token, *some])}
        return found

    def keys(self, job: Job) -> list[str]:
        """All keys of a job."""
        with closing(connect(self.path)) as store:
            return [key for (key,) in store.execute("SELECT key FROM job_rows WHERE token = ?", (job.token,))]

    def within(self, keys: Iterable[str]) -> set[str]:
        """Those of `keys` that are in a job under way."""
        under_way = {key for job in self.open() for key in self.keys(job)}
        return {key for key in keys if key in under_way}
