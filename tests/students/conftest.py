"""Fixtures that the tests of students share."""

from pathlib import Path

import pytest

from pairs import make_bases
from tiny import one_thread


@pytest.fixture(scope="session")
def bases(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The base models of a pair."""
    one_thread()
    return make_bases(tmp_path_factory.mktemp("bases"))
