"""Buys answers one by one: an event loop in a thread of its own has requests sent (attempts.py), and ends
without losing what is in flight."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from threading import Thread
from typing import Any

from stages.samplers.cost.budget import Budget, OutOfBudget
from stages.samplers.requests.attempts import Attempts, Provider, Request
from stages.samplers.requests.fault_notices import say
from stages.samplers.requests.request_settings import RequestSettings
from stages.samplers.requests.write_buffer import WriteBuffer

POLL = 0.02  # seconds between looks whether the requests in flight have come back


class LiveBuyer:
    """The buyer of single answers. `buffer.settled` brings the key of every request that is settled, or the
    error that ended all."""

    def __init__(
        self, provider: Provider, settings: RequestSettings, budget: Budget, buffer: WriteBuffer
    ) -> None:
        self.provider, self.settings, self.budget, self.buffer = provider, settings, budget, buffer
        self.stopping = self.aborted = False
        self.broken = False  # by any error but that of the budget
        self.queue: asyncio.Queue[Request] = asyncio.Queue()
        self.tasks: set[asyncio.Task[None]] = set()
        self.loop = asyncio.new_event_loop()
        self.ended: asyncio.Future[None] = self.loop.create_future()
        self.attempts = Attempts(self, provider, settings, budget, buffer)
        self.in_flight = self.attempts.in_flight
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
                self.spawn(self._work())
            try:
                await self.ended
            except OutOfBudget:
                while self.budget.reserved and not self.broken and not self.aborted:  # tries go on
                    await asyncio.sleep(POLL)
                raise
            finally:
                await self._drain()
                await self._cancel(self.tasks)
                for reservation in list(self.budget.reserved):  # of what was never sent
                    self.budget.settle(reservation, None)

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

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Has it done beside all else; its error ends all."""
        task = self.loop.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: "asyncio.Task[None]") -> None:
        self.tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            self.end(error)

    def end(self, error: BaseException) -> None:
        """Ends all by an error; the first one counts."""
        self.broken = self.broken or not isinstance(error, OutOfBudget)
        if not self.ended.done():
            self.ended.set_exception(error)

    async def _work(self) -> None:
        while not self.stopping:
            await self.attempts.start(await self.queue.get())
