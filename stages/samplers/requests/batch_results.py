"""What the files of a finished batch hold: answers are stored, and what failed is asked again or given up."""

from collections.abc import Mapping
from itertools import islice
from typing import Any

from stages.samplers.cost.prices import Usage
from stages.samplers.http.chat import read_response
from stages.samplers.http.endpoint import BatchEndpoint, BatchLine, BatchState
from stages.samplers.http.faults import Fault, Target
from stages.samplers.http.job_store import Job, JobStore
from stages.samplers.memo.store import Item
from stages.samplers.memo.unread import MOST, UnreadAnswers
from stages.samplers.requests.batch_requests import BatchRequests
from stages.samplers.requests.fault_notices import say
from stages.samplers.requests.missing_usage import MissingUsage
from stages.samplers.requests.request_settings import RequestSettings
from stages.samplers.requests.write_buffer import WriteBuffer

GROUP = 500  # answers stored together


class BatchResults:
    """Those of one run, whose requests are `requests`."""

    def __init__(
        self,
        endpoint: BatchEndpoint,
        target: Target,
        settings: RequestSettings,
        requests: BatchRequests,
        jobs: JobStore,
        buffer: WriteBuffer,
    ) -> None:
        self.endpoint, self.target, self.settings = endpoint, target, settings
        self.requests, self.jobs = requests, jobs
        self.buffer, self.counts = buffer, buffer.counts
        self.unread = UnreadAnswers(buffer.memo.path)
        self.missing_usage = MissingUsage(settings.tokenizer)

    def store(self, job: Job, keys: set[str], state: BatchState) -> None:
        """Stores what the files of a batch hold; the rest of its keys failed."""
        torn = 0
        for file in state.files:
            lines = self.endpoint.lines(file)
            while some := list(islice(lines, GROUP)):
                torn += some.count(None)
                keys -= self._store_lines(job, [line for line in some if line])
        if torn:
            say(
                f"{self.target.model}: {torn} lines of the results cannot be read; their rows are asked again"
            )
        for key in keys:
            problem = state.problem or (
                "its line of the results is missing or cannot be read" if torn else ""
            )
            self._failed(key, Fault(f"batch {state.status}", problem, billed=bool(torn)))

    def _store_lines(self, job: Job, lines: list[BatchLine]) -> set[str]:
        """Stores the answers in some lines. Returns the keys of all of them."""
        asked = self.jobs.asked(job, [line.key for line in lines])
        stored = self.buffer.memo.get(asked)  # by a download of this file that was cut off
        group: list[Item] = []
        for line in lines:
            if line.key not in asked or line.key in stored:
                continue
            try:
                completion = read_response(line.status, {}, line.body, self.target, asked[line.key])
            except Fault as fault:
                self._failed(line.key, fault, asked[line.key])
                continue
            completion, certain = self.missing_usage.complete(asked[line.key], completion)
            cost_usd = self.requests.cost(line.key, completion.usage or Usage(0, 0), certain)
            group.append((line.key, asked[line.key], completion.answer(self.target.model, cost_usd)))
        if group:
            self.buffer.memo.put_many(group).result()
            self.buffer.count(group)
        return asked.keys() & {line.key for line in lines}

    def _failed(self, key: str, fault: Fault, asked: Mapping[str, Any] | None = None) -> None:
        """Has a request submitted again, or gives it up; an answer that cannot be read is kept."""
        self.counts.faults[fault.kind] += 1
        tries = self.requests.fail(key, fault)
        hopeless = False
        if fault.raw is not None and asked:
            hopeless = self.unread.add(key, asked, fault.kind, fault.raw) >= MOST
        if fault.retry and tries <= self.settings.retries and not hopeless:
            self.counts.retries += 1
            self.requests.add_again([key])
        elif key in self.requests.by_key:
            self.requests.give_up(key)
            self.counts.failed[key] = fault
            self.buffer.settled.put([key])
