"""The write buffer between the buyer and the memo: answers that arrive together are stored together."""

import asyncio
from collections.abc import Mapping, Sequence
from queue import SimpleQueue
from typing import Any

from stages.samplers.memo.sampled_answers import Answer
from stages.samplers.memo.store import Item, Memo
from stages.samplers.requests.run_counts import RunCounts

# What a buyer tells the main thread: keys that are settled (answered, or given up), or the error that ended
# all.
Settled = SimpleQueue[list[str] | BaseException]


class WriteBuffer:
    """Stores answers in groups: those of one turn of the event loop together, so that the event loop and the
    memo's thread rarely wait for each other. Counts what is stored."""

    def __init__(self, memo: Memo, settled: Settled) -> None:
        self.memo, self.settled, self.counts = memo, settled, RunCounts()
        self.group: list[Item] = []
        self.group_stored: asyncio.Future[None] | None = None

    async def store(self, key: str, asked: Mapping[str, Any], answer: Answer) -> None:
        """Returns when the answer is on disk. Raises the error that kept it from getting there."""
        loop = asyncio.get_running_loop()
        self.group.append((key, asked, answer))
        if self.group_stored is None:
            self.group_stored = loop.create_future()
            loop.call_soon(self._store_group, self.group_stored)
        await asyncio.shield(self.group_stored)

    def count(self, group: Sequence[Item]) -> None:
        """Counts answers that are on disk, and announces their keys as settled."""
        self.counts.bought += len(group)
        self.counts.tokens += sum(answer.tokens for *_, answer in group)
        self.counts.prompt_tokens += sum(answer.prompt_tokens for *_, answer in group)
        self.settled.put([key for key, *_ in group])

    def _store_group(self, stored: "asyncio.Future[None]") -> None:
        group, self.group, self.group_stored = self.group, [], None

        def on_written(written: "asyncio.Future[None]") -> None:
            error = written.exception()
            if error:
                stored.set_exception(error)
                return
            stored.set_result(None)
            self.count(group)

        try:
            asyncio.wrap_future(self.memo.put_many(group)).add_done_callback(on_written)
        except Exception as error:  # an earlier write failed: all who wait must know
            stored.set_exception(error)
