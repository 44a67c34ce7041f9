"""Files of rows that grow while a training goes on, and that are cut back where a killed one goes on."""

import os
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from stages.shared.rows import encode


class Rows(NamedTuple):
    """A file of rows that grows."""

    path: Path

    def cut(self, size: int) -> None:
        """Drops what stands after the first `size` bytes: rows that a killed run wrote since its last
        checkpoint."""
        self.path.touch()
        os.truncate(self.path, size)

    def add(self, *rows: msgspec.Struct) -> None:
        """Adds rows at the end."""
        with self.path.open("ab") as file:
            file.writelines(encode(row) + b"\n" for row in rows)

    def safe(self) -> int:
        """The number of bytes, once all of them are on disk."""
        with self.path.open("rb") as file:
            os.fsync(file.fileno())
        return self.path.stat().st_size

    def read(self, noun: Any) -> list[Any]:
        """All rows."""
        return [msgspec.json.decode(line, type=noun) for line in self.path.read_bytes().splitlines()]
