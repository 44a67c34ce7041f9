"""The memo: every answer that was ever paid for or computed, in one SQLite file of the repository, stored
before anything can lose it.

    with Memo() as memo:
        stored = memo.get([key(asked)])          # {key: Stored} of those that are there
        mine = memo.claim([key(asked)])          # of the rest, those that no other process is asking just now
        memo.put(key(asked), asked, Stored(...)) # on disk a few milliseconds later; its future tells when

`asked` is a JSON mapping of everything that can change the answer (provider, model, base_url, messages,
sampling settings, schema, sample) and of nothing else: no key, no timeout, no concurrency. It needs
`provider` and `model`.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from functools import lru_cache
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit, urlunsplit

from stages.samplers.memo.claims import Claims
from stages.samplers.memo.writer import Writer, connect
from stages.shared.cli import working_directory
from stages.shared.rows import Ending

FIELDS = "text, ending, tokens, prompt_tokens, cost_usd, model"
ROWS = 500  # looked up by one statement
Item = tuple[str, Mapping[str, Any], "Stored"]


class Stored(NamedTuple):
    """An answer as it is kept. `tokens` counts its own, `prompt_tokens` those it was asked with; `cost_usd`
    is what this one answer cost (None: not known), `model` how the server names who answered."""

    text: str
    ending: Ending
    tokens: int
    prompt_tokens: int = 0
    cost_usd: float | None = None
    model: str = ""


def canonical(asked: Mapping[str, Any]) -> str:
    """The one way to write `asked`: ASCII, keys sorted. ValueError or TypeError on what is no JSON (NaN too)."""
    return json.dumps(asked, sort_keys=True, separators=(",", ":"), allow_nan=False)


def key(asked: Mapping[str, Any]) -> str:
    """SHA-256, in 64 hexadecimal digits, of the canonical JSON of `asked`."""
    return sha256(canonical(asked).encode()).hexdigest()


@lru_cache(maxsize=16)  # once for a run, not for each of its prompts
def bare_url(url: str) -> str:
    """`url` without user, password, query and fragment: where credentials hide; a slash at its end is no
    difference."""
    parts = urlsplit(url)
    return urlunsplit(
        (parts.scheme.lower(), parts.netloc.rpartition("@")[2].lower(), parts.path.rstrip("/"), "", "")
    )


class Memo:
    """The store at `path` (made if need be). Safe for any number of processes and threads; not across a fork.

    Raises BadInput where the file is no memo, or one of a later version.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or working_directory() / "memo.sqlite"

    def __enter__(self) -> "Memo":
        self.reader = connect(self.path)
        self.writer = Writer(self.path)
        self.claims = Claims(self.reader, self.path)
        self._fresh: dict[str, Stored] = {}  # put, but perhaps not yet on disk
        return self

    def __exit__(self, *error: object) -> None:
        """Waits until all that was put is on disk, whatever else went wrong."""
        try:
            self.writer.close()
        finally:
            self.claims.close()
            self.reader.close()

    def get(self, keys: Iterable[str]) -> dict[str, Stored]:
        """What is stored of `keys`."""
        found: dict[str, Stored] = {}
        for some in _chunks(keys):
            places = ",".join("?" * len(some))
            rows = self.reader.execute(
                f"SELECT key, {FIELDS} FROM answers WHERE key IN ({places})",
                [bytes.fromhex(one) for one in some],
            )
            found |= {row[0].hex(): _stored(row[1:]) for row in rows.fetchall()}
            found |= {one: self._fresh[one] for one in some if one in self._fresh} if self._fresh else {}
        return found

    def put(self, key: str, asked: Mapping[str, Any], stored: Stored) -> Future[None]:
        """Stores one answer. Returns at once; the future is done when the answer is safe, and holds the error
        if it could not be kept."""
        return self.put_many([(key, asked, stored)])

    def put_many(self, items: Sequence[Item]) -> Future[None]:
        """Stores several answers, all or none. What is stored already stays as it is: the first answer
        counts."""
        rows = [_row(*item) for item in items]
        self._fresh |= {one: stored for one, _, stored in items}
        done = self.writer.add(rows)
        done.add_done_callback(lambda _: self._settle([one for one, *_ in items]))
        return done

    def _settle(self, keys: Iterable[str]) -> None:
        for one in keys:
            self._fresh.pop(one, None)

    def flush(self) -> None:
        """Returns when all that was put is on disk; raises what kept it from getting there."""
        self.writer.flush()

    def claim(self, keys: Iterable[str]) -> set[str]:
        """Those of `keys` that are now ours to ask: neither stored nor claimed by a process that lives, this
        one included.

        Look again (`get`, then `claim`) for the others, every now and then: they are answered, or become free
        when their process fails or dies. `put` and `release` end a claim.
        """
        waiting = [one for one in keys if one not in self._fresh]
        return {one for some in _chunks(waiting) for one in self.claims.take(some)}

    def release(self, keys: Iterable[str]) -> None:
        """Gives claimed keys back unanswered."""
        for some in _chunks(keys):
            self.claims.drop(some)

    def report(self, counts: Mapping[str, Any]) -> None:
        """Keeps what became of one run (new, stored, retries, failures by kind, ...), for `python -m
        stages.tools.memo runs`."""
        with self.reader:
            self.reader.execute(
                "INSERT INTO runs (made, counts) VALUES (unixepoch(), ?)", (canonical(counts),)
            )


def _chunks(keys: Iterable[str]) -> Iterator[list[str]]:
    waiting = iter(keys)
    while some := list(islice(waiting, ROWS)):
        yield some


def _row(key: str, asked: Mapping[str, Any], stored: Stored) -> tuple[Any, ...]:
    values = (
        to_blob(stored.text),
        str(stored.ending),
        stored.tokens,
        stored.prompt_tokens,
        stored.cost_usd,
        to_blob(stored.model),
    )
    return (bytes.fromhex(key), *values, canonical(asked))


def _stored(row: Sequence[Any]) -> Stored:
    text, ending, tokens, prompt_tokens, cost, model = row
    return Stored(from_blob(text), Ending(ending), tokens, prompt_tokens, cost, from_blob(model))


def to_blob(text: str) -> bytes:
    """Text as the store keeps it: a lone surrogate too, which SQLite's own text type would refuse."""
    return text.encode("utf-8", "surrogatepass")


def from_blob(content: bytes) -> str:
    """The text that `to_blob` was given."""
    return content.decode("utf-8", "surrogatepass")
