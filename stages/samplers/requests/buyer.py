"""Buys answers one by one: an event loop in a thread of its own sends requests, tries again what fails, and
has each answer stored as it arrives."""

import asyncio
import random
from collections.abc import Callable, Coroutine, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from threading import Thread
from typing import Any, NamedTuple, Protocol

from stages.samplers.cost.budget import Budget, OutOfBudget
from stages.samplers.cost.prices import Usage
from stages.samplers.http.chat import Completion
from stages.samplers.http.faults import Fault
from stages.samplers.requests.concurrency import ConcurrencyLimit, RetryDelays
from stages.samplers.requests.rate_limit import RateLimit, SentRequest
from stages.samplers.requests.request_settings import RequestSettings
from stages.samplers.requests.write_buffer import WriteBuffer
from stages.shared.errors import BadInput

# So many requests given up in a row, without an answer between them, end the run: the rest would fail too.
HOPELESS = 20
POLL = 0.02  # seconds between looks whether the requests in flight have come back


class Provider(AbstractAsyncContextManager["Provider"], Protocol):
    """A service, open within `async with`."""

    async def fetch(self, asked: Mapping[str, Any]) -> Completion:
        """One call; raises Fault where it brings no answer, BadInput where no call will."""


class Request(NamedTuple):
    """A request. `most` are the tokens that it could take at most, of its prompt and of its answer."""

    key: str
    asked: Mapping[str, Any]
    most: Usage


class LiveBuyer:
    """The buyer of single answers. `buffer.settled` brings the key of every request that is settled, or the
    error that ended all."""

    def __init__(
        self, provider: Provider, settings: RequestSettings, budget: Budget, buffer: WriteBuffer
    ) -> None:
        self.provider, self.settings, self.budget = provider, settings, budget
        self.buffer, self.counts = buffer, buffer.counts
        self.concurrency = ConcurrencyLimit(settings.concurrency)
        self.rate = RateLimit(settings.requests_per_minute, settings.tokens_per_minute)
        self.delays = RetryDelays(self.concurrency, random.Random("waits differ, answers do not"))
        self.given_up_in_a_row = 0
        self.queue: asyncio.Queue[Request] = asyncio.Queue()
        self.tasks: set[asyncio.Task[None]] = set()
        self.broken = False  # by any error but that of the budget
        self.loop = asyncio.new_event_loop()
        self.ended: asyncio.Future[None] = self.loop.create_future()
        self.thread = Thread(target=self._run, name="buyer", daemon=True)
        self.thread.start()

    def submit(self, requests: Iterable[Request]) -> None:
        """Has them bought, in this order."""
        self._call_in_loop(self._enqueue, list(requests))

    def flush(self) -> None:
        """Does nothing: no request waits for others to be submitted."""

    def close(self) -> None:
        """Ends the thread. What is in flight is lost; what has arrived is stored."""
        self._call_in_loop(self._end)
        self.thread.join()

    def _call_in_loop(self, function: Callable[..., None], *arguments: Any) -> None:
        try:
            self.loop.call_soon_threadsafe(function, *arguments)
        except RuntimeError:  # the loop has ended by itself; `settled` brings the error that ended it
            if not self.loop.is_closed():
                raise

    def _enqueue(self, requests: list[Request]) -> None:
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
            self.buffer.settled.put(error)

    async def _buy(self) -> None:
        async with self.provider:
            for _ in range(self.settings.concurrency):
                self._spawn(self._work())
            try:
                await self.ended
            except OutOfBudget:
                while self.budget.reserved and not self.broken:  # what is in flight is paid for
                    await asyncio.sleep(POLL)
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
            reservation = await self.budget.reserve(request.most.prompt, request.most.completion)
            await self._attempt(request, reservation, 0)

    async def _retry(self, delay: float, request: Request, reservation: int, tries: int) -> None:
        await asyncio.sleep(delay)
        await self._attempt(request, reservation, tries)

    async def _attempt(self, request: Request, reservation: int, tries: int) -> None:
        await self.concurrency.enter()
        try:
            sent = await self.rate.wait(request.most.prompt + request.most.completion)
            start = self.loop.time()
            try:
                completion = await self.provider.fetch(request.asked)
            except Fault as fault:
                self.rate.settle(sent, None)
                now = self.loop.time()
                self.concurrency.note(now, None if fault.refused else now - start)
                await self._failed(request, reservation, tries, fault)
            else:
                now = self.loop.time()
                self.concurrency.note(now, now - start)
                self.delays.answered()
                await self._answered(request, reservation, sent, completion)
        finally:
            self.concurrency.leave()

    async def _answered(
        self, request: Request, reservation: int, sent: SentRequest, completion: Completion
    ) -> None:
        """Returns when the answer is on disk: until then the request counts as in flight. A server that does
        not say what a request took is booked with the most that it could take."""
        cost_usd = self.budget.settle(reservation, completion.usage or request.most)
        answer = completion.answer(str(request.asked["model"]), cost_usd)
        self.rate.settle(sent, answer.prompt_tokens + answer.tokens)
        self.given_up_in_a_row = 0
        await self.buffer.store(request.key, request.asked, answer)

    async def _failed(self, request: Request, reservation: int, tries: int, fault: Fault) -> None:
        self.counts.faults[fault.kind] += 1
        if not fault.retry or tries >= self.settings.retries:
            self._give_up(request, reservation, fault)
            return
        self.counts.retries += 1
        delay, hold = self.delays.after_failure(tries, fault.refused, fault.after)
        self._spawn(self._retry(delay, request, reservation, tries + 1))
        await asyncio.sleep(hold)

    def _give_up(self, request: Request, reservation: int, fault: Fault) -> None:
        self.budget.settle(reservation, None)
        self.counts.failed[request.key] = fault
        self.given_up_in_a_row += 1
        if self.given_up_in_a_row >= max(HOPELESS, self.settings.concurrency):
            raise BadInput(
                f"the last {self.given_up_in_a_row} requests all failed for good, so no more are sent; "
                f"the last of them: {fault}"
            )
        self.buffer.settled.put([request.key])
