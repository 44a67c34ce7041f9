"""Brings answers in the order of the prompts: those of the memo at once, the others bought. Memory stays flat
over any number of rows."""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from itertools import islice
from operator import length_hint
from queue import Empty
from typing import Any, NamedTuple, Protocol

from stages.samplers.cost.budget import Budget, bound
from stages.samplers.cost.prices import Price, Usage
from stages.samplers.http.faults import Fault
from stages.samplers.memo.sampled_answers import Answer
from stages.samplers.memo.smaller_limits import SmallerLimits
from stages.samplers.memo.store import Memo, key
from stages.samplers.memo.unread import UnreadAnswers
from stages.samplers.requests.attempts import Request
from stages.samplers.requests.endings import ended_by_sigterm
from stages.samplers.requests.fault_notices import say
from stages.samplers.requests.request_settings import RequestSettings
from stages.samplers.requests.run_counts import RunReport
from stages.samplers.requests.write_buffer import Settled, WriteBuffer
from stages.shared.rows import Prompt

CHUNK = 256  # prompts looked up together
# Keys being bought, at least. Eight for each request in flight, where there are many, so that one slow answer
# leaves no room for requests unused.
AHEAD = 2048
BATCHED = 1 << 20  # keys being bought in batch mode, where an answer may take a day
WINDOW = 1 << 16  # keys read ahead of the answer that is due
UNREADABLE = (
    "two answers were bought and cannot be read: `python -m stages.tools.memo unread` shows them, "
    "`prune --unread` has them asked for again"
)
POLL = 0.2  # seconds between looks at what other processes buy

Asked = dict[str, Any]


class Buyer(Protocol):
    """What sends requests: single ones (LiveBuyer) or batches (BatchBuyer). Its write buffer's `settled` says
    when they are settled."""

    def submit(self, requests: Iterable[Request]) -> None:
        """Has them bought."""

    def flush(self) -> None:
        """Says that no more requests come for the moment."""

    def close(self) -> None:
        """Ends it."""


class Order(NamedTuple):
    """What is to be asked, and how.

    `most` are the tokens that an answer can take. `asked_of` gives what is asked for each sample of a prompt.
    `open_buyer` makes the buyer, once there is something to buy. `batch`: the buyer takes all there is to buy
    before its first answer comes.
    """

    settings: RequestSettings
    model: str
    most: int
    price: Price | None
    asked_of: Callable[[Prompt], Sequence[Asked]]
    open_buyer: Callable[[Budget, WriteBuffer], Buyer]
    batch: bool = False


class Chunk:
    """Some prompts in line. `keys` are those of their answers, `n` for each prompt. `answers` are all of
    them, where all were in the memo (None: some were not). `settled` counts the keys that need no more
    waiting. `borrowed` are answers that were given within a smaller limit."""

    def __init__(self, keys: list[str], answers: dict[str, Answer], borrowed: dict[str, Answer]) -> None:
        self.keys, self.settled, self.borrowed = keys, 0, borrowed
        self.answers = answers if all(key in answers for key in keys) else None


def answers(prompts: Iterable[Prompt], order: Order) -> Generator[list[Answer], None, dict[str, Any]]:
    """The answers to each prompt, in order, those that could not be had left out. Returns what was counted
    (`RunReport.as_dict`).

    Raises BadInput after the last one where more requests failed than `allow_failures` permits, and at once
    where no request would succeed.
    """
    with ended_by_sigterm(), Memo() as memo:
        line = Line(prompts, order, memo)
        try:
            yield from line.run()
            memo.flush()
            line.report.check_failures(order.settings.allow_failures)
        finally:
            line.close()
    return line.report.as_dict()


class Line:
    """The prompts that are read and not yet answered, in order."""

    def __init__(self, prompts: Iterable[Prompt], order: Order, memo: Memo) -> None:
        self.prompts, self.order, self.memo = iter(prompts), order, memo
        self.ahead = BATCHED if order.batch else max(AHEAD, 8 * order.settings.concurrency)
        self.window = max(WINDOW, self.ahead)
        self.chunks: deque[Chunk] = deque()
        self.size = 0  # keys in line
        self.bought: set[str] = set()  # keys that we are buying
        self.elsewhere: dict[str, Asked] = {}  # what other processes are buying
        self.smaller_limits = SmallerLimits(memo, order.model)
        self.hopeless: set[str] | None = None  # keys that are not asked for again; None: not looked up yet
        self.settled = Settled()
        self.buffer = WriteBuffer(memo, self.settled)
        self.budget = Budget(order.settings, order.price, order.batch)
        self.buyer: Buyer | None = None
        self.told_of_others = False
        self.report = RunReport(order.model, length_hint(prompts) * order.settings.n, self.buffer.counts)
        self.more = True

    def run(self) -> Iterator[list[Answer]]:
        """All answers."""
        while self._read_ahead() or self.chunks:
            if self._is_settled(self.chunks[0]):
                yield from self._take(self.chunks.popleft())
            else:
                self._wait()

    def _read_ahead(self) -> bool:
        """Reads on while there is room and the next answers are not here. Returns whether any are in line."""
        while self.more and self.size < self.window and len(self.bought) + len(self.elsewhere) < self.ahead:
            prompts = list(islice(self.prompts, CHUNK))
            self.more = len(prompts) == CHUNK
            self._add([asked for prompt in prompts for asked in self.order.asked_of(prompt)])
            if self.chunks and self.chunks[0].answers is not None:
                break
        return bool(self.chunks)

    def _add(self, requests: list[Asked]) -> None:
        keys = [key(asked) for asked in requests]
        stored = self.memo.get(keys)
        unknown = {key: asked for key, asked in zip(keys, requests, strict=True) if key not in stored}
        borrowed = self.smaller_limits.get(unknown) if unknown else {}
        stored |= borrowed
        self.chunks.append(Chunk(keys, stored, borrowed))
        self.size += len(keys)
        self.report.asked += len(keys)
        self.report.stored += sum(key in stored for key in keys)
        for known in (stored, self.bought, self.elsewhere, self.buffer.counts.failed):
            unknown = {key: asked for key, asked in unknown.items() if key not in known}
        self._buy(self._readable(unknown))

    def _readable(self, wanted: dict[str, Asked]) -> dict[str, Asked]:
        """`wanted` without what was bought twice and could not be read."""
        if not wanted:
            return wanted
        if self.hopeless is None:
            self.hopeless = UnreadAnswers(self.memo.path).hopeless()
        hopeless = wanted.keys() & self.hopeless
        self.buffer.counts.failed |= {name: Fault("unreadable", UNREADABLE, retry=False) for name in hopeless}
        return {name: asked for name, asked in wanted.items() if name not in hopeless}

    def _buy(self, wanted: dict[str, Asked]) -> None:
        """Buys what nobody else is buying, and watches the rest."""
        mine = self.memo.claim(wanted) if wanted else set()
        self.elsewhere |= {key: asked for key, asked in wanted.items() if key not in mine}
        if not mine:
            return
        if self.buyer is None:
            self.buyer = self.order.open_buyer(self.budget, self.buffer)
        self.bought |= mine
        self.buyer.submit(
            Request(key, asked, Usage(bound(asked["messages"]), self.order.most))
            for key, asked in wanted.items()
            if key in mine
        )

    def _is_settled(self, chunk: Chunk) -> bool:
        while chunk.settled < len(chunk.keys):
            key = chunk.keys[chunk.settled]
            if chunk.answers is None and (key in self.bought or key in self.elsewhere):
                return False
            chunk.settled += 1
        return True

    def _take(self, chunk: Chunk) -> Iterator[list[Answer]]:
        known = chunk.answers
        if known is None:
            known = self.memo.get(chunk.keys) | chunk.borrowed
        self.size -= len(chunk.keys)
        n = self.order.settings.n
        for start in range(0, len(chunk.keys), n):
            keys = chunk.keys[start : start + n]
            yield [_with_model(known[key], self.order.model) for key in keys if key in known]
        self._show()

    def _wait(self) -> None:
        """Waits until a request is settled, or for a moment."""
        if self.buyer:
            self.buyer.flush()
        try:
            self._settle(self.settled.get(timeout=POLL))
            while True:
                self._settle(self.settled.get_nowait())
        except Empty:
            pass
        if self.elsewhere:
            self._look_elsewhere()
        if self.budget.waits_for_others and not self.told_of_others:
            self.told_of_others = True
            say(
                f"{self.order.model}: waits for other runs of this repository, which have set aside the rest "
                "of max_usd for requests in flight"
            )
        self._show()

    def _settle(self, event: list[str] | BaseException) -> None:
        if isinstance(event, BaseException):
            raise event
        self.bought.difference_update(event)
        if failed := [key for key in event if key in self.buffer.counts.failed]:
            self.memo.release(failed)

    def _look_elsewhere(self) -> None:
        """What other processes were buying is stored by now, or free where they failed."""
        stored = self.memo.get(self.elsewhere)
        left = {key: asked for key, asked in self.elsewhere.items() if key not in stored}
        self.elsewhere = {}
        self._buy(left)

    def _show(self) -> None:
        self.report.spent = self.budget.spent if self.order.price else None
        self.report.lost, self.report.sent = (
            self.budget.lost if self.order.price else None,
            self.budget.requests,
        )
        self.report.show(self.report.asked - len(self.bought) - len(self.elsewhere))

    def close(self) -> None:
        """Ends the buyer, and keeps the counts of the run."""
        try:
            if self.buyer:
                self.buyer.close()
        finally:
            self.budget.close()
            self._show()
            self.report.close()
            self.memo.report(self.report.as_dict())
            if self.budget.spent and self.report.counts.bought:
                say(
                    f"{self.report.counts.bought} bought answers are kept in {self.memo.path}, which "
                    "`git clean -x` deletes: `python -m stages.tools.memo export FILE` keeps a copy"
                )


def _with_model(answer: Answer, model: str) -> Answer:
    """`answer` with `model` where its server did not say a name."""
    return answer if answer.model else answer._replace(model=model)
