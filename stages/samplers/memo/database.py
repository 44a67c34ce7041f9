"""How the memo's file is made, opened and brought from an older version to this one."""

import sqlite3
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
    one writer do not wait for each other.

    Raises BadInput where the file is no memo, or a memo of a later version.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        database = sqlite3.connect(path, timeout=60, isolation_level=None, check_same_thread=False)
        if _version(database) < VERSION:
            _bring_up_to_date(database, path)
        # After a power cut claims may be lost. Answers are written by a connection that waits for the disk.
        database.execute("PRAGMA synchronous = NORMAL")
        version = _version(database)
    except sqlite3.OperationalError as error:
        raise BadInput(f"{path}: the memo cannot be opened: {error}") from None
    except sqlite3.DatabaseError as error:
        raise BadInput(
            f"{path}: no memo, or a damaged one: {error}; move it away, and a new one is made"
        ) from None
    if version != VERSION:
        raise BadInput(f"{path}: a memo of version {version}; this code reads version {VERSION}")
    return database


def _bring_up_to_date(database: sqlite3.Connection, path: Path) -> None:
    with FileLock(f"{path}.lock"):  # SQLite does not wait where two processes turn WAL on at once
        if _version(database) == 0:
            database.execute("PRAGMA journal_mode = WAL")
            database.executescript(f"BEGIN IMMEDIATE; {SCHEMA} COMMIT;")
        while (version := _version(database)) in MIGRATIONS:
            database.executescript(f"BEGIN IMMEDIATE; {MIGRATIONS[version]} COMMIT;")


def _version(database: sqlite3.Connection) -> int:
    (version,) = database.execute("PRAGMA user_version").fetchone()
    return int(version)
