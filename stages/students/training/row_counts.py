"""Which rows a training learns from: their lengths, and what was cleaned or left out, with the reason.

It is written to metrics/<student>_train/rows.json.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

from stages.shared.errors import BadInput
from stages.shared.rows import Chat
from stages.students.training.encoding import Example
from stages.students.training.length_counts import LengthCounts

SHOWN = 200  # characters of an example


class Row(NamedTuple):
    """A row to learn from, and the chat that it was made of."""

    chat: Chat
    example: Example


class Reasons:
    """How many chats there are for each reason, and the first of them."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}
        self.first: dict[str, Chat] = {}

    def add(self, reason: str, chat: Chat) -> None:
        """Counts a chat."""
        self.counts[reason] = self.counts.get(reason, 0) + 1
        self.first.setdefault(reason, chat)

    def report(self) -> dict[str, Any]:
        """By reason: `chats`, the id of the `first`, and the beginning of each of its turns."""
        return {
            reason: {
                "chats": count,
                "first": self.first[reason].id,
                "example": [
                    f"{message['role']}: {message['content'][:SHOWN]}"
                    for message in self.first[reason].messages
                ],
            }
            for reason, count in sorted(self.counts.items())
        }

    def sentence(self, of: int) -> str:
        """All reasons in one line, each with its count out of `of`."""
        return "; ".join(
            f"{reason} ({count} of {of} rows, first {self.first[reason].id})"
            for reason, count in sorted(self.counts.items())
        )


class RowCounts:
    """Adds up the chats of a training. `faulty_rows` says whether some may be left out, and `max_dropped`
    what share of them (0 to 1)."""

    def __init__(self, faulty_rows: Literal["refuse", "drop"] = "refuse", max_dropped: float = 1.0) -> None:
        self.faulty_rows, self.max_dropped = faulty_rows, max_dropped
        self.cleaned, self.faulty = Reasons(), Reasons()
        # all chats, and those of them that were left out for a fault
        self.chats = self.left_out = 0

    def check(self) -> None:
        """Raises BadInput where a fault is refused, or too many chats have one."""
        if not self.left_out:
            return
        audit = f"stop-token audit: {self.faulty.sentence(self.chats)}"
        share = self.left_out / self.chats
        if self.faulty_rows == "drop" and share > self.max_dropped:
            raise BadInput(
                f"{audit}: {share:.1%} of the rows would be left out (faulty_rows), more than max_dropped "
                f"{self.max_dropped:.1%}: mend them, or raise max_dropped"
            )
        if self.faulty_rows == "refuse":
            rest = "; to leave them out set faulty_rows to drop" if share <= 0.5 else ""
            raise BadInput(f"{audit}{rest}")


def fitting(rows: Sequence[Row], limit: int, max_dropped: float) -> list[Row]:
    """The rows of at most `limit` tokens. Longer ones are left out and never cut: a cut row has no end.

    Raises BadInput where none fits, and where a larger share than `max_dropped` does not.
    """
    short = [row for row in rows if len(row.example.ids) <= limit]
    lengths = LengthCounts(len(row.example.ids) for row in rows)
    if not short:
        shortest = min(lengths.counts, default=0)
        raise BadInput(
            f"max_tokens: none of {len(rows)} chats fits into {limit} tokens; the shortest has {shortest}"
        )
    share = 1 - len(short) / len(rows)
    if share > max_dropped:
        tokens = lengths.summary()
        raise BadInput(
            f"max_tokens: {len(rows) - len(short)} of {len(rows)} rows ({share:.1%}) have more than {limit} "
            f"tokens and would be left out, more than max_dropped {max_dropped:.1%} "
            f"({_by_format(rows, limit)}); p95 is {tokens['p95']} tokens, p99 {tokens['p99']}, the longest "
            f"{tokens['max']}: raise max_tokens to one of them, or max_dropped"
        )
    return short


def _grouped(rows: Sequence[Row]) -> dict[tuple[str, str], LengthCounts]:
    """The lengths of the rows of each format and style."""
    groups: defaultdict[tuple[str, str], LengthCounts] = defaultdict(LengthCounts)
    for row in rows:
        groups[row.chat.format, row.chat.style].add(len(row.example.ids))
    return dict(sorted(groups.items()))


def _by_format(rows: Sequence[Row], limit: int) -> str:
    return ", ".join(
        f"{' '.join(filter(None, names)) or 'no format'} {lengths.above(limit)} of {lengths.counts.total()}"
        for names, lengths in _grouped(rows).items()
    )


def row_report(rows: Sequence[Row], limit: int, counts: RowCounts) -> dict[str, Any]:
    """What metrics/<student>_train/rows.json says: the lengths in tokens and the rows above `limit`, of all
    and by format and style; what was cleaned, and what was left out for a fault."""

    def told(lengths: LengthCounts) -> dict[str, int]:
        return {"rows": lengths.counts.total(), **lengths.summary(), "too_long": lengths.above(limit)}

    by_format: dict[str, dict[str, dict[str, int]]] = {}
    for (name, style), lengths in _grouped(rows).items():
        by_format.setdefault(name, {})[style] = told(lengths)
    return {
        "max_tokens": limit,
        "all": told(LengthCounts(len(row.example.ids) for row in rows)),
        "by_format": by_format,
        "cleaned": counts.cleaned.report(),
        "left_out": counts.faulty.report(),
    }
