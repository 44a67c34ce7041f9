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
from stages.samplers.http.completions import Completion
from stages.samplers.http.faults import Fault
from stages.samplers.memo.unread import MOST, UnreadAnswers
from stages.samplers.requests.concurrency import ConcurrencyLimit, RetryDelays
from stages.samplers.requests.fault_notices import FaultNotices, say
from stages.samplers.requests.missing_usage import MissingUsage
from stages.samplers.requests.rate_limit import RateLimit, SentRequest
from stages.samplers.requests.request_settings import RequestSettings
from stages.samplers.requests.write_buffer import WriteBuffer
from stages.shared.errors import BadInput

UNREACHABLE = 6.0  # seconds in which nobody answers at the address before the run gives up
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
        self, provider: Provider, settings: RequestSettings, model: str, budget: Budget, buffer: WriteBuffer
    ) -> None:
        self.provider, self.settings, self.budget = provider, settings, budget
        self.buffer, self.counts = buffer, buffer.counts
        self.concurrency = ConcurrencyLimit(settings.concurrency)
        self.rate = RateLimit(settings.requests_per_minute, settings.tokens_per_minute)
        self.delays = RetryDelays(self.concurrency, random.Random("waits differ, answers do not"))
        self.given_up_in_a_row = 0
        self.missing_usage = MissingUsage(settings.tokenizer)
        self.unread = UnreadAnswers(buffer.memo.path)
        self.reached = self.stopping = self.aborted = False
        self.unreachable: asyncio.TimerHandle | None = None
        self.in_flight: set[asyncio.Task[Any]] = set()
        self.queue: asyncio.Queue[Request] = asyncio.Queue()
        self.tasks: set[asyncio.Task[None]] = set()
        self.broken = False  # by any error but that of the budget
        self.loop = asyncio.new_event_loop()
        self.notices = FaultNotices(model, self.loop.time)
        self.ended: asyncio.Future[None] = self.loop.create_future()
        self.thread = Thread(target=self._run, name="buyer", daemon=True)
        self.thread.start()

    def submit(self, requests: Iterable[Request]) -> None:
        """Has them bought, in this order."""
        self._call_in_loop(self._enqueue, list(requests))

    def flush(self) -> None:
        """Does nothing: no request waits for others to be submitted."""

    def close(self) -> None:
        """Ends the thread. What is in flight is waited for, `patience` seconds at most, and stored; a second
        interrupt ends the wait."""
        self._call_in_loop(self._end)
        try:
            self.thread.join()
        except KeyboardInterrupt:
            self.aborted = True
            self.thread.join()
            raise

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
                while self.budget.reserved and not self.broken and not self.aborted:  # tries go on
                    await asyncio.sleep(POLL)
                raise
            finally:
                await self._drain()
                await self._cancel(self.tasks)

    async def _drain(self) -> None:
        """Sends nothing more, and waits for what is in flight: it is paid for."""
        self.stopping = True
        await self._cancel(self.tasks - self.in_flight)
        end = self.loop.time() + self.settings.patience
        if self.in_flight:
            error = self.ended.exception() if self.ended.done() else None
            say(
                f"{f'{error}; ' if error else ''}waits for {len(self.in_flight)} answers in flight, "
                f"{self.settings.patience:g} s at most"
            )
        while self.in_flight and not self.aborted and self.loop.time() < end:
            await asyncio.sleep(POLL)

    async def _cancel(self, tasks: set["asyncio.Task[None]"]) -> None:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

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
        while not self.stopping:
            request = await self.queue.get()
            await self._attempt(request, await self._reserve(request), 0)

    async def _reserve(self, request: Request) -> int:
        return await self.budget.reserve(request.most.prompt, request.most.completion)

    async def _retry(self, delay: float, request: Request, reservation: int | None, tries: int) -> None:
        """`reservation` is None where the last call may be billed: this one is another request."""
        await asyncio.sleep(delay)
        if reservation is None:
            reservation = await self._reserve(request)
        await self._attempt(request, reservation, tries)

    async def _attempt(self, request: Request, reservation: int, tries: int) -> None:
        await self.concurrency.enter()
        task: Any = asyncio.current_task()
        try:
            sent = await self.rate.wait(request.most.prompt + request.most.completion)
            self.in_flight.add(task)
            hold = await self._call(request, reservation, tries, sent)
            self.in_flight.discard(task)
            if hold and not self.stopping:
                await asyncio.sleep(hold)
        finally:
            self.in_flight.discard(task)
            self.concurrency.leave()

    async def _call(self, request: Request, reservation: int, tries: int, sent: SentRequest) -> float:
        """One call. Returns the seconds for which the request still counts as in flight."""
        start = self.loop.time()
        try:
            completion = await self.provider.fetch(request.asked)
        except Fault as fault:
            self.rate.settle(sent, None)
            now = self.loop.time()
            self.concurrency.note(now, None if fault.refused else now - start)
            return await self._failed(request, reservation, tries, fault)
        now = self.loop.time()
        self.reached = True
        self.concurrency.note(now, now - start)
        self.delays.answered()
        await self._answered(request, reservation, sent, completion)
        return 0.0

    async def _answered(
        self, request: Request, reservation: int, sent: SentRequest, completion: Completion
    ) -> None:
        """Returns when the answer is on disk: until then the request counts as in flight."""
        completion, certain = self.missing_usage.complete(request.asked, completion)
        cost_usd = self.budget.settle(reservation, completion.usage, certain)
        answer = completion.answer(str(request.asked["model"]), cost_usd)
        self.rate.settle(sent, answer.prompt_tokens + answer.tokens)
        self.given_up_in_a_row = 0
        await self.buffer.store(request.key, request.asked, answer)

    async def _failed(self, request: Request, reservation: int, tries: int, fault: Fault) -> float:
        """Has the request tried again, or gives it up. Returns as `_call` does."""
        self.counts.faults[fault.kind] += 1
        self._note_reach(fault)
        left: int | None = reservation
        if fault.billed:
            self.budget.lose(reservation, fault.usage)
            left = None
        if not fault.retry or tries >= self.settings.retries or await self._is_hopeless(request, fault):
            self._give_up(request, left, fault)
            return 0.0
        if self.stopping:
            return 0.0
        self.counts.retries += 1
        delay, hold = self.delays.after_failure(tries, fault.refused, fault.after)
        self.notices.note(fault, delay)
        self._spawn(self._retry(delay, request, left, tries + 1))
        return hold

    async def _is_hopeless(self, request: Request, fault: Fault) -> bool:
        """Keeps an answer that cannot be read. Whether there are so many that no more are bought."""
        if fault.raw is None:
            return False
        add = self.unread.add
        return await asyncio.to_thread(add, request.key, request.asked, fault.kind, fault.raw) >= MOST

    def _note_reach(self, fault: Fault) -> None:
        """Where nobody has answered yet, and still nobody does after some seconds, ends the run."""
        if not fault.unreachable:
            self.reached = True
        elif not self.reached and self.unreachable is None:
            self.unreachable = self.loop.call_later(UNREACHABLE, self._end_unreached, fault)

    def _end_unreached(self, fault: Fault) -> None:
        if not self.reached and not self.ended.done():
            self.broken = True
            message = f"nobody answers there ({fault.message}): is base_url right, and does the server run?"
            self.ended.set_exception(BadInput(message))

    def _give_up(self, request: Request, reservation: int | None, fault: Fault) -> None:
        if reservation is not None:
            self.budget.settle(reservation, None)
        self.counts.failed[request.key] = fault
        self.given_up_in_a_row += 1
        self.notices.note(fault, None)
        if self.given_up_in_a_row >= max(HOPELESS, self.settings.concurrency):
            raise BadInput(
                f"the last {self.given_up_in_a_row} requests all failed for good, so no more are sent; "
                f"the last of them: {fault}"
            )
        self.buffer.settled.put([request.key])
