"""The exception that means *the input is wrong*: its message is for the person who can put it right."""

from collections.abc import Iterable
from difflib import get_close_matches


class BadInput(Exception):
    """Says where, what, what was got and what to choose from.

    A stage prints the message as one line and exits with status 1.
    """


class Paused(Exception):
    """Work was asked to pause and left a checkpoint: it is not done, and goes on there when it is run again.

    A stage prints the message as one line and exits with status 75 (EX_TEMPFAIL of sysexits.h).
    """


def unknown(what: str, got: object, choices: Iterable[str]) -> str:
    """`unknown style 'glpyh' (did you mean 'glyph'?); choose from: glyph, plain`"""
    names = sorted(choices)
    near = get_close_matches(str(got), names, n=1)
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    return f"unknown {what} {got!r}{hint}; choose from: {', '.join(names)}"
