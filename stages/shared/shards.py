"""Rows in one file, or in a folder of shards that reads as the one file.

The shards of a folder are its `*.jsonl` files, in the order of their names; put one after the other they are
the one file, byte for byte. DVC tracks such a folder as one out.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from stages.shared.errors import BadInput

ENDING = ".jsonl"
DIGITS = 9  # of the number in a shard's name: 000000000.jsonl; names with more would not stand in order


def shards_of(path: Path) -> list[Path]:
    """The files that hold the rows of `path`: itself, or its shards in order.

    Raises BadInput on a folder without shards, or with anything else in it: a shard under another name would
    be left out unseen.
    """
    if not path.is_dir():
        return [path]
    inside = sorted(path.iterdir())
    stranger = next((entry for entry in inside if entry.suffix != ENDING or not entry.is_file()), None)
    if stranger or not inside:
        what = f"{stranger.name} is no shard" if stranger else "the folder is empty"
        raise BadInput(f"{path}: {what}; expected files *{ENDING} alone, whose names put them in order")
    return inside


def has_rows(path: Path) -> bool:
    """Whether `path` is there and holds anything."""
    return path.exists() and any(shard.stat().st_size for shard in shards_of(path))


def lines(path: Path) -> Iterator[tuple[str, bytes]]:
    """Every line with its place (`train.jsonl:7`, `train.jsonl/000000002.jsonl:7`), one at a time."""
    for shard in shards_of(path):
        with shard.open("rb") as file:
            for number, line in enumerate(file, 1):
                yield f"{shard}:{number}", line


def content_of(path: Path) -> bytes:
    """All rows, as the one file would hold them."""
    return b"".join(shard.read_bytes() for shard in shards_of(path))


class Shards:
    """A folder of shards that is written like one binary file: `rows` lines a shard, the last one fewer.

    What is written must be whole lines. A folder without rows has one empty shard. `folder` must not exist.
    """

    def __init__(self, folder: Path, rows: int) -> None:
        folder.mkdir()
        self.folder, self.rows, self.made = folder, rows, 0
        self.room, self.file = rows, self._next()

    def write(self, text: bytes) -> None:
        """Adds one line or several."""
        count = text.count(b"\n")
        if count <= self.room:
            self._put(text, count)
            return
        for line in text.splitlines(keepends=True):
            self._put(line, 1)

    def _put(self, text: bytes, count: int) -> None:
        if count and not self.room:
            self.file.close()
            self.room, self.file = self.rows, self._next()
        self.file.write(text)
        self.room -= count

    def _next(self) -> Any:
        path = self.folder / f"{self.made:0{DIGITS}}{ENDING}"
        self.made += 1
        return path.open("wb", buffering=1 << 20)

    def close(self) -> None:
        """Closes the last shard; what a full disk refuses is raised here at the latest."""
        self.file.close()
