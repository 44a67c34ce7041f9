"""The memo: every answer that was ever paid for or computed, in one SQLite file of the repository, stored
before anything can lose it.

    with Memo() as memo:
        answers = memo.get([key(asked)])         # {key: Answer} of those that are there
        mine = memo.claim([key(asked)])          # of the rest, those that no other process is asking just now
        memo.put(key(asked), asked, Answer(...)) # on disk a few milliseconds later, when its future is done

`asked` is a JSON mapping of everything that can change the answer (provider, model, base_url, messages,
sampling settings, schema, sample, try) and of nothing else: no key, no timeout, no concurrency. It needs
`provider` and `model`.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from functools import lru_cache
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from stages.samplers.memo.claims import Claims
from stages.samplers.memo.database import ANSWER_COLUMNS, connect, is_read_only, telling_damage
from stages.samplers.memo.sampled_answers import Answer
from stages.samplers.memo.writer import Writer
from stages.shared.cli import working_directory
from stages.shared.errors import BadInput
from stages.shared.rows import Ending

ROWS = 500  # looked up by one statement
Item = tuple[str, Mapping[str, Any], Answer]  # a key, what was asked, and the answer


def canonical(asked: Mapping[str, Any]) -> str:
    """The one way to write `asked`: ASCII, keys sorted. ValueError or TypeError on what is no JSON (NaN
    too)."""
    return json.dumps(asked, sort_keys=True, separators=(",", ":"), allow_nan=False)


def key(asked: Mapping[str, Any]) -> str:
    """SHA-256, in 64 hexadecimal digits, of the canonical JSON of `asked`."""
    return sha256(canonical(asked).encode()).hexdigest()


@lru_cache(maxsize=16)  # once for a run, not for each of its prompts
def bare_url(url: str) -> str:
    """`url` without user, password, query and fragment, which may hold credentials, and without a slash at
    its end."""
    parts = urlsplit(url)
    return urlunsplit(
        (parts.scheme.lower(), parts.netloc.rpartition("@")[2].lower(), parts.path.rstrip("/"), "", "")
    )


class Memo:
    """The memo in the file at `path` (made if need be). Safe for any number of processes and threads, but not
    across a fork.

    A file that may not be written serves what it holds. Raises BadInput where the file is no memo, or one of
    a later version.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or working_directory() / "memo.sqlite"

    def __enter__(self) -> "Memo":
        self.read_only = is_read_only(self.path)
        self.reader = connect(self.path)
        self.writer = Writer(self.path)
        self.claims = Claims(self.reader, self.path)
        self._unwritten: dict[str, Answer] = {}  # put, but perhaps not yet on disk
        return self

    def __exit__(self, *error: object) -> None:
        """Waits until all answers are on disk, also after an error."""
        try:
            self.writer.close()
        finally:
            self.claims.close()
            self.reader.close()

    def get(self, keys: Iterable[str]) -> dict[str, Answer]:
        """The answers to `keys`, of those that are stored."""
        answers: dict[str, Answer] = {}
        for some in _groups(keys):
            places = ",".join("?" * len(some))
            with telling_damage(self.path):
                rows = self.reader.execute(
                    f"SELECT key, {', '.join(ANSWER_COLUMNS)} FROM answers WHERE key IN ({places})",
                    [bytes.fromhex(key) for key in some],
                ).fetchall()
            answers |= {row[0].hex(): from_columns(row[1:]) for row in rows}
            if self._unwritten:
                answers |= {key: self._unwritten[key] for key in some if key in self._unwritten}
        return answers

    def put(self, key: str, asked: Mapping[str, Any], answer: Answer) -> Future[None]:
        """Stores one answer. Returns at once. The future is done when the answer is on disk, and holds the
        error if it could not be written."""
        return self.put_many([(key, asked, answer)])

    def put_many(self, items: Sequence[Item]) -> Future[None]:
        """Stores several answers, all or none. An answer that is stored already stays as it is."""
        rows = [_row(*item) for item in items]
        self._unwritten |= {key: answer for key, _, answer in items}
        done = self.writer.add(rows)
        done.add_done_callback(lambda _: self._forget_unwritten([key for key, *_ in items]))
        return done

    def _forget_unwritten(self, keys: Iterable[str]) -> None:
        for key in keys:
            self._unwritten.pop(key, None)

    def flush(self) -> None:
        """Returns when all answers are on disk. Raises the error that kept one of them from it."""
        self.writer.flush()

    def claim(self, keys: Iterable[str]) -> set[str]:
        """Claims those of `keys` that are neither stored nor claimed by a living process, this one included,
        and returns them. `put` and `release` end a claim.

        The caller asks for the claimed ones. It looks again (`get`, then `claim`) for the others every now
        and then: they are answered, or become free when their process fails or dies."""
        waiting = [key for key in keys if key not in self._unwritten]
        if waiting and self.read_only:
            raise BadInput(
                f"{self.path}: the memo may not be written, so nothing can be bought; it serves what it "
                f"holds, and {len(waiting)} or more answers are not there: make it and its folder writable"
            )
        with telling_damage(self.path):
            return {key for some in _groups(waiting) for key in self.claims.take(some)}

    def release(self, keys: Iterable[str]) -> None:
        """Ends the claims of keys that stay without an answer."""
        for some in _groups(keys):
            self.claims.drop(some)

    def limits(self, model: str, names: Iterable[str]) -> set[int]:
        """The values that the fields `names` had wherever `model` was asked. Reads all that is stored."""
        values = ", ".join(f"asked ->> '$.{name}'" for name in names)
        query = f"SELECT DISTINCT coalesce({values}) FROM answers WHERE asked ->> '$.model' = ?"
        with telling_damage(self.path):
            return {limit for (limit,) in self.reader.execute(query, (model,)) if isinstance(limit, int)}

    def report(self, counts: Mapping[str, Any]) -> None:
        """Keeps the counts of one run (new, stored, retries, failures by kind, ...), for `python -m
        stages.tools.memo runs`. A memo that may not be written keeps none."""
        if self.read_only:
            return
        with telling_damage(self.path), self.reader:
            self.reader.execute(
                "INSERT INTO runs (made, counts) VALUES (unixepoch(), ?)", (canonical(counts),)
            )


def _groups(keys: Iterable[str]) -> Iterator[list[str]]:
    waiting = iter(keys)
    while some := list(islice(waiting, ROWS)):
        yield some


def _row(key: str, asked: Mapping[str, Any], answer: Answer) -> tuple[Any, ...]:
    columns = (
        to_blob(answer.text),
        str(answer.ending),
        answer.tokens,
        to_blob(answer.model),
        answer.prompt_tokens,
        answer.cost_usd,
        None if answer.reasoning is None else to_blob(answer.reasoning),
        None if answer.probs is None else json.dumps(answer.probs, allow_nan=False),
        None if answer.label_probs is None else json.dumps(answer.label_probs, allow_nan=False),
    )
    return (bytes.fromhex(key), *columns, canonical(asked))


def from_columns(columns: Sequence[Any]) -> Answer:
    """The answer in the columns ANSWER_COLUMNS of a row."""
    text, ending, tokens, model, prompt_tokens, cost_usd, reasoning, probs, label_probs = columns
    return Answer(
        from_blob(text),
        Ending(ending),
        tokens,
        from_blob(model),
        prompt_tokens,
        cost_usd,
        None if reasoning is None else from_blob(reasoning),
        None if probs is None else json.loads(probs),
        None if label_probs is None else json.loads(label_probs),
    )


def to_blob(text: str) -> bytes:
    """`text` as the memo keeps it. It may hold a lone surrogate, which SQLite's own text type would
    refuse."""
    return text.encode("utf-8", "surrogatepass")


def from_blob(content: bytes) -> str:
    """The text of which `to_blob` made `content`."""
    return content.decode("utf-8", "surrogatepass")
