"""How a stage is started and how it says that something is wrong."""

import argparse
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

from tqdm import tqdm

from stages.shared.errors import BadInput

Item = TypeVar("Item")


def run(
    stage: Callable[[str], None], instead: Mapping[str, Callable[[list[str]], None]] = MappingProxyType({})
) -> None:
    """Runs `stage` on the system named on the command line; `instead` maps a flag to what it has run in the
    stage's place, with the other arguments.

    Exit status 0: done; 1: bad input or a failed read or write, told in one line; 130: interrupted. A bug
    keeps its traceback.
    """
    name = Path(sys.argv[0]).stem
    parser = argparse.ArgumentParser(
        prog=f"python -m stages.{name}", description=sys.modules["__main__"].__doc__
    )
    parser.add_argument("system", help="a section of params.yaml: systems.<system>")
    for flag, other in instead.items():
        parser.add_argument(flag, action="store_true", help=other.__doc__)
    asked = next((flag for flag in instead if flag in sys.argv[1:]), None)
    if asked:
        guard(name, lambda: instead[asked]([argument for argument in sys.argv[1:] if argument != asked]))
    else:
        system = parser.parse_args().system
        guard(name, lambda: stage(system))


def guard(name: str, act: Callable[[], None]) -> None:
    """Runs `act`; what is wrong with its input is told in one line that starts with `name`, and ends the
    process."""
    try:
        act()
    except BadInput as error:
        sys.exit(f"{name}: {error}")
    except OSError as error:
        if error.errno is None:
            raise
        sys.exit(f"{name}: {error.filename or 'i/o'}: {error.strerror}")
    except KeyboardInterrupt:
        print(f"{name}: interrupted; run it again to go on", file=sys.stderr)
        sys.exit(130)


def progress(items: Iterable[Item], what: str, total: int | None = None) -> Iterable[Item]:
    """`items` with a progress bar on standard error; in a log it prints a line every ten seconds at most."""
    bar: Iterable[Item] = tqdm(
        items, desc=what, total=total, unit="row", mininterval=0.2 if sys.stderr.isatty() else 10
    )
    return bar


def working_directory() -> Path:
    """Where unfinished work is kept: `.athanor` in the repository, outside every stage's outs.

    DVC removes a stage's outs before it runs, and `dvc exp run --temp` works in a copy: DVC_ROOT names the
    repository it belongs to.
    """
    return Path(os.environ.get("DVC_ROOT", ".")) / ".athanor"


def is_main_process() -> bool:
    """Whether this process writes: of those that `accelerate launch` starts together the first does."""
    return os.environ.get("RANK", "0") == "0"
