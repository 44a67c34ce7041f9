"""What a run would buy, without a call: requests, tokens and money.

Requests are looked up in the memo, so what is stored costs nothing. Tokens of prompts are counted. How long
answers will be nobody knows before the first of them: once some of these very prompts are answered, the
others are taken to be like them; until then every answer is taken to be as long as it may be, or as long as
the caller knows it to be. So a small run first (`max_requests: 100`) makes the estimate a measured one.
"""

from collections.abc import Iterable, Iterator, Mapping
from math import sqrt
from typing import Any, NamedTuple

from stages.samplers import sampler
from stages.samplers.cost.prices import Usage, price_of
from stages.samplers.cost.token_counts import Counter, counter
from stages.samplers.memo.sampled_answers import Answer
from stages.samplers.memo.store import Memo, key
from stages.shared.rows import Prompt
from stages.shared.seen import Seen

NORMAL = 1.96  # standard errors on either side of a 95 % interval


class Estimate(NamedTuple):
    """`new` requests would be sent, `stored` answers are there; tokens and USD are those of the new ones
    (None: no price is known).

    `spread` is half the 95 % interval of `completion_tokens`, as a share of them (None: not measured).
    `basis` says what they rest on.
    """

    by: str
    model: str
    new: int
    stored: int
    prompt_tokens: int
    completion_tokens: int
    spread: float | None
    cost_usd: float | None
    counted: str
    basis: str


class Sample:
    """What is known of the stored answers: tokens of their prompts as counted here and as billed, tokens of
    the answers and their squares."""

    def __init__(self) -> None:
        self.size = self.counted = self.billed = self.tokens = self.squares = 0

    def add(self, counted: int, answer: Answer) -> None:
        """Adds an answer whose prompt has `counted` tokens. An answer is left out where its server did not
        say how many tokens it took."""
        if answer.prompt_tokens:
            self.size += 1
            self.counted += counted
            self.billed += answer.prompt_tokens
            self.tokens += answer.tokens
            self.squares += answer.tokens**2

    @property
    def ratio(self) -> float:
        """Billed tokens for each counted one."""
        return self.billed / self.counted if self.counted else 1.0

    @property
    def mean(self) -> float:
        """Tokens of an answer."""
        return self.tokens / self.size

    @property
    def spread(self) -> float:
        """Half the 95 % interval of the mean, as a share of it."""
        variance = max(0.0, self.squares / self.size - self.mean**2) * self.size / max(1, self.size - 1)
        return NORMAL * sqrt(variance / self.size) / self.mean if self.mean else 0.0


def estimates(
    prompts: Iterable[Prompt], samplers: Mapping[str, Any], answer_tokens: float | None = None
) -> Iterator[Estimate]:
    """One for each `by` whose sampler buys its answers; `samplers` as for `ask`.

    `answer_tokens` is the length of an answer as the caller knows it (of another run, of the server's own
    report): it stands in until two of these prompts are answered.
    """
    paid = {by: params for by, params in samplers.items() if hasattr(params, "max_usd")}
    quotes = {by: Quote(by, params) for by, params in paid.items()}
    with Memo() as memo:
        for prompt in prompts:
            if prompt.by in quotes:
                quotes[prompt.by].add(prompt, memo)
    yield from (quote.total(answer_tokens) for quote in quotes.values())


class Quote:
    """Adds up what the prompts of one `by` would cost."""

    def __init__(self, by: str, params: Any) -> None:
        self.by, self.params = by, params
        self.asked = sampler(params.sampler).asked  # type: ignore[attr-defined]
        self.counter: Counter = counter(params.model, params.tokenizer)
        self.new = self.stored = self.counted = 0
        self.seen = Seen()
        self.sample = Sample()

    def add(self, prompt: Prompt, memo: Memo) -> None:
        """One prompt, with as many requests as it has samples; what is asked twice is bought once."""
        keys = {key(asked) for asked in self.asked(prompt, self.params)}
        stored = memo.get(keys)
        counted = self.counter.count(prompt.messages)
        for answer in stored.values():
            self.sample.add(counted, answer)
        new = sum(self.seen.add(key) for key in keys if key not in stored)
        self.stored += len(stored)
        self.new += new
        self.counted += counted * new

    def total(self, answer_tokens: float | None = None) -> Estimate:
        """The estimate; see `estimates`."""
        length, spread, basis = self._length(answer_tokens)
        prompts, answers = round(self.counted * self.sample.ratio), round(self.new * length)
        price = price_of(self.params.model, self.params)
        batch = getattr(self.params, "mode", "live") == "batch"
        how = self.counter.name + (
            f", times {self.sample.ratio:.3f} as billed for those stored" if self.sample.size else ""
        )
        return Estimate(
            self.by, self.params.model, self.new, self.stored, prompts, answers, spread,
            price.cost(Usage(prompts, answers), batch) if price else None, how, basis,
        )  # fmt: skip

    def _length(self, answer_tokens: float | None) -> tuple[float, float | None, str]:
        """Tokens of an answer, half the 95 % interval of that as a share, and what both rest on."""
        if self.sample.size > 1:
            return (
                self.sample.mean,
                self.sample.spread,
                f"+- {self.sample.spread:.1%}, as long as those stored",
            )
        if answer_tokens is not None:
            return answer_tokens, None, f"{answer_tokens:g} an answer, as was given"
        return (
            self.params.max_tokens,
            None,
            "as long as they may be; measured once some are stored; or give --answer-tokens",
        )


def as_text(estimate: Estimate) -> str:
    """An estimate as some lines to read."""
    cost = (
        "not known"
        if estimate.cost_usd is None
        else f"{estimate.cost_usd:,.6f} USD, without discounts for cached prompts"
    )
    return (
        f"{estimate.by}: {estimate.model}\n"
        f"  requests           {estimate.new:>14,}  new; {estimate.stored:,} stored\n"
        f"  prompt tokens      {estimate.prompt_tokens:>14,}  {estimate.counted}\n"
        f"  completion tokens  {estimate.completion_tokens:>14,}  {estimate.basis}\n"
        f"  cost               {cost}"
    )
