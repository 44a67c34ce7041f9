"""What is done with a memo as a whole: told, taken along, brought back, thinned out. For `python -m
stages.tools.memo`."""

import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec

from stages.samplers.memo.store import Item, Memo, Stored, from_blob, key, to_blob
from stages.samplers.memo.writer import connect
from stages.shared.errors import BadInput
from stages.shared.rows import Ending

GROUP = 500  # answers brought back together
FIELDS = "key, asked, text, ending, tokens, prompt_tokens, cost_usd, model, made"
OLD = "made < unixepoch() - ? * 86400"


class Line(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A line of an exported memo. Importing checks that `key` is that of `asked`, so nothing was changed or
    mixed up on the way."""

    key: str
    asked: dict[str, Any]
    text: str
    ending: Ending
    tokens: int
    prompt_tokens: int
    cost_usd: float | None
    model: str


def holdings(path: Path) -> list[tuple[str, str, int, int, int, float, int]]:
    """By provider and model: answers, their tokens, those of their prompts, USD, and how many have no price."""
    sums = "count(*), sum(tokens), sum(prompt_tokens), total(cost_usd), sum(cost_usd IS NULL)"
    with closing(_existing(path)) as store:
        found = store.execute(
            f"SELECT asked ->> '$.provider', model, {sums} FROM answers GROUP BY 1, 2 ORDER BY 1, 2"
        ).fetchall()
    return [(str(provider), from_blob(model), *rest) for provider, model, *rest in found]


def runs(path: Path, last: int) -> list[tuple[str, dict[str, Any]]]:
    """The last reports, the oldest first: the time (UTC), and what was counted."""
    with closing(_existing(path)) as store:
        found = store.execute(
            "SELECT datetime(made, 'unixepoch'), counts FROM runs ORDER BY rowid DESC LIMIT ?", (last,)
        ).fetchall()
    return [(made, json.loads(counts)) for made, counts in reversed(found)]


def lines(path: Path) -> Iterator[bytes]:
    """The answers as JSON lines, ordered by key, so that the same memo is the same file."""
    with closing(_existing(path)) as store:
        for one, asked, text, ending, tokens, prompt_tokens, cost, model, _ in store.execute(
            f"SELECT {FIELDS} FROM answers ORDER BY key"
        ):
            fields = {
                "key": one.hex(),
                "asked": json.loads(asked),
                "text": from_blob(text),
                "ending": ending,
                "tokens": tokens,
            }
            rest = {"prompt_tokens": prompt_tokens, "cost_usd": cost, "model": from_blob(model)}
            yield json.dumps(fields | rest).encode() + b"\n"


def bring(path: Path, given: Iterable[bytes], where: str) -> tuple[int, int]:
    """Puts the lines into the memo; returns how many there were, and how many of them were new.

    What is there already stays. Raises BadInput at a line that is none or whose key is not that of what it
    asks: what came before stays.
    """
    count = new = 0
    group: list[Item] = []
    with Memo(path) as memo:
        for count, line in enumerate(given, 1):
            group.append(_item(line, f"{where}:{count}"))
            if len(group) == GROUP:
                new += _put(memo, group)
                group = []
        new += _put(memo, group)
    return count, new


def _put(memo: Memo, group: list[Item]) -> int:
    items = {one: (one, asked, stored) for one, asked, stored in group}
    new = [items[one] for one in items.keys() - memo.get(items)]
    if new:
        memo.put_many(new).result()
    return len(new)


def _item(line: bytes, where: str) -> Item:
    try:
        found = msgspec.convert(json.loads(line, parse_constant=_no_number), Line)
    except (ValueError, RecursionError) as error:  # msgspec's error is one, too
        raise BadInput(f"{where}: no line of an exported memo: {error}") from None
    if found.key != key(found.asked):
        raise BadInput(f"{where}: the key {found.key!r} is not that of what was asked: the line was changed")
    if max(found.tokens, found.prompt_tokens) >= 2**63 or min(found.tokens, found.prompt_tokens) < 0:
        raise BadInput(
            f"{where}: tokens and prompt_tokens must be counts, got {found.tokens} and {found.prompt_tokens}"
        )
    return (
        found.key,
        found.asked,
        Stored(found.text, found.ending, found.tokens, found.prompt_tokens, found.cost_usd, found.model),
    )


def prune(path: Path, model: str | None, days: float | None) -> int:
    """Forgets the answers of `model` (as listed) that are older than `days`, and gives their room back;
    returns how many they were."""
    conditions = [("model = ?", to_blob(model))] if model is not None else []
    both: list[tuple[str, Any]] = [*conditions, *([(OLD, days)] if days is not None else [])]
    if not both:
        raise BadInput("prune: say what to forget: --model NAME, --older-than DAYS or both")
    with closing(_existing(path)) as store:
        gone = store.execute(
            f"DELETE FROM answers WHERE {' AND '.join(text for text, _ in both)}",
            [value for _, value in both],
        ).rowcount
        store.execute("VACUUM")
    return gone


def _existing(path: Path) -> sqlite3.Connection:
    if not path.is_file():
        raise BadInput(f"{path}: there is no memo yet; respond, generate and grade fill it")
    return connect(path)


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no JSON")
