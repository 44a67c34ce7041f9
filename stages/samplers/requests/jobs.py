"""Buys answers by the batch: a thread submits batches, looks at them now and then, and stores the answers of
each batch that is done."""

from collections.abc import Callable, Iterable
from threading import Event, Thread

from stages.samplers.cost.budget import Budget, OutOfBudget
from stages.samplers.http.endpoint import DONE, BatchEndpoint, BatchState
from stages.samplers.http.faults import Fault, Target
from stages.samplers.http.job_store import Job, JobStore
from stages.samplers.requests.attempts import Request
from stages.samplers.requests.batch_requests import BatchRequests, parts
from stages.samplers.requests.batch_results import BatchResults
from stages.samplers.requests.fault_notices import say
from stages.samplers.requests.request_settings import RequestSettings
from stages.samplers.requests.write_buffer import WriteBuffer

ROWS = 50_000  # of one batch: OpenAI takes so many
ENQUEUED = "token_limit_exceeded"  # the code of a batch above the tokens that may wait at the service
CLOSE_TIMEOUT = 5  # seconds that a call in progress may take when a run ends


class BatchBuyer:
    """The buyer of batches. `poll` is how many seconds pass between two looks.

    A request is in one of three places: waiting for the next batch (see BatchRequests), in a job under way
    (see JobStore), or settled. A run that is killed leaves its jobs under way, and the next run collects
    those that hold a request of its own. With `hand_over` nothing is submitted: what no job holds, or no
    longer holds, goes to that function."""

    def __init__(
        self,
        open_endpoint: Callable[[], BatchEndpoint],
        target: Target,
        settings: RequestSettings,
        budget: Budget,
        buffer: WriteBuffer,
        poll: float,
        hand_over: Callable[[list[Request]], None] | None = None,
    ) -> None:
        self.settings, self.poll, self.hand_over = settings, poll, hand_over
        self.buffer, self.counts = buffer, buffer.counts
        self.endpoint, self.target = open_endpoint(), target
        self.jobs = JobStore(buffer.memo.path, target.url)
        self.requests = BatchRequests(budget)
        self.results = BatchResults(self.endpoint, target, settings, self.requests, self.jobs, buffer)
        self.flushed, self.closed = Event(), Event()
        self.ours: set[str] = set()  # tokens of jobs that hold a request of this run
        self.answered: dict[str, int] = {}  # by token: the answers of a batch when it was last looked at
        self.thread = Thread(target=self._run, name="batches", daemon=True)
        self.thread.start()

    def submit(self, requests: Iterable[Request]) -> None:
        """Has them bought: they wait for the first `flush`, and then for the next look."""
        self.requests.add(requests)

    def flush(self) -> None:
        """Says that no more requests come for the moment, so that those that wait are sent."""
        self.flushed.set()

    def close(self) -> None:
        """Ends the thread. What is under way is collected by the next run."""
        self.closed.set()
        self.flushed.set()
        self.thread.join(timeout=CLOSE_TIMEOUT)
        if not self.thread.is_alive():
            self.requests.close()
        self.endpoint.close()

    def _run(self) -> None:
        try:
            self._work()
        except BaseException as error:  # whatever it is, the main thread raises it
            self.buffer.settled.put(error)

    def _work(self) -> None:
        """Submits what waits and looks at the jobs under way, every `poll` seconds, until the run is
        closed. An exceeded bound of the budget is raised once no job is under way and no request
        waits that has its part of the budget."""
        self.flushed.wait()
        faults, over_budget = 0, None
        while not self.closed.is_set():
            try:
                over_budget = self._submit_waiting() or over_budget
                under_way = [self._collect(job) for job in self.jobs.unfinished() if self._is_ours(job)]
                faults = 0
            except Fault as fault:
                faults += 1
                self.counts.faults[fault.kind] += 1
                if faults > self.settings.retries:
                    raise
                under_way = [True]
            if over_budget and not any(under_way) and not self.requests.waiting:
                raise over_budget
            self.closed.wait(self.poll)

    def _is_ours(self, job: Job) -> bool:
        """Whether a job holds a request of this run. Then no other living process collects the job: it would
        have to claim that request, which this run has claimed."""
        if job.token not in self.ours and any(key in self.requests.by_key for key in self.jobs.keys(job)):
            self.ours.add(job.token)
        return job.token in self.ours

    def _submit_waiting(self) -> OutOfBudget | None:
        """Submits the requests that wait and are in no job yet. Returns the error where a bound of the budget
        would be exceeded."""
        new = self.requests.take()
        under_way = self.jobs.under_way(request.key for request in new) if new else set()
        left = [request for request in new if request.key not in under_way]
        if self.hand_over:
            self.hand_over(left)
            return None
        for start in range(0, len(left), ROWS):
            affordable, over_budget = self.requests.afford(left[start : start + ROWS])
            try:
                self._submit(affordable)
            except Fault:
                self.requests.add(left[start + (len(affordable) if over_budget else ROWS) :])
                raise
            if over_budget:
                return over_budget
        return None

    def _submit(self, requests: list[Request]) -> None:
        """Submits batches of these requests. After a fault those that are in no job wait again."""
        some = list(parts(requests))
        while some:
            part = some.pop(0)
            rows = [(request.key, dict(request.asked)) for request in part]
            job = self.jobs.add(rows)
            try:
                batch = self.endpoint.submit(job, rows)
            except Fault:
                for waiting in some:
                    self.requests.add(waiting)
                raise
            self.jobs.set_batch(job, batch)
            say(f"{self.target.model}: batch {batch} submitted, {len(rows)} requests")

    def _collect(self, job: Job) -> bool:
        """Whether a job is still under way. Stores the answers of one that is done."""
        batch_id = job.batch or self.endpoint.find(job)
        if batch_id is None:  # noted, but never submitted
            self.requests.add_again(self.jobs.keys(job))
            self.jobs.remove(job)
            return False
        state = self.endpoint.look(batch_id)
        keys = set(self.jobs.keys(job))
        if state.status not in DONE or self.answered.get(job.token) != state.answered:
            self._tell(job, batch_id, state, len(keys))
        if state.status not in DONE:
            return True
        if ENQUEUED in state.codes:  # too much waits at the service: nothing was done, and nothing failed
            self.requests.add_again(keys)
        else:
            self.results.store(job, keys, state)
        self.jobs.remove(job)
        return ENQUEUED in state.codes

    def _tell(self, job: Job, batch_id: str, state: BatchState, count: int) -> None:
        """Says how far a batch is, where that has changed."""
        if self.answered.get(job.token) != state.answered:
            self.answered[job.token] = state.answered
            say(f"{self.target.model}: batch {batch_id} {state.status}, {state.answered} of {count} answered")
