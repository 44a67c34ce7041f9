"""What is told of a run: its progress, what became of its requests, and whether too many of them failed."""

import sys
from collections import Counter
from typing import Any

from tqdm import tqdm

from stages.samplers.requests.write_buffer import Tally
from stages.shared.errors import BadInput


class Account:
    """Of the requests to one model. `total` 0: not known how many there will be; `spent` is in USD (None: no
    price)."""

    def __init__(self, model: str, total: int, tally: Tally) -> None:
        interval = 0.5 if sys.stderr.isatty() else 10  # in a log a line every ten seconds at most
        self.bar = tqdm(total=total or None, desc=model, unit="answer", mininterval=interval, miniters=1)
        self.model, self.tally = model, tally
        self.asked = self.stored = 0  # so far, and those of them that were in the memo
        self.spent: float | None = None

    def show(self, done: int) -> None:
        """`done` of the requests are settled."""
        if done > self.bar.n:
            elapsed = max(self.bar.format_dict["elapsed"], 1e-9)
            parts = [
                f"{self.stored} stored",
                f"{len(self.tally.failed)} failed",
                f"{self.tally.bought / elapsed:.0f} requests/s",
            ]
            parts.append(f"{self.tally.tokens / elapsed:.0f} tokens/s")
            if self.spent is not None:
                parts.append(f"{self.spent:.4f} USD")
            self.bar.set_postfix_str(", ".join(parts), refresh=False)
            self.bar.update(done - self.bar.n)

    def counts(self) -> dict[str, Any]:
        """By short stable names, to be kept."""
        tally = self.tally
        return {
            "model": self.model,
            "requests": self.asked,
            "stored": self.stored,
            "bought": tally.bought,
            "retries": tally.retries,
            "faults": dict(sorted(tally.faults.items())),
            "failed": dict(sorted(self._kinds().items())),
            "prompt_tokens": tally.prompt_tokens,
            "tokens": tally.tokens,
            "cost_usd": self.spent,
        }

    def _kinds(self) -> Counter[str]:
        return Counter(fault.kind for fault in self.tally.failed.values())

    def judge(self, allowed: float) -> None:
        """Prints a table of what failed for good; raises BadInput where that is more than the share
        `allowed`."""
        kinds, failed = self._kinds(), self.tally.failed
        if not failed:
            return
        last = {fault.kind: fault.told for fault in failed.values()}
        self.bar.close()
        print(
            "\n".join(
                f"{count:8d}  {kind:16s}  {last[kind]}".rstrip() for kind, count in kinds.most_common()
            ),
            file=sys.stderr,
        )
        if len(failed) > allowed * self.asked:
            told = ", ".join(f"{kind} {count}" for kind, count in kinds.most_common())
            raise BadInput(
                f"{self.model}: {len(failed)} of {self.asked} requests failed for good ({told}); all others are stored: "
                "run it again to buy only these, or permit their share in allow_failures"
            )

    def close(self) -> None:
        """Leaves the last state of the bar on the screen."""
        self.bar.close()
