"""Rows and other values, read from files and written to them; a file changes whole or not at all."""

import csv
import io
import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from math import isfinite
from pathlib import Path
from shutil import rmtree
from types import MappingProxyType
from typing import Any, TypeVar

import msgspec

from stages.shared.cli import is_main_process
from stages.shared.errors import BadInput
from stages.shared.rows import encode
from stages.shared.seen import Seen
from stages.shared.shards import ENDING, Shards, lines

Row = TypeVar("Row", bound=msgspec.Struct)


def read(path: Path, noun: type[Row], key: Callable[[Row], str] | None = None) -> Iterator[Row]:
    """The rows of a JSONL file, or of a folder of shards, one at a time, so memory stays flat.

    Raises BadInput, naming file and line, on a missing or empty file, a line that is not a `noun`, and, where
    `key` is given, a row whose key stood before.
    """
    decoder = msgspec.json.Decoder(noun)
    seen = Seen() if key else None
    where = ""
    try:
        for where, line in lines(path):
            row = _decode(decoder, line, noun, where)
            if key and seen and not seen.add(key(row)):
                raise BadInput(f"{where}: duplicate id {key(row)!r}; every row needs its own")
            yield row
    except FileNotFoundError:
        raise BadInput(f"{path}: no such file; run the stage that makes it (`dvc repro`)") from None
    if not where:
        raise BadInput(f"{path}: the file is empty; expected one {noun.__name__} a line")


def _decode(decoder: msgspec.json.Decoder[Row], line: bytes, noun: type[Row], where: str) -> Row:
    try:
        return decoder.decode(line)
    except msgspec.ValidationError as error:
        raise BadInput(f"{where}: not a {noun.__name__}: {error}") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        try:  # a lone surrogate is legal in JSON's escapes; msgspec refuses it, the standard library does not
            return msgspec.convert(json.loads(line, parse_constant=_no_number, parse_float=_finite), noun)
        except msgspec.ValidationError as refused:
            raise BadInput(f"{where}: not a {noun.__name__}: {refused}") from None
        except (ValueError, RecursionError):
            raise BadInput(f"{where}: malformed JSON: {error}") from None


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no JSON")


def _finite(digits: str) -> float:
    value = float(digits)
    return value if isfinite(value) else _no_number(digits)


def write(path: Path, rows: Iterable[msgspec.Struct], empty: str = "", shard_rows: int | None = None) -> int:
    """Writes all rows and returns their number; `path` changes only once every row is on disk, so an error
    costs nothing.

    `empty` is the error where no row came at all; without it an empty file is written. `shard_rows`: see
    `replacing`.
    """
    with replacing(path, shard_rows=shard_rows) as file:
        count = put(file, rows)
        if empty and not count:
            raise BadInput(f"{path}: nothing to write: {empty}")
    return count


def put(file: Any, rows: Iterable[msgspec.Struct]) -> int:
    """Writes all rows to an open binary file and returns their number."""
    count = 0
    for row in rows:
        file.write(encode(row) + b"\n")
        count += 1
    return count


class replacing:
    """`with replacing(path) as file:` gives a binary file that takes the place of `path` on a clean exit, and
    vanishes on any other.

    Of several paths (`with replacing(one, other) as (file, second):`) none is replaced before all are on
    disk, nor of those that turn up on the way (`also`). With `shard_rows` each path that ends in `.jsonl`
    becomes a folder of shards with so many rows each, and what is written to it must be whole lines.
    """

    def __init__(self, *paths: Path, shard_rows: int | None = None) -> None:
        self.paths, self.shard_rows = paths, shard_rows
        self.parts: dict[Path, Path] = {}
        self.files: dict[Path, Any] = {}

    def also(self, path: Path) -> Any:
        """The binary file that takes the place of `path` together with the others; opened when it is first
        asked for."""
        if path not in self.files:
            path.parent.mkdir(parents=True, exist_ok=True)
            self.parts[path] = path.with_name(path.name + ".partial")
            self.files[path] = self._opened(self.parts[path], path.suffix == ENDING)
        return self.files[path]

    def _opened(self, partial: Path, of_rows: bool) -> Any:
        sharded = self.shard_rows if of_rows else None
        if sharded or partial.is_dir():
            _remove(partial)  # what a killed run has left
        if sharded:
            return Shards(partial, sharded)
        return partial.open("wb", buffering=1 << 20)

    def __enter__(self) -> Any:
        try:
            for path in self.paths:
                self.also(path)
        except OSError:
            self._close()
            raise
        return next(iter(self.files.values())) if len(self.files) == 1 else tuple(self.files.values())

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        self._close(self.parts if kind is None else {})

    def _close(self, replaced: Mapping[Path, Path] = MappingProxyType({})) -> None:
        """Closes all files, and has the partial ones take the place of those to be `replaced`, once nothing
        can fail any more."""
        failures = []
        for path, file in self.files.items():
            try:
                file.close()  # flushes: a full disk shows here at the latest
            except OSError as failure:
                failures.append(OSError(failure.errno, failure.strerror, str(path)))
        try:
            if failures:
                raise failures[0] from None
            for path, partial in replaced.items():
                _take_place(partial, path)
        finally:
            for path in self.files:
                _remove(self.parts[path])


def _take_place(partial: Path, path: Path) -> None:
    """Has `partial` take the place of `path`. A folder and what it replaces need two renames. A kill between
    the two leaves no `path`, never a part of the rows."""
    old = path.with_name(f"{path.name}.old.partial")
    _remove(old)  # what a killed run has left
    if path.is_dir() or partial.is_dir():
        with suppress(FileNotFoundError):
            path.rename(old)
    partial.replace(path)
    _remove(old)


def _remove(path: Path) -> None:
    """Removes a file or a folder of shards, if it is there."""
    if path.is_dir() and not path.is_symlink():
        rmtree(path)
    else:
        path.unlink(missing_ok=True)


def sweep(folder: Path, kept: Iterable[Path]) -> None:
    """Leaves of `folder` (made if need be) the files `kept`: what an earlier run wrote under other names is
    not this one's."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in set(folder.iterdir()) - set(kept):
        _remove(path)


@contextmanager
def timed(path: Path, **facts: object) -> Iterator[None]:
    """Once what is done inside is done, adds a line to the file: `facts`, how many seconds it took, and for
    how many of them this process had a processor. Of several processes the main one adds it.

    The file must be one that no stage writes or reads: with times in their outputs, the same inputs would not
    give the same bytes.
    """
    began, used = time.perf_counter(), time.process_time()
    yield
    seconds, processor = time.perf_counter() - began, time.process_time() - used
    row = {**facts, "seconds": round(seconds, 2), "processor_seconds": round(processor, 2)}
    if is_main_process():
        with suppress(OSError):  # the work is done, whether or not its time can be noted
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("a") as file:
                file.write(json.dumps(row) + "\n")


def write_json(path: Path, value: object) -> None:
    """Writes one JSON value whole or not at all."""
    with replacing(path) as file:
        file.write(as_json(value))


def as_json(value: object) -> bytes:
    """One JSON value with its newline, indented, keys in the order given, floats as they are."""
    return as_bytes(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def csv_line(*cells: str) -> bytes:
    """A line of a table (RFC 4180): cells with commas, quotes or line breaks are quoted."""
    line = io.StringIO()
    csv.writer(line).writerow(cells)
    return as_bytes(line.getvalue())


def as_bytes(text: str) -> bytes:
    """UTF-8; a lone surrogate, which no file can hold, as its escape (`\\ud800`)."""
    return text.encode(errors="backslashreplace")
