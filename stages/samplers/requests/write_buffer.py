"""What the buyer has: answers, stored in groups as they arrive, and the count of what became of every call."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from queue import SimpleQueue
from typing import Any

from stages.samplers.http.faults import Fault
from stages.samplers.memo.store import Memo, Stored

Item = tuple[str, Mapping[str, Any], Stored]  # as the memo takes it
News = SimpleQueue[list[str] | BaseException]  # keys that are settled, or the error that ended everything


class Tally:
    """What became of a run so far."""

    def __init__(self) -> None:
        self.bought = self.retries = self.tokens = self.prompt_tokens = 0
        self.faults: Counter[str] = Counter()  # every failed call, by kind
        self.failed: dict[str, Fault] = {}  # by key: those given up


class Keeper:
    """Hands answers to the memo: those of one turn of the event loop together, so the threads rarely wait for
    each other."""

    def __init__(self, memo: Memo, news: News) -> None:
        self.memo, self.news, self.tally = memo, news, Tally()
        self.group: list[Item] = []
        self.kept: asyncio.Future[None] | None = None

    async def keep(self, key: str, asked: Mapping[str, Any], stored: Stored) -> None:
        """Returns when the answer is safe; raises what kept it from being so."""
        loop = asyncio.get_running_loop()
        self.group.append((key, asked, stored))
        if self.kept is None:
            self.kept = loop.create_future()
            loop.call_soon(self._store, self.kept)
        await asyncio.shield(self.kept)

    def count(self, group: Sequence[Item]) -> None:
        """These answers are safe."""
        self.tally.bought += len(group)
        self.tally.tokens += sum(stored.tokens for *_, stored in group)
        self.tally.prompt_tokens += sum(stored.prompt_tokens for *_, stored in group)
        self.news.put([key for key, *_ in group])

    def _store(self, kept: "asyncio.Future[None]") -> None:
        group, self.group, self.kept = self.group, [], None

        def done(written: "asyncio.Future[None]") -> None:
            error = written.exception()
            if error:
                kept.set_exception(error)
                return
            kept.set_result(None)
            self.count(group)

        try:
            asyncio.wrap_future(self.memo.put_many(group)).add_done_callback(done)
        except Exception as error:  # an earlier write failed: all who wait must know
            kept.set_exception(error)
