"""The nouns of the flow, and how they are read and written.

A row is one flat JSON line that a person can read alone. It only grows: a `Trace` is its `Response` with
grades, which is its `Prompt` with an answer, which is its `Problem` with messages.
"""

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import StrEnum
from math import isfinite
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypedDict, TypeVar

import msgspec

from stages.shared.errors import BadInput

PROBE = "probe"  # the `by` of the base model's plain answers, whose pass rate says how hard a problem is


class Kind(StrEnum):
    """How answers of a problem are compared."""

    NUMBER = "number"
    EXPRESSION = "expression"
    CHOICE = "choice"
    YES_NO = "yes_no"
    NLI = "nli"
    LABEL = "label"
    OPEN = "open"


class Ending(StrEnum):
    """Why an answer ended where it does."""

    STOP = "stop"  # the model said that it was done
    LENGTH = "length"  # it was cut off at its limit
    CONTENT_FILTER = "content_filter"  # the service withheld or cut it
    REFUSAL = "refusal"  # the model declined, and the service says so
    CONTEXT = "context"  # the prompt does not fit into the model's context: there is no answer


class Message(TypedDict):
    """One turn of a chat; `role` is system, user or assistant."""

    role: str
    content: str


class TopToken(TypedDict):
    """A token that could have stood at a place, with its log-probability (natural logarithm) there."""

    token: str
    logprob: float


class TokenProbs(TypedDict):
    """A token of an answer, its log-probability, and the likeliest tokens at its place (`top`, which may be
    empty)."""

    token: str
    logprob: float
    top: list[TopToken]


class Problem(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A question with its gold answer. `id` is unique and fixes the split. `solution` is the data set's own
    worked answer. `history` holds the turns of the chat before the question."""

    id: str
    task: str
    kind: Kind
    split: str
    question: str
    answer: str
    solution: str | None = None
    choices: list[str] | None = None
    context: str | None = None
    level: int | None = None
    history: list[Message] | None = None


class Prompt(Problem, kw_only=True):
    """A problem put in a style. `by` says who answers: a teacher, the base model, an arm of the evaluation.
    `messages` is the chat that is sent."""

    by: str
    style: str
    messages: list[Message]


class Response(Prompt, kw_only=True):
    """One answer. `sample` counts the answers to one prompt from 0. `tokens` is the length of the answer in
    tokens of the model that wrote it (0: not known).

    `reasoning` is what a teacher thought before its answer, where its server sends that apart from `text`. It
    is never graded. `probs` are the probabilities of the answer's tokens, in order. None: not known.
    """

    sampler: str
    model: str
    sample: int
    text: str
    ending: Ending
    tokens: int
    reasoning: str | None = None
    probs: list[TokenProbs] | None = None

    @property
    def trace_id(self) -> str:
        """Unique among all responses of a system."""
        return f"{self.id}/{self.by}/{self.style}/{self.sample}"


class Trace(Response, kw_only=True):
    """A response with its grades, each 0 to 1, and a reason for each grade below 1.

    `pred` is the answer as extracted (None: no answer); `pass_rate` the share of the base model's plain
    answers to this problem that are right (None: the base model was not asked). `verdict` is what the judge
    wrote (None: not asked; "": it gave no answer).
    """

    pred: str | None
    grades: dict[str, float]
    reasons: dict[str, str]
    pass_rate: float | None = None
    verdict: str | None = None


class Chat(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What a student is shown: `trace` is the id of the trace it came from (`gold:<problem id>` where it is
    the data set's own answer)."""

    id: str
    problem: str
    format: str
    style: str
    messages: list[Message]
    trace: str


Row = TypeVar("Row", bound=msgspec.Struct)
_encoder = msgspec.json.Encoder()


def read(path: Path, noun: type[Row], key: Callable[[Row], str] | None = None) -> Iterator[Row]:
    """The rows of a JSONL file, one at a time, so memory stays flat.

    Raises BadInput, naming file and line, on a missing or empty file, a line that is not a `noun`, and, where
    `key` is given, a row whose key stood before.
    """
    decoder = msgspec.json.Decoder(noun)
    seen = Seen() if key else None
    number = 0
    try:
        with path.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                row = _decode(decoder, line, noun, f"{path}:{number}")
                if key and seen and not seen.add(key(row)):
                    raise BadInput(f"{path}:{number}: duplicate id {key(row)!r}; every row needs its own")
                yield row
    except FileNotFoundError:
        raise BadInput(f"{path}: no such file; run the stage that makes it (`dvc repro`)") from None
    if number == 0:
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


def encode(row: msgspec.Struct) -> bytes:
    """One line of JSON without its newline; glyphs stay readable, lone surrogates are escaped."""
    try:
        return _encoder.encode(row)
    except UnicodeEncodeError:
        return json.dumps(msgspec.to_builtins(row), ensure_ascii=True).encode()


def write(path: Path, rows: Iterable[msgspec.Struct], empty: str = "") -> int:
    """Writes all rows and returns their number; `path` changes only once every row is on disk, so an error
    costs nothing.

    `empty` is the error where no row came at all; without it an empty file is written.
    """
    with replacing(path) as file:
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
    disk, nor of those that turn up on the way (`also`).
    """

    def __init__(self, *paths: Path) -> None:
        self.paths = paths
        self.parts: dict[Path, Path] = {}
        self.files: dict[Path, Any] = {}

    def also(self, path: Path) -> Any:
        """The binary file that takes the place of `path` together with the others; opened when it is first
        asked for."""
        if path not in self.files:
            path.parent.mkdir(parents=True, exist_ok=True)
            self.parts[path] = path.with_name(path.name + ".partial")
            self.files[path] = self.parts[path].open("wb", buffering=1 << 20)
        return self.files[path]

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
                partial.replace(path)
        finally:
            for path in self.files:
                self.parts[path].unlink(missing_ok=True)


def sweep(folder: Path, kept: Iterable[Path]) -> None:
    """Leaves of `folder` (made if need be) the files `kept`: what an earlier run wrote under other names is
    not this one's."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in set(folder.iterdir()) - set(kept):
        path.unlink()


def write_json(path: Path, value: object) -> None:
    """Writes one JSON value whole or not at all."""
    with replacing(path) as file:
        file.write(as_json(value))


def as_json(value: object) -> bytes:
    """One JSON value with its newline, indented, keys in the order given, floats as they are."""
    return as_bytes(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def as_bytes(text: str) -> bytes:
    """UTF-8; a lone surrogate, which no file can hold, as its escape (`\\ud800`)."""
    return text.encode(errors="backslashreplace")


class Seen:
    """A set of strings that spills to disk: a million ids cost a few megabytes of memory. Each may carry a
    value."""

    def __init__(self) -> None:
        self.store = sqlite3.connect("")  # "" is SQLite's private temporary file
        self.store.execute("PRAGMA journal_mode=OFF")
        self.store.execute("CREATE TABLE seen (id TEXT PRIMARY KEY, value BLOB) WITHOUT ROWID")

    def add(self, item: str, value: str = "") -> bool:
        """Whether `item` is new; an old one keeps its first value."""
        insert = "INSERT OR IGNORE INTO seen VALUES (?, ?)"
        return self.store.execute(insert, (_key(item), _key(value))).rowcount == 1

    def value(self, item: str) -> str:
        """The value that `item` was first added with; KeyError where it never was."""
        found = self.store.execute("SELECT value FROM seen WHERE id = ?", (_key(item),)).fetchone()
        if found is None:
            raise KeyError(item)
        value: bytes = found[0]
        return value.decode("utf-8", "surrogatepass")


def _key(item: str) -> bytes:
    return item.encode("utf-8", "surrogatepass")
