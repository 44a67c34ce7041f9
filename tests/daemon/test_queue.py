"""Which databases a queue accepts; what the queue does is tested with the conductor."""

from pathlib import Path

import pytest
from stages.daemon.places import Places
from stages.daemon.queue import Queue
from stages.shared.errors import BadInput


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("postgresql://me:hunter2@host/name", "PGPASSWORD"),
        ("postgresql://me@host/name?password=hunter2", "PGPASSWORD"),
        ("postgresql://me@host/name?sslpassword=hunter2", "PGPASSWORD"),
        ("postgresql://me:hunter2/x@host/name", "PGPASSWORD"),
        ("postgresql://me:hunter2#x@host/name", "PGPASSWORD"),
        ("postgresql://me:hunter2?x@host/name", "PGPASSWORD"),
        ("postgresql://me:hunter2/name", "got what cannot be read as a URL"),  # a port by its place
        ("mysql://me@host/name", "expected postgresql://user@host/name, or null for SQLite, got mysql"),
        ("queue.sqlite", "got what cannot be read as a URL"),
    ],
)
def test_a_database_with_a_password_is_refused_and_the_password_told_to_nobody(url: str, why: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"daemon\.s\.database: ") as refused:
        Queue(Places(tmp_path, "s"), url)
    assert why in str(refused.value) and "hunter2" not in str(refused.value)


@pytest.mark.parametrize("url", ["postgresql://me@host:5433/name", "postgres://host/name?sslmode=require"])
def test_a_database_without_a_password_is_accepted(url: str, tmp_path: Path) -> None:
    assert Queue(Places(tmp_path, "s"), url).url == url
