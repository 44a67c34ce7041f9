"""A temporary file of answers, by the position of their prompt: what is known before the last try has
ended."""

import json
import sqlite3
from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter

from stages.samplers.memo.sampled_answers import Answer
from stages.shared.rows import Ending

PAGE = 500  # rows read at once, so that rows may be written while they are read
ACCEPTED = -1
SCHEMA = """
CREATE TABLE answers (position INTEGER, sample INTEGER, answer TEXT, rejected_in INTEGER,
    PRIMARY KEY (position, sample)) WITHOUT ROWID
"""


class AnswerFile:
    """Keeps the last answer to each sample of each prompt, and the number of the try that was rejected
    last."""

    def __init__(self) -> None:
        self.database = sqlite3.connect("")  # "" is SQLite's private temporary file
        self.database.execute("PRAGMA journal_mode=OFF")
        self.database.execute(SCHEMA)

    def put(self, position: int, sample: int, answer: Answer, attempt: int, accepted: bool) -> None:
        """Keeps the answer of try number `attempt`, in place of that of the try before it."""
        row = (position, sample, json.dumps(answer), ACCEPTED if accepted else attempt)
        self.database.execute("INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?)", row)

    def put_none(self, position: int, sample: int, attempt: int) -> None:
        """Notes that try number `attempt` brought no answer: that of the try before it stays."""
        self.database.execute(
            "UPDATE answers SET rejected_in = ? WHERE position = ? AND sample = ?",
            (attempt, position, sample),
        )

    def rejected(self, attempt: int) -> Iterator[tuple[int, int]]:
        """Position and sample of the answers that were rejected in try number `attempt`, in order."""
        query = (
            "SELECT position, sample FROM answers WHERE rejected_in = ? AND (position, sample) > (?, ?) "
            "ORDER BY position, sample LIMIT ?"
        )
        last = (-1, -1)
        while page := self.database.execute(query, (attempt, *last, PAGE)).fetchall():
            yield from page
            last = page[-1]

    def count_rejected(self, attempt: int) -> int:
        """How many answers were rejected in try number `attempt`."""
        query = "SELECT count(*) FROM answers WHERE rejected_in = ?"
        (count,) = self.database.execute(query, (attempt,)).fetchone()
        return int(count)

    def lists(self, count: int) -> Iterator[list[Answer]]:
        """The answers to each of `count` prompts, in order; an empty list where there are none."""
        rows = self.database.execute("SELECT position, answer FROM answers ORDER BY position, sample")
        groups = groupby(rows, key=itemgetter(0))
        group = next(groups, None)
        for position in range(count):
            if group and group[0] == position:
                yield [_decode(text) for _, text in group[1]]
                group = next(groups, None)
            else:
                yield []

    def close(self) -> None:
        """Deletes the file."""
        self.database.close()


def _decode(text: str) -> Answer:
    answer = Answer(*json.loads(text))
    return answer._replace(ending=Ending(answer.ending))
