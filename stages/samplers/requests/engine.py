"""Brings answers in the order of the prompts: those of the memo at once, the others bought. Memory stays flat
over any number of rows."""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from itertools import islice
from operator import length_hint
from queue import Empty
from typing import Any, NamedTuple, Protocol

from stages.samplers import Answer
from stages.samplers.cost.budget import Budget, bound
from stages.samplers.cost.prices import Price, Usage
from stages.samplers.memo.store import Memo, Stored, key
from stages.samplers.requests.buyer import Request
from stages.samplers.requests.request_settings import Terms
from stages.samplers.requests.run_counts import Account
from stages.samplers.requests.write_buffer import Keeper, News
from stages.shared.rows import Prompt

CHUNK = 256  # prompts looked up together
# keys being bought, at least; eight for each place where there are many, so that one slow answer leaves no
# place idle
AHEAD = 2048
BATCHED = 1 << 20  # in batch mode, where an answer may take a day
WINDOW = 1 << 16  # keys read ahead of the answer that is due
LOOK = 0.2  # seconds between looks at what other processes buy

Asked = dict[str, Any]


class Work(NamedTuple):
    """What is to be answered. `asked_of` gives what is asked for each sample of a prompt, `open` the buyer,
    once there is something to buy; `most` are the tokens that an answer can take. A `batch` takes all there
    is to buy, before its first answer comes."""

    terms: Terms
    model: str
    most: int
    price: Price | None
    asked_of: Callable[[Prompt], Sequence[Asked]]
    open: Callable[[Budget, Keeper], "Open"]
    batch: bool = False


class Open(Protocol):
    """A buyer at work."""

    def submit(self, requests: Iterable[Request]) -> None:
        """Has them bought; the keeper's news say when they are settled."""

    def flush(self) -> None:
        """For the moment no more will be submitted."""

    def close(self) -> None:
        """Ends it."""


class Chunk:
    """Some prompts in line: the keys of their answers, `n` for each; all answers, where they were in the
    memo; how many are settled."""

    def __init__(self, keys: list[str], found: dict[str, Stored]) -> None:
        self.keys, self.settled = keys, 0
        self.found = found if all(one in found for one in keys) else None


def answers(prompts: Iterable[Prompt], work: Work) -> Generator[list[Answer], None, dict[str, Any]]:
    """The answers to each prompt, in order, those that could not be had left out; returns what was counted
    (`Account.counts`).

    Raises BadInput after the last one where more requests failed than `allow_failures` permits, and at once
    where no request would succeed.
    """
    with Memo() as memo:
        line = Line(prompts, work, memo)
        try:
            yield from line.run()
            memo.flush()
            line.account.judge(work.terms.allow_failures)
        finally:
            line.close()
    return line.account.counts()


class Line:
    """The prompts read and not yet answered, in order."""

    def __init__(self, prompts: Iterable[Prompt], work: Work, memo: Memo) -> None:
        self.prompts, self.work, self.memo = iter(prompts), work, memo
        self.ahead = BATCHED if work.batch else max(AHEAD, 8 * work.terms.concurrency)
        self.window = max(WINDOW, self.ahead)
        self.chunks: deque[Chunk] = deque()
        self.held = 0  # keys in line
        self.bought: set[str] = set()  # keys that we are buying
        self.others: dict[str, Asked] = {}  # what other processes are buying
        self.news = News()
        self.keeper = Keeper(memo, self.news)
        self.budget = Budget(work.terms, work.price, work.batch)
        self.buyer: Open | None = None
        self.account = Account(work.model, length_hint(prompts) * work.terms.n, self.keeper.tally)
        self.more = True

    def run(self) -> Iterator[list[Answer]]:
        """All answers."""
        while self._feed() or self.chunks:
            if self._due(self.chunks[0]):
                yield from self._take(self.chunks.popleft())
            else:
                self._wait()

    def _feed(self) -> bool:
        """Reads on while there is room and the next answers are not here; whether anything is in line."""
        while self.more and self.held < self.window and len(self.bought) + len(self.others) < self.ahead:
            some = list(islice(self.prompts, CHUNK))
            self.more = len(some) == CHUNK
            self._add([asked for prompt in some for asked in self.work.asked_of(prompt)])
            if self.chunks and self.chunks[0].found is not None:
                break
        return bool(self.chunks)

    def _add(self, asked: list[Asked]) -> None:
        keys = [key(one) for one in asked]
        found = self.memo.get(keys)
        self.chunks.append(Chunk(keys, found))
        self.held += len(keys)
        self.account.asked += len(keys)
        self.account.stored += sum(one in found for one in keys)
        unknown = {one: what for one, what in zip(keys, asked, strict=True) if one not in found}
        for known in (self.bought, self.others, self.keeper.tally.failed):
            unknown = {one: what for one, what in unknown.items() if one not in known}
        self._buy(unknown)

    def _buy(self, wanted: dict[str, Asked]) -> None:
        """Buys what nobody else is buying, and watches the rest."""
        mine = self.memo.claim(wanted) if wanted else set()
        self.others |= {one: asked for one, asked in wanted.items() if one not in mine}
        if not mine:
            return
        if self.buyer is None:
            self.buyer = self.work.open(self.budget, self.keeper)
        self.bought |= mine
        mine_in_order = ((one, asked) for one, asked in wanted.items() if one in mine)
        self.buyer.submit(
            Request(one, asked, Usage(bound(asked["messages"]), self.work.most))
            for one, asked in mine_in_order
        )

    def _due(self, chunk: Chunk) -> bool:
        while chunk.settled < len(chunk.keys):
            one = chunk.keys[chunk.settled]
            if chunk.found is None and (one in self.bought or one in self.others):
                return False
            chunk.settled += 1
        return True

    def _take(self, chunk: Chunk) -> Iterator[list[Answer]]:
        found = self.memo.get(chunk.keys) if chunk.found is None else chunk.found
        self.held -= len(chunk.keys)
        n = self.work.terms.n
        for start in range(0, len(chunk.keys), n):
            yield [
                _answer(found[one], self.work.model) for one in chunk.keys[start : start + n] if one in found
            ]
        self._show()

    def _wait(self) -> None:
        """Until there is news, or for a moment."""
        if self.buyer:
            self.buyer.flush()
        try:
            self._settle(self.news.get(timeout=LOOK))
            while True:
                self._settle(self.news.get_nowait())
        except Empty:
            pass
        if self.others:
            self._look()
        self._show()

    def _settle(self, news: list[str] | BaseException) -> None:
        if isinstance(news, BaseException):
            raise news
        self.bought.difference_update(news)
        if failed := [one for one in news if one in self.keeper.tally.failed]:
            self.memo.release(failed)

    def _look(self) -> None:
        """What other processes were buying is stored by now, or free where they failed."""
        found = self.memo.get(self.others)
        left = {one: asked for one, asked in self.others.items() if one not in found}
        self.others = {}
        self._buy(left)

    def _show(self) -> None:
        self.account.spent = self.budget.spent if self.work.price else None
        self.account.show(self.account.asked - len(self.bought) - len(self.others))

    def close(self) -> None:
        """Ends the connection, and keeps what became of the run."""
        if self.buyer:
            self.buyer.close()
        self._show()
        self.account.close()
        self.memo.report(self.account.counts())


def _answer(stored: Stored, model: str) -> Answer:
    return Answer(
        stored.text,
        stored.ending,
        stored.tokens,
        stored.model or model,
        stored.prompt_tokens,
        stored.cost_usd,
    )
