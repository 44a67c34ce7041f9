"""The requests of one run in batch mode: which of them wait to be submitted, what the budget has set aside
for each, and how often each failed."""

from collections.abc import Iterable, Iterator
from threading import Lock

from stages.samplers.cost.budget import Budget, OutOfBudget
from stages.samplers.cost.prices import Usage
from stages.samplers.http.faults import Fault
from stages.samplers.requests.attempts import Request

BYTES = 100 << 20  # of one batch; OpenAI takes 200 MB
ROW_OVERHEAD = 512  # bytes of a request beside its messages


class BatchRequests:
    """Those of one run; for two threads, one of which adds to them."""

    def __init__(self, budget: Budget) -> None:
        self.budget, self.lock = budget, Lock()
        self.waiting: list[Request] = []
        self.by_key: dict[str, Request] = {}  # all that were submitted to this run
        self.reservations: dict[str, int] = {}  # by key, in the budget
        self.tries: dict[str, int] = {}  # by key: how often it failed

    def add(self, requests: Iterable[Request]) -> None:
        """Has them wait for the next batch."""
        with self.lock:
            self.waiting += requests

    def add_again(self, keys: Iterable[str]) -> None:
        """Has those of `keys` that this run needs wait once more."""
        self.add([self.by_key[key] for key in keys if key in self.by_key])

    def take(self) -> list[Request]:
        """All that wait, each once, which then wait no more. A request may have been added twice: its line
        failed in a file of results that is read again, since its download was cut off."""
        with self.lock:
            taken, self.waiting = {request.key: request for request in self.waiting}, []
        self.by_key |= taken
        return list(taken.values())

    def afford(self, requests: list[Request]) -> tuple[list[Request], OutOfBudget | None]:
        """The requests that the budget has room for. The others wait: what is under way may turn out cheaper
        than what is set aside for it."""
        for place, request in enumerate(requests):
            if request.key in self.reservations:
                continue
            try:
                reservation = self.budget.try_reserve(request.most.prompt, request.most.completion)
            except OutOfBudget as error:
                return requests[:place], error
            if reservation is None:
                self.add(requests[place:])
                return requests[:place], None
            self.reservations[request.key] = reservation
        return requests, None

    def cost(self, key: str, usage: Usage, certain: bool) -> float | None:
        """Books the cost of an answer, and returns it. One that an earlier run asked for is no part of this
        run's budget."""
        if key in self.reservations:
            return self.budget.settle(self.reservations.pop(key), usage, certain)
        price = self.budget.price
        return price.cost(usage, batch=True) if price else None

    def fail(self, key: str, fault: Fault) -> int:
        """Notes a fault. Returns how often the request has failed."""
        self.tries[key] = self.tries.get(key, 0) + 1
        if fault.billed and key in self.reservations:
            self.budget.lose(self.reservations.pop(key), fault.usage)
        return self.tries[key]

    def give_up(self, key: str) -> None:
        """Frees what is set aside for a request that is not asked again, and was not billed."""
        if key in self.reservations:
            self.budget.settle(self.reservations.pop(key), None)

    def close(self) -> None:
        """Frees what is set aside for requests that were never submitted."""
        for request in self.take():
            self.give_up(request.key)


def parts(requests: list[Request]) -> Iterator[list[Request]]:
    """The requests in as few batches as their sizes permit."""
    part: list[Request] = []
    size = 0
    for request in requests:
        size += request.most.prompt + ROW_OVERHEAD  # `most` are bytes of the messages, or more
        if part and size > BYTES:
            yield part
            part, size = [], 0
        part.append(request)
    if part:
        yield part
