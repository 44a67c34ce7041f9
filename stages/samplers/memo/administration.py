"""What is done with a memo as a whole: list, export, import, prune. For `python -m stages.tools.memo`."""

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from math import isfinite
from pathlib import Path
from typing import Any

import msgspec

from stages.samplers.memo.database import ANSWER_COLUMNS, connect, telling_damage
from stages.samplers.memo.sampled_answers import Answer
from stages.samplers.memo.store import Item, Memo, from_blob, from_columns, key, to_blob
from stages.shared.errors import BadInput
from stages.shared.rows import Ending, Prompt, Response, TokenProbs

GROUP = 500  # answers imported together
OLDER = "made < unixepoch() - ? * 86400"


class ExportedAnswer(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A line of an exported memo. Importing checks that `key` is the key of `asked`: a line in which either
    was changed is refused."""

    key: str
    asked: dict[str, Any]
    text: str
    ending: Ending
    tokens: int
    prompt_tokens: int
    cost_usd: float | None
    model: str
    reasoning: str | None = None
    probs: list[TokenProbs] | None = None
    label_probs: dict[str, float] | None = None


def totals_by_model(path: Path) -> list[tuple[str, str, int, int, int, float, int]]:
    """By provider and model: answers, their tokens, tokens of their prompts, USD, answers without a price."""
    sums = "count(*), sum(tokens), sum(prompt_tokens), total(cost_usd), sum(cost_usd IS NULL)"
    with telling_damage(path), closing(_existing(path)) as database:
        rows = database.execute(
            f"SELECT asked ->> '$.provider', model, {sums} FROM answers GROUP BY 1, 2 ORDER BY 1, 2"
        ).fetchall()
    return [(str(provider), from_blob(model), *counts) for provider, model, *counts in rows]


def last_runs(path: Path, count: int) -> list[tuple[str, dict[str, Any]]]:
    """The reports of the last `count` runs, the oldest first: the time (UTC), and the counts."""
    with closing(_existing(path)) as database:
        rows = database.execute(
            "SELECT datetime(made, 'unixepoch'), counts FROM runs ORDER BY rowid DESC LIMIT ?", (count,)
        ).fetchall()
    return [(made, json.loads(counts)) for made, counts in reversed(rows)]


def export_lines(path: Path) -> Iterator[bytes]:
    """The answers as JSON lines, ordered by key, so that the same memo is the same file."""
    columns = ", ".join(ANSWER_COLUMNS)
    with telling_damage(path), closing(_existing(path)) as database:
        for blob, asked, *values in database.execute(
            f"SELECT key, asked, {columns} FROM answers ORDER BY key"
        ):
            answer = from_columns(values)
            fields = {
                "key": blob.hex(),
                "asked": json.loads(asked),
                "text": answer.text,
                "ending": answer.ending,
                "tokens": answer.tokens,
                "prompt_tokens": answer.prompt_tokens,
                "cost_usd": answer.cost_usd,
                "model": answer.model,
            }
            optional = {
                "reasoning": answer.reasoning,
                "probs": answer.probs,
                "label_probs": answer.label_probs,
            }
            fields |= {name: value for name, value in optional.items() if value is not None}
            yield json.dumps(fields).encode() + b"\n"


def import_lines(path: Path, lines: Iterable[bytes], where: str) -> tuple[int, int]:
    """Stores the answers of exported lines. Returns how many lines there were, and how many answers were new.

    An answer that is stored already stays as it is. Raises BadInput, which names `where` and the number of
    the line, at a line that is no exported answer, or whose key is not that of what it asks. The lines
    before it are stored."""
    count = new = 0
    group: list[Item] = []
    with Memo(path) as memo:
        for count, line in enumerate(lines, 1):
            group.append(_item(line, f"{where}:{count}"))
            if len(group) == GROUP:
                new += _put(memo, group)
                group = []
        new += _put(memo, group)
    return count, new


def _put(memo: Memo, group: list[Item]) -> int:
    items = {item[0]: item for item in group}
    new = [items[key] for key in items.keys() - memo.get(items)]
    if new:
        memo.put_many(new).result()
    return len(new)


def _item(line: bytes, where: str) -> Item:
    try:
        row = msgspec.convert(_strict_json(line), ExportedAnswer)
    except (ValueError, RecursionError) as error:  # msgspec's error is a ValueError
        raise BadInput(f"{where}: no line of an exported memo: {error}") from None
    if row.key != key(row.asked):
        raise BadInput(f"{where}: the key {row.key!r} is not that of what was asked: the line was changed")
    if max(row.tokens, row.prompt_tokens) >= 2**63 or min(row.tokens, row.prompt_tokens) < 0:
        raise BadInput(
            f"{where}: tokens and prompt_tokens must be counts, got {row.tokens} and {row.prompt_tokens}"
        )
    answer = Answer(
        row.text,
        row.ending,
        row.tokens,
        row.model,
        row.prompt_tokens,
        row.cost_usd,
        row.reasoning,
        row.probs,
        row.label_probs,
    )
    return row.key, row.asked, answer


def prune(path: Path, model: str | None, days: float | None, ending: Ending | None = None) -> int:
    """Deletes the answers of `model` (as listed) that are older than `days` and ended by `ending`, and
    shrinks the file. Returns how many were deleted. None is no condition; raises BadInput where all three are
    None."""
    conditions: list[tuple[str, Any]] = []
    if model is not None:
        conditions.append(("model = ?", to_blob(model)))
    if days is not None:
        conditions.append((OLDER, days))
    if ending is not None:
        conditions.append(("ending = ?", str(ending)))
    if not conditions:
        raise BadInput(
            "prune: say what to forget: --model NAME, --older-than DAYS, --ending ENDING or --unread"
        )
    with telling_damage(path), closing(_existing(path)) as database:
        deleted = database.execute(
            f"DELETE FROM answers WHERE {' AND '.join(text for text, _ in conditions)}",
            [value for _, value in conditions],
        ).rowcount
        database.execute("VACUUM")
    return deleted


AskedOf = Callable[[Prompt], Sequence[Mapping[str, Any]]]


def seed(
    path: Path,
    rows: Iterable[Response],
    asked_of: Mapping[str, AskedOf],
) -> tuple[int, int]:
    """Stores the answers in rows of a responses.jsonl under what is asked for them now: by `by` of the row,
    what `asked_of` gives for each sample. Returns how many rows are asked for so, and how many answers were
    new. Their cost is not known."""
    count = new = 0
    group: list[Item] = []
    with Memo(path) as memo:
        for row in rows:
            asked = asked_of[row.by](row) if row.by in asked_of else []
            if row.sample >= len(asked):
                continue
            count += 1
            group.append((key(asked[row.sample]), asked[row.sample], _answer_of(row)))
            if len(group) == GROUP:
                new += _put(memo, group)
                group = []
        new += _put(memo, group)
    return count, new


def _answer_of(row: Response) -> Answer:
    return Answer(
        row.text, row.ending, row.tokens, row.model, 0, None, row.reasoning, row.probs, row.label_probs
    )


def _existing(path: Path) -> sqlite3.Connection:
    if not path.is_file():
        raise BadInput(f"{path}: there is no memo yet; respond, judge and generate fill it")
    return connect(path)


def _strict_json(line: bytes) -> Any:
    """JSON without the numbers that Python would accept beyond it: NaN, Infinity and those too large."""
    return json.loads(line, parse_constant=_refuse_number, parse_float=_finite)


def _finite(digits: str) -> float:
    value = float(digits)
    return value if isfinite(value) else _refuse_number(digits)


def _refuse_number(name: str) -> float:
    raise ValueError(f"{name} is no JSON")
