"""Text for a terminal: what a model or a server wrote never moves the cursor or colours the screen."""

from collections.abc import Sequence
from itertools import zip_longest
from shutil import get_terminal_size
from unicodedata import combining, east_asian_width

from stages.shared.files import as_bytes

GAP, NARROWEST = 4, 30  # columns between two texts, and the fewest that a text gets


def printable(text: str) -> str:
    """`text` with its control characters escaped, line breaks but for `\\n` among them, and lone surrogates
    too."""
    lines = (
        "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in line)
        for line in text.split("\n")
    )
    return as_bytes("\n".join(lines)).decode()


def beside(columns: Sequence[str], width: int | None = None) -> str:
    """Texts side by side, wrapped; below each other where the terminal has fewer than 30 columns for each.

    `width` is that of the terminal (None: as it is). A character counts as many columns as a terminal gives
    it: an emoji two.
    """
    width = width or get_terminal_size().columns
    each = (width - GAP * (len(columns) - 1)) // max(1, len(columns))
    if each < NARROWEST:
        return "\n\n".join(columns)
    wrapped = [[part for line in text.split("\n") for part in _wrapped(line, each)] for text in columns]
    rows = zip_longest(*wrapped, fillvalue="")
    return "\n".join(
        (" " * GAP).join(part + " " * (each - columns_of(part)) for part in row).rstrip() for row in rows
    )


def columns_of(text: str) -> int:
    """How many columns of a terminal `text` takes."""
    return sum(
        0 if combining(letter) or letter in "\ufe0f\u200d" else 2 if east_asian_width(letter) in "WF" else 1
        for letter in text
    )


def _wrapped(line: str, width: int) -> list[str]:
    """Parts of at most `width` columns, broken at a blank where there is one."""
    parts = []
    while columns_of(line) > width:
        end = 1
        while columns_of(line[: end + 1]) <= width:
            end += 1
        blank = line.rfind(" ", 1, end + 1)
        cut = blank if blank > 0 else end
        parts.append(line[:cut])
        line = line[cut:].removeprefix(" ")
    return [*parts, line]
