"""Fixtures that several tests share."""

import gc
import signal
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tiny import make

if TYPE_CHECKING:
    from compositions import Compositions, Resolved

if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    # a shell starts what it runs in the background with Ctrl-C ignored, and whatever a test starts would inherit that
    signal.signal(signal.SIGINT, signal.default_int_handler)

# The files that take a minute or more. They begin first: a process of `pytest -n 2 --dist loadfile` takes one file after the other, and
# would go on with a long one alone when the other process has nothing left.
LONG = ["conductor", "conf", "hf", "job", "kill", "lane_budget", "pairing", "repro", "staleness", "training"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.path.stem.removeprefix("test_") not in LONG)  # the others stay in their order


@pytest.fixture(scope="session")
def composed(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> "Compositions":
    """params.yaml as conf/ composes it with some groups; composed once in a run, however many processes it has."""
    from compositions import Compositions  # which imports DVC: most tests do without

    own = tmp_path_factory.getbasetemp()
    return Compositions((own if worker_id == "master" else own.parent) / "composed", tmp_path_factory.mktemp("composing"))


@pytest.fixture(scope="session")
def resolve(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Any], "dict[str, Resolved]"]:
    """A function from params to the stages that dvc.yaml has with them."""
    from compositions import resolver

    return resolver(tmp_path_factory.mktemp("resolved"))


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
