"""What is counted in a run, shown while it lasts, and checked at its end."""

import sys
from collections import Counter
from typing import Any

from tqdm import tqdm

from stages.samplers.http.faults import Fault
from stages.shared.errors import BadInput


class RunCounts:
    """What became of the requests of a run so far. `faults` counts every failed call by kind; `failed` holds
    the last fault of each request that was given up, by its key."""

    def __init__(self) -> None:
        self.bought = self.retries = self.tokens = self.prompt_tokens = 0
        self.faults: Counter[str] = Counter()
        self.failed: dict[str, Fault] = {}

    def failed_by_kind(self) -> Counter[str]:
        """The number of requests that were given up, by kind of their last fault."""
        return Counter(fault.kind for fault in self.failed.values())


class RunReport:
    """The progress bar and the report of the requests to one model. `total` 0: not known how many there will
    be. `asked` counts the requests so far, `stored` those of them that were in the memo. `spent` is in USD
    (None: the model has no price)."""

    def __init__(self, model: str, total: int, counts: RunCounts) -> None:
        interval = 0.5 if sys.stderr.isatty() else 10  # in a log a line every ten seconds at most
        self.bar = tqdm(total=total or None, desc=model, unit="answer", mininterval=interval, miniters=1)
        self.model, self.counts = model, counts
        self.asked = self.stored = 0
        self.spent: float | None = None
        self.lost: float | None = None  # USD at most for calls that brought no answer and may be billed
        self.sent = 0  # requests, with the tries after a call that may be billed

    def show(self, done: int) -> None:
        """Shows that `done` of the requests are settled."""
        if done <= self.bar.n:
            return
        elapsed = max(self.bar.format_dict["elapsed"], 1e-9)
        parts = [
            f"{self.stored} stored",
            f"{len(self.counts.failed)} failed",
            f"{self.counts.bought / elapsed:.0f} requests/s",
            f"{self.counts.tokens / elapsed:.0f} tokens/s",
        ]
        if self.spent is not None:
            parts.append(f"{self.spent:.4f} USD")
        self.bar.set_postfix_str(", ".join(parts), refresh=False)
        self.bar.update(done - self.bar.n)

    def as_dict(self) -> dict[str, Any]:
        """The counts by short names that never change: the memo keeps them."""
        return {
            "model": self.model,
            "requests": self.asked,
            "stored": self.stored,
            "bought": self.counts.bought,
            "retries": self.counts.retries,
            "faults": dict(sorted(self.counts.faults.items())),
            "failed": dict(sorted(self.counts.failed_by_kind().items())),
            "prompt_tokens": self.counts.prompt_tokens,
            "tokens": self.counts.tokens,
            "cost_usd": self.spent,
            "lost_usd": self.lost,
            "sent": self.sent,
        }

    def check_failures(self, allowed: float) -> None:
        """Prints a table of the requests that failed for good. Raises BadInput where they are more than the
        share `allowed` of all."""
        failed = self.counts.failed
        if not failed:
            return
        kinds = self.counts.failed_by_kind().most_common()
        last_message = {fault.kind: fault.message for fault in failed.values()}
        self.bar.close()
        lines = (f"{count:8d}  {kind:16s}  {last_message[kind]}".rstrip() for kind, count in kinds)
        print("\n".join(lines), file=sys.stderr)
        if len(failed) > allowed * self.asked:
            summary = ", ".join(f"{kind} {count}" for kind, count in kinds)
            raise BadInput(
                f"{self.model}: {len(failed)} of {self.asked} requests failed for good ({summary}); "
                "all others are stored: run it again to buy only these, "
                "or permit their share in allow_failures"
            )

    def close(self) -> None:
        """Leaves the last state of the bar on the screen."""
        self.bar.close()
