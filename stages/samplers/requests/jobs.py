"""Buys answers by the batch: a thread submits what is asked, looks now and then, and has each answer stored
once its batch is done."""

from collections.abc import Callable, Iterable
from itertools import islice
from threading import Event, Lock, Thread

from stages.samplers.cost.budget import Budget, OutOfBudget
from stages.samplers.cost.prices import Price, Usage
from stages.samplers.http.chat import read
from stages.samplers.http.endpoint import DONE, Endpoint, Line
from stages.samplers.http.faults import Fault, Place
from stages.samplers.http.job_store import Job, JobStore
from stages.samplers.memo.store import Stored
from stages.samplers.requests.buyer import Request
from stages.samplers.requests.request_settings import Terms
from stages.samplers.requests.write_buffer import Keeper

ROWS, BYTES = 50_000, 100 << 20  # of one batch; OpenAI takes so many rows, and 200 MB
GROUP = 500  # answers stored together


class Jobs:
    """`poll` is how many seconds pass between two looks. Where a run is killed, the next one collects the
    batches it finds under way."""

    def __init__(
        self,
        open_: Callable[[], Endpoint],
        place: Place,
        terms: Terms,
        budget: Budget,
        keeper: Keeper,
        poll: float,
    ) -> None:
        self.terms, self.budget, self.keeper, self.tally, self.poll = (
            terms,
            budget,
            keeper,
            keeper.tally,
            poll,
        )
        self.endpoint, self.place = open_(), place
        self.store = JobStore(keeper.memo.path, place.url)
        self.waiting: list[Request] = []
        self.flushed, self.closed, self.lock = Event(), Event(), Lock()
        self.asked: dict[str, Request] = {}  # by key: those that this run waits for
        self.holds: dict[str, int] = {}
        self.tries: dict[str, int] = {}
        self.concern: dict[str, bool] = {}  # by token of a job
        self.thread = Thread(target=self._run, name="batches", daemon=True)
        self.thread.start()

    def submit(self, requests: Iterable[Request]) -> None:
        """Has them bought: with the next flush, or once a batch is full."""
        with self.lock:
            self.waiting += requests

    def flush(self) -> None:
        """For the moment no more will be submitted."""
        self.flushed.set()

    def close(self) -> None:
        """Ends the thread; what is under way is collected by the next run."""
        self.closed.set()
        self.flushed.set()
        self.thread.join(timeout=5)
        self.endpoint.close()

    def _run(self) -> None:
        try:
            self._work()
        except BaseException as error:  # whatever it is, the main thread raises it
            self.keeper.news.put(error)

    def _work(self) -> None:
        self.flushed.wait()
        faults, bound = 0, None
        while not self.closed.is_set():
            try:
                bound = bound or self._send()
                under_way = [self._collect(job) for job in self.store.open() if self._concerns_us(job)]
                faults = 0
            except Fault as fault:
                faults += 1
                self.tally.faults[fault.kind] += 1
                if faults > self.terms.retries:
                    raise
                under_way = [True]
            if bound and not any(under_way):
                raise bound
            self.closed.wait(self.poll)

    def _concerns_us(self, job: Job) -> bool:
        """Whether we wait for any of it. Then nobody else does: what a living process waits for is claimed by
        it."""
        if job.token not in self.concern or not self.concern[job.token]:
            self.concern[job.token] = any(key in self.asked for key in self.store.keys(job))
        return self.concern[job.token]

    def _send(self) -> OutOfBudget | None:
        """Submits what waits and is in no batch yet; the error where a bound of the budget would be exceeded."""
        with self.lock:
            new, self.waiting = self.waiting, []
        self.asked |= {request.key: request for request in new}
        under_way = self.store.within(request.key for request in new) if new else set()
        left = iter([request for request in new if request.key not in under_way])
        while some := list(islice(left, ROWS)):
            taken, bound = self._afford(some)
            for part in _parts(taken):
                rows = [(request.key, dict(request.asked)) for request in part]
                job = self.store.begin(rows)
                self.store.name(job, self.endpoint.submit(job, rows))
            if bound:
                return bound
        return None

    def _afford(self, requests: list[Request]) -> tuple[list[Request], OutOfBudget | None]:
        """Those that the budget has room for; the others wait for what is under way to turn out cheaper."""
        for place, request in enumerate(requests):
            if request.key in self.holds:
                continue
            try:
                hold = self.budget.take(request.most.prompt, request.most.completion)
            except OutOfBudget as error:
                return requests[:place], error
            if hold is None:
                with self.lock:
                    self.waiting += requests[place:]
                return requests[:place], None
            self.holds[request.key] = hold
        return requests, None

    def _collect(self, job: Job) -> bool:
        """Whether a job is still under way; stores what came of it otherwise."""
        batch = job.batch or self.endpoint.find(job)
        if batch is None:  # noted, but never submitted
            self._again(self.store.keys(job))
            self.store.end(job)
            return False
        status, files, told = self.endpoint.look(batch)
        if status not in DONE:
            return True
        missing = set(self.store.keys(job))
        for file in files:
            lines = self.endpoint.lines(file)
            while some := list(islice(lines, GROUP)):
                missing -= self._keep(job, some)
        for key in missing:
            self._failed(key, Fault(f"batch {status}", told))
        self.store.end(job)
        return False

    def _keep(self, job: Job, lines: list[Line]) -> set[str]:
        """Stores the answers in some lines; the keys of all of them."""
        asked = self.store.asked(job, [line.key for line in lines])
        group = []
        for line in lines:
            if line.key not in asked:
                continue
            try:
                reply = read(line.status, {}, line.body, self.place)
            except Fault as fault:
                self._failed(line.key, fault)
                continue
            usage = reply.usage or Usage(0, 0)
            cost = self._cost(line.key, reply.usage)
            model = reply.model or self.place.model
            group.append(
                (
                    line.key,
                    asked[line.key],
                    Stored(reply.text, reply.ending, usage.completion, usage.prompt, cost, model),
                )
            )
        if group:
            self.keeper.memo.put_many(group).result()
            self.keeper.count(group)
        return asked.keys() & {line.key for line in lines}

    def _cost(self, key: str, usage: Usage | None) -> float | None:
        """Of an answer; one that an earlier run asked for is no part of this run's budget."""
        if key in self.holds:
            return self.budget.settle(self.holds.pop(key), usage or self.asked[key].most)
        price: Price | None = self.budget.price
        return price.cost(usage, batch=True) if price and usage else None

    def _failed(self, key: str, fault: Fault) -> None:
        self.tally.faults[fault.kind] += 1
        self.tries[key] = self.tries.get(key, 0) + 1
        if fault.retry and self.tries[key] <= self.terms.retries:
            self.tally.retries += 1
            self._again([key])
        elif key in self.asked:
            if key in self.holds:
                self.budget.settle(self.holds.pop(key), None)
            self.tally.failed[key] = fault
            self.keeper.news.put([key])

    def _again(self, keys: Iterable[str]) -> None:
        """Those of `keys` that this run waits for are submitted once more."""
        with self.lock:
            self.waiting += [self.asked[key] for key in keys if key in self.asked]


def _parts(requests: list[Request]) -> Iterable[list[Request]]:
    """As few batches as their sizes permit."""
    part: list[Request] = []
    size = 0
    for request in requests:
        size += request.most.prompt + 512  # at least the bytes of its messages, and what surrounds them
        if part and size > BYTES:
            yield part
            part, size = [], 0
        part.append(request)
    if part:
        yield part
