"""Buys answers: an event loop in a thread of its own sends requests, tries again what fails, and has each
answer stored as it arrives."""

import asyncio
import random
from collections.abc import Coroutine, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from threading import Thread
from typing import Any, NamedTuple, Protocol

from stages.samplers.cost.budget import Budget, OutOfBudget
from stages.samplers.cost.prices import Usage
from stages.samplers.http.chat import Reply
from stages.samplers.http.faults import Fault
from stages.samplers.memo.store import Stored
from stages.samplers.requests.concurrency import Gate, Patience
from stages.samplers.requests.rate_limit import Pace, Sent
from stages.samplers.requests.request_settings import Terms
from stages.samplers.requests.write_buffer import Keeper
from stages.shared.errors import BadInput

HOPELESS = 20  # so many requests given up without one answer between them: the rest would fare no better


class Provider(AbstractAsyncContextManager["Provider"], Protocol):
    """A service, open within `async with`."""

    async def fetch(self, asked: Mapping[str, Any]) -> Reply:
        """One call; raises Fault where it brings no answer, BadInput where none will."""


class Request(NamedTuple):
    """`most` are the tokens that it could take at most, of its prompt and of its answer."""

    key: str
    asked: Mapping[str, Any]
    most: Usage


class Buyer:
    """The keeper's `news` brings the key of every request that is settled, or the error that ended
    everything."""

    def __init__(self, provider: Provider, terms: Terms, budget: Budget, keeper: Keeper) -> None:
        self.provider, self.terms, self.budget, self.keeper, self.tally = (
            provider,
            terms,
            budget,
            keeper,
            keeper.tally,
        )
        self.gate, self.pace = (
            Gate(terms.concurrency),
            Pace(terms.requests_per_minute, terms.tokens_per_minute),
        )
        self.patience = Patience(self.gate, random.Random("waits differ, answers do not"))
        self.hopeless = 0  # requests given up since the last answer
        self.queue: asyncio.Queue[Request] = asyncio.Queue()
        self.tasks: set[asyncio.Task[None]] = set()
        self.broken = False  # by anything but the budget
        self.loop = asyncio.new_event_loop()
        self.ended: asyncio.Future[None] = self.loop.create_future()
        self.thread = Thread(target=self._run, name="buyer", daemon=True)
        self.thread.start()

    def submit(self, requests: Iterable[Request]) -> None:
        """Has them bought, in this order."""
        self._tell(self._queue, list(requests))

    def flush(self) -> None:
        """Nothing waits for more to be submitted."""

    def close(self) -> None:
        """Ends the thread; what is in flight is lost, what has arrived is stored."""
        self._tell(self._end)
        self.thread.join()

    def _tell(self, *what: Any) -> None:
        try:
            self.loop.call_soon_threadsafe(*what)
        except RuntimeError:  # the loop has ended by itself, and the news say why
            if not self.loop.is_closed():
                raise

    def _queue(self, requests: list[Request]) -> None:
        for request in requests:
            self.queue.put_nowait(request)

    def _end(self) -> None:
        if not self.ended.done():
            self.ended.set_result(None)

    def _run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=lambda: self.loop) as runner:
                runner.run(self._buy())
        except BaseException as error:  # whatever it is, the main thread raises it
            self.keeper.news.put(error)

    async def _buy(self) -> None:
        async with self.provider:
            for _ in range(self.terms.concurrency):
                self._spawn(self._work())
            try:
                await self.ended
            except OutOfBudget:
                while self.budget.held and not self.broken:  # what is in flight is paid for
                    await asyncio.sleep(0.02)
                raise
            finally:
                for task in self.tasks:
                    task.cancel()
                await asyncio.gather(*self.tasks, return_exceptions=True)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = self.loop.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: "asyncio.Task[None]") -> None:
        self.tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        self.broken = self.broken or not (error is None or isinstance(error, OutOfBudget))
        if error and not self.ended.done():
            self.ended.set_exception(error)

    async def _work(self) -> None:
        while True:
            request = await self.queue.get()
            hold = await self.budget.reserve(request.most.prompt, request.most.completion)
            await self._attempt(request, hold, 0)

    async def _again(self, delay: float, request: Request, hold: int, tries: int) -> None:
        await asyncio.sleep(delay)
        await self._attempt(request, hold, tries)

    async def _attempt(self, request: Request, hold: int, tries: int) -> None:
        await self.gate.enter()
        try:
            sent = await self.pace.wait(request.most.prompt + request.most.completion)
            began = self.loop.time()
            try:
                reply = await self.provider.fetch(request.asked)
            except Fault as fault:
                self.pace.settle(sent, None)
                now = self.loop.time()
                self.gate.note(now, None if fault.refused else now - began)
                await self._failed(request, hold, tries, fault)
            else:
                now = self.loop.time()
                self.gate.note(now, now - began)
                self.patience.streak = 0
                await self._answered(request, hold, sent, reply)
        finally:
            self.gate.leave()

    async def _answered(self, request: Request, hold: int, sent: Sent, reply: Reply) -> None:
        """Returns when the answer is safe: until then it counts as in flight."""
        cost = self.budget.settle(
            hold, reply.usage or request.most
        )  # where the server does not say, what it could be at most
        usage = reply.usage or Usage(0, 0)
        self.pace.settle(sent, usage.prompt + usage.completion)
        self.hopeless = 0
        model = reply.model or str(request.asked["model"])
        stored = Stored(reply.text, reply.ending, usage.completion, usage.prompt, cost, model)
        await self.keeper.keep(request.key, request.asked, stored)

    async def _failed(self, request: Request, hold: int, tries: int, fault: Fault) -> None:
        self.tally.faults[fault.kind] += 1
        if not fault.retry or tries >= self.terms.retries:
            self._give_up(request, hold, fault)
            return
        self.tally.retries += 1
        delay, brake = self.patience.failed(tries, fault.refused, fault.after)
        self._spawn(self._again(delay, request, hold, tries + 1))
        await asyncio.sleep(brake)

    def _give_up(self, request: Request, hold: int, fault: Fault) -> None:
        self.budget.settle(hold, None)
        self.tally.failed[request.key] = fault
        self.hopeless += 1
        if self.hopeless >= max(HOPELESS, self.terms.concurrency):
            raise BadInput(
                f"the last {self.hopeless} requests all failed for good, so no more are sent; the last of them: {fault}"
            )
        self.keeper.news.put([request.key])
