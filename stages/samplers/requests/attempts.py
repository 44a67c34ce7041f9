"""What becomes of one request: it is sent, its answer stored, and after a fault it is tried again or given
up."""

import asyncio
import random
from collections.abc import Coroutine, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, NamedTuple, Protocol

from stages.samplers.cost.budget import Budget
from stages.samplers.cost.prices import Usage
from stages.samplers.http.completions import Completion
from stages.samplers.http.faults import Fault, Target
from stages.samplers.memo.unread import MOST, UnreadAnswers
from stages.samplers.requests.concurrency import ConcurrencyLimit, RetryDelays
from stages.samplers.requests.fault_notices import FaultNotices
from stages.samplers.requests.missing_usage import MissingUsage
from stages.samplers.requests.rate_limit import RateLimit, SentRequest
from stages.samplers.requests.request_settings import RequestSettings
from stages.samplers.requests.shared_records import SharedRecords
from stages.samplers.requests.write_buffer import WriteBuffer
from stages.shared.errors import BadInput

UNREACHABLE = 6.0  # seconds in which nobody answers at the address before the run gives up
# So many requests given up in a row, without an answer between them, end the run: the rest would fail too.
HOPELESS = 20


class Provider(AbstractAsyncContextManager["Provider"], Protocol):
    """A service, open within `async with`."""

    target: Target

    async def fetch(self, asked: Mapping[str, Any]) -> Completion:
        """One call; raises Fault where it brings no answer, BadInput where no call will."""


class Request(NamedTuple):
    """A request. `most` are the tokens that it could take at most, of its prompt and of its answer."""

    key: str
    asked: Mapping[str, Any]
    most: Usage


class Host(Protocol):
    """What an attempt needs of the buyer that it belongs to."""

    loop: asyncio.AbstractEventLoop
    stopping: bool  # nothing more is sent

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Has it done beside all else."""

    def end(self, error: BaseException) -> None:
        """Ends all by an error."""


class Attempts:
    """All attempts of one buyer. `in_flight` are the tasks that wait for an answer, which is paid for."""

    def __init__(
        self, host: Host, provider: Provider, settings: RequestSettings, budget: Budget, buffer: WriteBuffer
    ) -> None:
        self.host, self.provider, self.settings, self.budget = host, provider, settings, budget
        self.buffer, self.counts = buffer, buffer.counts
        self.concurrency = ConcurrencyLimit(settings.concurrency)
        self.rate = _rate_limit(settings, provider.target, budget)
        self.delays = RetryDelays(self.concurrency, random.Random("waits differ, answers do not"))
        self.given_up_in_a_row = 0
        self.missing_usage = MissingUsage(settings.tokenizer)
        self.unread = UnreadAnswers(buffer.memo.path)
        self.reached = False
        self.unreachable: asyncio.TimerHandle | None = None
        self.in_flight: set[asyncio.Task[Any]] = set()
        self.notices = FaultNotices(provider.target.model, host.loop.time)

    async def start(self, request: Request) -> None:
        """The first attempt at a request. Raises OutOfBudget where a bound leaves no room for it."""
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
            if hold and not self.host.stopping:
                await asyncio.sleep(hold)
        finally:
            self.in_flight.discard(task)
            self.concurrency.leave()

    async def _call(self, request: Request, reservation: int, tries: int, sent: SentRequest) -> float:
        """One call. Returns the seconds for which the request still counts as in flight."""
        start = self.host.loop.time()
        try:
            completion = await self.provider.fetch(request.asked)
        except Fault as fault:
            self.rate.settle(sent, None)
            now = self.host.loop.time()
            self.concurrency.note(now, None if fault.refused else now - start)
            return await self._failed(request, reservation, tries, fault)
        except asyncio.CancelledError:  # the run no longer waits for it, and it may be billed
            self.budget.lose(reservation, None)
            raise
        now = self.host.loop.time()
        self.reached = True
        self.concurrency.note(now, now - start)
        self.delays.answered()
        await self._answered(request, reservation, sent, completion)
        return 0.0

    async def _answered(
        self, request: Request, reservation: int, sent: SentRequest, completion: Completion
    ) -> None:
        """Returns when the answer is on disk: until then the request counts as in flight. The answer is
        stored also where it cannot be booked, because the file of a shared bound cannot be written."""
        completion, certain = self.missing_usage.complete(request.asked, completion)
        answer = completion.answer(str(request.asked["model"]), self.budget.cost(completion.usage))
        self.given_up_in_a_row = 0
        try:
            self.budget.settle(reservation, completion.usage, certain)
            self.rate.settle(sent, answer.prompt_tokens + answer.tokens)
        finally:
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
        if self.host.stopping:
            return 0.0
        self.counts.retries += 1
        delay, hold = self.delays.after_failure(tries, fault.refused, fault.after)
        self.notices.note(fault, delay)
        self.host.spawn(self._retry(delay, request, left, tries + 1))
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
            self.unreachable = self.host.loop.call_later(UNREACHABLE, self._end_unreached, fault)

    def _end_unreached(self, fault: Fault) -> None:
        if not self.reached:
            message = f"nobody answers there ({fault.message}): is base_url right, and does the server run?"
            self.host.end(BadInput(message))

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


def _rate_limit(settings: RequestSettings, target: Target, budget: Budget) -> RateLimit:
    shared = SharedRecords(f"{target.url} {target.model}", budget.ledger.file) if budget.ledger else None
    return RateLimit(settings.requests_per_minute, settings.tokens_per_minute, shared)
