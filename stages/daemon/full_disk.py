"""What a full disk raises, and what is left out because of it."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

from stages.shared.errors import BadInput

FULL = (errno.ENOSPC, errno.EDQUOT)
# the system's words, which other programs print, and SQLite's (https://sqlite.org/rescode.html#full)
WORDS = (*(os.strerror(number) for number in FULL), "database or disk is full")


def is_full(error: BaseException) -> bool:
    """Whether an error says that the disk, or the space that the user may use, is full."""
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno in FULL
    return any(words in str(error) for words in WORDS)


@contextmanager
def unless_full() -> Iterator[None]:
    """Runs the block. A full disk ends the block without an error: for what only people read."""
    try:
        yield
    except OSError as error:
        if not is_full(error):
            raise


@contextmanager
def full_is_bad_input() -> Iterator[None]:
    """Runs the block. Raises BadInput where it ends because of a full disk: a person has to make room."""
    try:
        yield
    except OSError as error:
        if not is_full(error):
            raise
        raise BadInput(f"make room, then start again: {error}") from None
