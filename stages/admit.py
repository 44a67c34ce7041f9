"""Makes the chats that a student learns next: the rows of a file that arrived, and some older ones beside
them.

What was learnt before is forgotten where only new rows are learnt; rehearsal of older rows is the plainest
remedy (https://arxiv.org/abs/1811.11682).
"""

import hashlib
import heapq
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec
from pydantic import Field

from stages.shared import params
from stages.shared.cli import progress, run
from stages.shared.errors import BadInput, unknown
from stages.shared.files import as_json, put, read, replacing
from stages.shared.params import Strict
from stages.shared.rows import Chat, Message

ROLES = ("system", "user", "assistant")


class Params(Strict):
    """What is mixed into the rows of a new file."""

    # older rows for each row of the file
    replay: float = Field(ge=0)
    # rows that are kept as a sample of all rows so far
    older: int = Field(ge=0)


def main(name: str) -> None:
    """updates/N/arrived.jsonl, updates/N/older.jsonl -> data/S/admitted/N.jsonl, data/S/older/N.jsonl,
    metrics/N_admit.json."""
    section = params.read(name, "admit", Params, family="updates")
    system, seed = params.refers("updates", name, "system"), params.seed()
    folder = Path("updates", name)
    data = Path("data", system)
    new = Sample(section.older, seed)
    counts = {"rows": 0, "repeated": 0, "older": 0}
    targets = (
        data / "admitted" / f"{name}.jsonl",
        data / "older" / f"{name}.jsonl",
        Path("metrics", f"{name}_admit.json"),
    )
    with replacing(*targets) as (admitted, older, metrics):
        put(admitted, progress(_fresh(folder / "arrived.jsonl", new, counts), "admit"))
        before = list(read(folder / "older.jsonl", Chat))
        put(admitted, replayed(before, round(section.replay * counts["rows"]), seed, new, counts))
        for chat in before:
            new.add(chat)
        put(older, new.chats())
        metrics.write(as_json(counts))


def _fresh(path: Path, sample: "Sample", counts: dict[str, int]) -> Iterator[Chat]:
    seen: set[str] = set()
    for chat in conversations(path):
        if chat.id in seen:
            counts["repeated"] += 1
            continue
        seen.add(chat.id)
        counts["rows"] += 1
        sample.add(chat)
        yield chat


def replayed(
    older: Iterable[Chat], count: int, seed: int, new: "Sample", counts: dict[str, int]
) -> Iterator[Chat]:
    """`count` older chats, other ones for each file: what is drawn depends on the file's first rows."""
    salt = min((chat.id for chat in new.chats()), default="")
    drawn = heapq.nsmallest(count, older, key=lambda chat: _rank(f"{seed}/{salt}", chat.id))
    for chat in drawn:
        if chat.id not in new:
            counts["older"] += 1
            yield chat


class Sample:
    """A uniform sample of all chats that were added, in bounded memory: those whose hashes are the
    smallest."""

    def __init__(self, size: int, seed: int) -> None:
        self.size, self.seed = size, seed
        self.kept: dict[str, tuple[int, Chat]] = {}
        self.heap: list[tuple[int, str]] = []  # the largest rank first

    def __contains__(self, name: str) -> bool:
        return name in self.kept

    def add(self, chat: Chat) -> None:
        """Adds a chat; one that is there already stays."""
        if not self.size or chat.id in self.kept:
            return
        rank = _rank(str(self.seed), chat.id)
        self.kept[chat.id] = rank, chat
        heapq.heappush(self.heap, (-rank, chat.id))
        if len(self.kept) > self.size:
            del self.kept[heapq.heappop(self.heap)[1]]

    def chats(self) -> list[Chat]:
        """The sample, by rank."""
        return [chat for _, chat in sorted(self.kept.values(), key=lambda pair: pair[0])]


def _rank(salt: str, name: str) -> int:
    return int.from_bytes(hashlib.sha256(f"{salt}/{name}".encode()).digest()[:8])


def conversations(path: Path) -> Iterator[Chat]:
    """The chats of a file with a conversation a line: `{"messages": [{"role", "content"} ...], "metadata":
    {...}}`.

    Raises BadInput, naming line and field, on the first row that is none.
    """
    number = 0
    try:
        with path.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                yield _chat(line, f"{path.name}:{number}")
    except FileNotFoundError:
        raise BadInput(f"{path}: no such file") from None
    if not number:
        raise BadInput(f"{path.name}: the file is empty; expected a conversation a line")


def _chat(line: bytes, where: str) -> Chat:
    try:
        row = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadInput(f"{where}: malformed JSON: {error}") from None
    if not isinstance(row, dict) or not isinstance(row.get("messages"), list) or not row["messages"]:
        raise BadInput(f"{where}: messages: expected a list of turns, got {type(row).__name__}")
    messages = [_message(turn, f"{where}: messages.{place}") for place, turn in enumerate(row["messages"])]
    roles = [message["role"] for message in messages]
    turns = roles[1:] if roles[0] == "system" else roles
    expected = ["user", "assistant"] * (len(turns) // 2)
    if not turns or turns != expected:
        raise BadInput(
            f"{where}: messages: expected user and assistant by turns, the last one assistant; got {roles}"
        )
    digest = hashlib.sha256(json.dumps(messages, sort_keys=True).encode()).hexdigest()[:24]
    return Chat(
        id=digest,
        problem=digest,
        format="arrived",
        style="arrived",
        messages=messages,
        trace=f"arrived:{digest}",
    )


def _message(turn: Any, where: str) -> Message:
    if not isinstance(turn, dict):
        raise BadInput(f"{where}: expected a mapping with role and content, got {turn!r:.80}")
    if turn.get("role") not in ROLES:
        raise BadInput(f"{where}.role: {unknown('role', turn.get('role'), ROLES)}")
    if "content" not in turn:
        raise BadInput(f"{where}.content: is missing")
    content = turn["content"]
    return Message(role=turn["role"], content=content if isinstance(content, str) else json.dumps(content))


def check(arguments: list[str]) -> None:
    """checks that a file's rows can be admitted, and runs nothing"""
    if len(arguments) != 1:
        raise BadInput(f"--check: expected one file, got {len(arguments)}")
    rows = sum(1 for _ in conversations(Path(arguments[0])))
    print(f"{rows} conversations")


if __name__ == "__main__":
    run(main, instead={"--check": check}, family="update")
