"""A buyer of single answers in a run that finds batches of an earlier run under way: what they hold is
collected and not bought again."""

from collections.abc import Callable, Iterable

from stages.samplers.http.job_store import JobStore
from stages.samplers.requests.attempts import Request
from stages.samplers.requests.buyer import LiveBuyer
from stages.samplers.requests.fault_notices import say
from stages.samplers.requests.jobs import BatchBuyer

HandOver = Callable[[list[Request]], None]


class CollectingBuyer:
    """Has what is in the jobs of `jobs` collected by a BatchBuyer, and all else bought by a LiveBuyer, which
    also buys what turns out to have failed in a job."""

    def __init__(
        self, jobs: JobStore, live: LiveBuyer, open_batches: Callable[[HandOver], BatchBuyer]
    ) -> None:
        self.jobs, self.live, self.batches = jobs, live, open_batches(live.submit)
        self.announced = False

    def submit(self, requests: Iterable[Request]) -> None:
        """Has them bought, or collected."""
        wanted = list(requests)
        under_way = self.jobs.under_way(request.key for request in wanted)
        if under_way and not self.announced:
            self.announced = True
            say("an earlier run left batches under way: what they hold is collected, and not bought again")
        self.batches.submit(request for request in wanted if request.key in under_way)
        self.live.submit(request for request in wanted if request.key not in under_way)

    def flush(self) -> None:
        """Says that no more requests come for the moment."""
        self.batches.flush()

    def close(self) -> None:
        """Ends both."""
        try:
            self.live.close()
        finally:
            self.batches.close()
