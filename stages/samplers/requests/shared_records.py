"""The records of a rate limit that all processes of a repository share (`scope: repository`), in the file of
its ledger."""

import sqlite3

from stages.samplers.cost.repository_ledger import SharedFile
from stages.samplers.requests.rate_limit import MINUTE, Gaps, Pace, SentRequest


class SharedRecords:
    """Those of all that ask the same server and model (`place`), on the wall clock."""

    def __init__(self, place: str, file: SharedFile) -> None:
        self.place, self.file = place, file

    def now(self) -> float:
        """Seconds since 1970, to the millisecond."""
        query = "SELECT (julianday('now') - 2440587.5) * 86400.0"
        return float(self.file.database.execute(query).fetchone()[0])

    def try_leave(self, gaps: Gaps, most: int) -> SentRequest | float:
        """As Records says."""
        with self.file.changing() as database:
            now = self.now()
            pace = self._pace(database, now)
            tokens = pace.expected(most)
            query = "SELECT min(at) FROM sent WHERE place = ?"
            (oldest,) = database.execute(query, (self.place,)).fetchone()
            early = pace.due(gaps, now, tokens, oldest) - now
            if early > 0:
                return early
            pace.leave(gaps, now, tokens)
            self._keep(database, pace)
            insert = "INSERT INTO sent (place, at, tokens) VALUES (?, ?, ?)"
            number = database.execute(insert, (self.place, now, tokens)).lastrowid
            return SentRequest(now, tokens, number or 0)

    def settle(self, gaps: Gaps, sent: SentRequest, tokens: int | None) -> None:
        """As Records says."""
        more = (tokens or 0) - sent.tokens
        with self.file.changing() as database:
            pace = self._pace(database, self.now())
            change = "UPDATE sent SET tokens = tokens + ? WHERE number = ? AND place = ?"
            recent = database.execute(change, (more, sent.number, self.place)).rowcount == 1
            pace.settle(gaps, more, tokens, recent)
            self._keep(database, pace)

    def _pace(self, database: sqlite3.Connection, now: float) -> Pace:
        """The pace at `now`, once requests older than a minute are forgotten, and those far in the future,
        which are there where the clock was put back."""
        forget = "DELETE FROM sent WHERE place = ? AND (at <= ? OR at > ?) RETURNING at, tokens"
        old = database.execute(forget, (self.place, now - MINUTE, now + MINUTE)).fetchall()
        query = (
            "SELECT next_by_requests, next_by_tokens, mean_tokens, last_minute_tokens FROM rates "
            "WHERE place = ?"
        )
        row = database.execute(query, (self.place,)).fetchone()
        pace = Pace(*row) if row else Pace()
        if any(at > now for at, _ in old):
            pace.next_by_requests = pace.next_by_tokens = now
        pace.last_minute_tokens = max(0.0, pace.last_minute_tokens - sum(tokens for _, tokens in old))
        return pace

    def _keep(self, database: sqlite3.Connection, pace: Pace) -> None:
        values = (pace.next_by_requests, pace.next_by_tokens, pace.mean_tokens, pace.last_minute_tokens)
        database.execute("INSERT OR REPLACE INTO rates VALUES (?, ?, ?, ?, ?)", (self.place, *values))
