"""The batches under way, kept in the memo's file: what is in them is not sent again, and after a kill they
are collected by their ids."""

import json
from collections.abc import Iterable, Sequence
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from stages.samplers.memo.database import connect

SCHEMA = """
CREATE TABLE IF NOT EXISTS jobs (token TEXT PRIMARY KEY, place TEXT NOT NULL, batch TEXT);
CREATE TABLE IF NOT EXISTS job_rows
    (token TEXT NOT NULL, key TEXT NOT NULL, asked TEXT NOT NULL, PRIMARY KEY (token, key)) WITHOUT ROWID;
"""
ROWS = 500  # looked up by one statement


class Job(NamedTuple):
    """A batch. `token` names it before the service has given it an id (`batch`)."""

    token: str
    batch: str | None


def has_jobs(path: Path, url: str) -> bool:
    """Whether any job is under way at the server `url`."""
    with closing(connect(path)) as database:
        if not database.execute("SELECT 1 FROM sqlite_master WHERE name = 'jobs'").fetchone():
            return False
        query = "SELECT 1 FROM jobs WHERE place = ? LIMIT 1"
        return database.execute(query, (url,)).fetchone() is not None


class JobStore:
    """The jobs at one server, whose address (without a key) is `url`."""

    def __init__(self, path: Path, url: str) -> None:
        self.path, self.url = path, url
        with closing(connect(path)) as database:
            database.executescript(SCHEMA)

    def unfinished(self) -> list[Job]:
        """The jobs under way, the oldest first."""
        query = "SELECT token, batch FROM jobs WHERE place = ? ORDER BY rowid"
        with closing(connect(self.path)) as database:
            return [Job(*row) for row in database.execute(query, (self.url,))]

    def add(self, rows: Sequence[tuple[str, dict[str, Any]]]) -> Job:
        """Notes a job with these keys and what they ask. To be called before anything is sent."""
        with closing(connect(self.path)) as database:
            (salt,) = database.execute("SELECT hex(randomblob(16))").fetchone()
            token = sha256(f"{salt}{rows[0][0]}".encode()).hexdigest()[:32]
            database.execute("BEGIN")
            database.execute("INSERT INTO jobs VALUES (?, ?, NULL)", (token, self.url))
            database.executemany(
                "INSERT INTO job_rows VALUES (?, ?, ?)",
                ((token, key, json.dumps(asked)) for key, asked in rows),
            )
            database.execute("COMMIT")
        return Job(token, None)

    def set_batch(self, job: Job, batch: str) -> Job:
        """Notes the id that the service gave to a job."""
        with closing(connect(self.path)) as database:
            database.execute("UPDATE jobs SET batch = ? WHERE token = ?", (batch, job.token))
        return Job(job.token, batch)

    def remove(self, job: Job) -> None:
        """Forgets a job that is collected, or was never submitted."""
        with closing(connect(self.path)) as database:
            database.execute("BEGIN")
            database.execute("DELETE FROM job_rows WHERE token = ?", (job.token,))
            database.execute("DELETE FROM jobs WHERE token = ?", (job.token,))
            database.execute("COMMIT")

    def asked(self, job: Job, keys: Sequence[str]) -> dict[str, dict[str, Any]]:
        """What these keys ask, of those that are in the job."""
        asked_by_key: dict[str, dict[str, Any]] = {}
        with closing(connect(self.path)) as database:
            for start in range(0, len(keys), ROWS):
                some = keys[start : start + ROWS]
                places = ",".join("?" * len(some))
                query = f"SELECT key, asked FROM job_rows WHERE token = ? AND key IN ({places})"
                rows = database.execute(query, [job.token, *some])
                asked_by_key |= {key: json.loads(asked) for key, asked in rows}
        return asked_by_key

    def keys(self, job: Job) -> list[str]:
        """All keys of a job."""
        query = "SELECT key FROM job_rows WHERE token = ?"
        with closing(connect(self.path)) as database:
            return [key for (key,) in database.execute(query, (job.token,))]

    def under_way(self, keys: Iterable[str]) -> set[str]:
        """Those of `keys` that are in a job under way."""
        in_jobs = {key for job in self.unfinished() for key in self.keys(job)}
        return {key for key in keys if key in in_jobs}
