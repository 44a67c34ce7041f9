"""How the memo's file is made, opened and brought from an older version to this one."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

from stages.shared.errors import BadInput

VERSION = 3
ANSWER_COLUMNS = (
    "text",
    "ending",
    "tokens",
    "model",
    "prompt_tokens",
    "cost_usd",
    "reasoning",
    "probs",
    "label_probs",
)
COLUMNS = ("key", *ANSWER_COLUMNS, "asked", "made")
SCHEMA = f"""
CREATE TABLE answers (key BLOB PRIMARY KEY, text BLOB NOT NULL, ending TEXT NOT NULL, tokens INTEGER NOT NULL,
    prompt_tokens INTEGER NOT NULL, cost_usd REAL, model BLOB NOT NULL, asked TEXT NOT NULL,
    made INTEGER NOT NULL, reasoning BLOB, probs TEXT, label_probs TEXT);
CREATE TABLE claims (key BLOB PRIMARY KEY, owner TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE runs (made INTEGER NOT NULL, counts TEXT NOT NULL);
PRAGMA user_version = {VERSION};
"""
# By version: what makes of it the next one. Code of version 1 names the columns it writes, so a process of it
# that is still running is not disturbed.
MIGRATIONS = {
    1: "ALTER TABLE answers ADD COLUMN reasoning BLOB; ALTER TABLE answers ADD COLUMN probs TEXT;"
    " PRAGMA user_version = 2;",
    2: "ALTER TABLE answers ADD COLUMN label_probs TEXT; PRAGMA user_version = 3;",
}


def connect(path: Path) -> sqlite3.Connection:
    """The database at `path`, made where there is none, and of the current version. In WAL mode readers and
    one writer do not wait for each other. A file that may not be written is opened to be read.

    Raises BadInput where the file is no memo, or a memo of a later version.
    """
    try:
        if is_read_only(path):
            return _connect_to_read(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        database = sqlite3.connect(path, timeout=60, isolation_level=None, check_same_thread=False)
        if _version(database) < VERSION:
            _bring_up_to_date(database, path)
        # After a power cut claims may be lost. Answers are written by a connection that waits for the disk.
        database.execute("PRAGMA synchronous = NORMAL")
        version = _version(database)
    except sqlite3.OperationalError as error:
        raise BadInput(
            f"{path}: the memo cannot be opened: {error}; see who owns the file and its folder, and whether "
            "the disk is full"
        ) from None
    except sqlite3.DatabaseError as error:
        raise BadInput(
            f"{path}: no memo, or a damaged one: {error}; move it away, and a new one is made"
        ) from None
    if version != VERSION:
        raise BadInput(f"{path}: a memo of version {version}; this code reads version {VERSION}")
    return database


def is_read_only(path: Path) -> bool:
    """Whether the file is there and may not be written."""
    return path.is_file() and not (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK))


def _connect_to_read(path: Path) -> sqlite3.Connection:
    """Without a lock, which would have to be written: nobody else may write the file either."""
    address = f"{path.absolute().as_uri()}?mode=ro&immutable=1"
    database = sqlite3.connect(address, uri=True, isolation_level=None, check_same_thread=False)
    version = _version(database)
    if version != VERSION:
        raise BadInput(
            f"{path}: a memo of version {version} that may not be written; this code reads version "
            f"{VERSION}: make it writable once, and it is brought up to date"
        )
    return database


@contextmanager
def telling_damage(path: Path) -> Iterator[None]:
    """Raises BadInput, which says what to do, where a page of the file turns out to be damaged."""
    try:
        yield
    except sqlite3.OperationalError as error:
        raise BadInput(f"{path}: the memo cannot be used: {error}") from None
    except sqlite3.DatabaseError as error:
        raise BadInput(
            f"{path}: the memo is damaged ({error}): keep a copy of the file, save what is whole with "
            f"`sqlite3 {path} .recover | sqlite3 saved.sqlite`, and put saved.sqlite in its place"
        ) from None


def _bring_up_to_date(database: sqlite3.Connection, path: Path) -> None:
    with FileLock(f"{path}.lock"):  # SQLite does not wait where two processes turn WAL on at once
        if _version(database) == 0:
            if database.execute("SELECT count(*) FROM sqlite_master").fetchone() != (0,):
                raise BadInput(f"{path}: a database of another program; move it away, and a new memo is made")
            database.execute("PRAGMA journal_mode = WAL")
            database.executescript(f"BEGIN IMMEDIATE; {SCHEMA} COMMIT;")
        while (version := _version(database)) in MIGRATIONS:
            database.executescript(f"BEGIN IMMEDIATE; {MIGRATIONS[version]} COMMIT;")


def _version(database: sqlite3.Connection) -> int:
    (version,) = database.execute("PRAGMA user_version").fetchone()
    return int(version)
