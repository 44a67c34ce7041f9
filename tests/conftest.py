"""Fixtures that several tests share."""

import gc
import signal
from pathlib import Path

import pytest

from tiny import make

if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    # a shell starts what it runs in the background with Ctrl-C ignored, and whatever a test starts would inherit that
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a base model that has learnt very little."""
    made = make(tmp_path_factory.mktemp("base"))
    gc.collect()
    gc.freeze()  # the trainer collects garbage at its start and end: with all libraries loaded, that takes longer than its steps
    return made


@pytest.fixture(scope="session")
def bases(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The two base models of a pair."""
    from pairs import make_bases  # imports torch, which most tests do without

    return make_bases(tmp_path_factory.mktemp("bases"))
