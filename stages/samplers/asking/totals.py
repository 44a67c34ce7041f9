"""What the answers of one `by` come to."""

from collections.abc import Mapping
from typing import Any

from stages.samplers.memo.sampled_answers import Answer
from stages.shared.rows import Ending

RUN_COUNTS = ("stored", "bought", "retries", "faults", "failed", "lost_usd", "steered")


class Totals:
    """Adds up the answers of one `by`: how many, how they ended, their tokens, their cost.

    An answer counts the same whether it was bought in this run or was in the memo, so the totals of the same
    answers are always the same. Beside them stands, for a sampler that sends requests, what this run did.
    """

    def __init__(self, by: str, n: int) -> None:
        """`n` is the number of answers that each prompt wants."""
        self.by, self.n = by, n
        self.requests = self.tokens = self.prompt_tokens = self.unpriced = 0
        self.with_reasoning = 0
        self.endings = dict.fromkeys(Ending, 0)
        self.cost_usd = 0.0
        self.run: Mapping[str, Any] = {}

    def add(self, by: str, answers: list[Answer], requests: int | None = None) -> None:
        """Counts the answers to one prompt, which took so many requests (None: `n`). Answers by others are
        not counted."""
        if by != self.by:
            return
        self.requests += self.n if requests is None else requests
        for answer in answers:
            self.endings[answer.ending] += 1
            self.with_reasoning += bool(answer.reasoning)
            self.tokens += answer.tokens
            self.prompt_tokens += answer.prompt_tokens
            self.unpriced += answer.cost_usd is None
            self.cost_usd += answer.cost_usd or 0.0

    def set_run(self, by: str, counts: Mapping[str, Any]) -> None:
        """Takes what the sampler of `by` counted in this run. Counts of others are left out."""
        if by == self.by:
            self.run = counts

    def metrics(self) -> dict[str, Any]:
        """The totals by name: `requests`, `answers` that came (also by their ending), `missing` ones, tokens,
        `cost_usd`, and `unpriced` answers, whose cost is not known. Further tries count like all others.

        Of a sampler that sends requests also what this run did: requests `stored` before, `bought`, `retries`
        after a fault, `faults` (every failed call, by kind), `failed` (requests given up, by kind) and
        `lost_usd` (what calls without an answer cost at most). Of a local model that was steered: what each
        logits processor changed (`steered`). Of a teacher that thinks: how many answers came with their
        reasoning (`with_reasoning`).
        """
        answers = sum(self.endings.values())
        counts = {"requests": self.requests, "answers": answers, "missing": self.requests - answers}
        counts |= {f"ended_{ending}": count for ending, count in self.endings.items()}
        tokens = {"tokens": self.tokens, "prompt_tokens": self.prompt_tokens}
        cost = {"cost_usd": round(self.cost_usd, 6), "unpriced": self.unpriced}
        run = {name: self.run[name] for name in RUN_COUNTS if name in self.run}
        reasoned = {"with_reasoning": self.with_reasoning} if self.with_reasoning else {}
        return counts | tokens | cost | reasoned | run
