"""The bounds of a run."""

import asyncio
import random

import pytest
from stages.samplers.cost.budget import Budget, OutOfBudget, bound
from stages.samplers.cost.prices import Price, Spending, Usage
from stages.shared.errors import BadInput

CHEAP = Price(prompt=1.0, completion=2.0, cached=0.25)


def test_max_requests_counts_what_was_sent() -> None:
    budget = Budget(Spending(max_requests=3), None)
    for _ in range(3):
        assert budget.settle(budget.try_reserve(10, 10) or 0, None) is None
    with pytest.raises(OutOfBudget, match="stopped at max_requests 3; 3 requests were sent, and every answer is stored"):
        budget.try_reserve(10, 10)


def test_no_price_no_bound_in_money() -> None:
    with pytest.raises(BadInput, match="max_usd: the model has no price"):
        Budget(Spending(max_usd=1.0), None)


def test_a_failed_request_costs_nothing() -> None:
    budget = Budget(Spending(max_usd=0.0003), CHEAP)
    hold = budget.try_reserve(100, 100)
    assert hold and budget.try_reserve(1, 0) is None  # the whole bound is set aside: one would have to wait
    assert budget.settle(hold, None) == 0
    assert budget.try_reserve(100, 100)


@pytest.mark.parametrize("seed", range(3))
def test_at_any_concurrency_the_bound_is_kept_and_used(seed: int) -> None:
    """Answers turn out a tenth as long as they may be: all of the bound that one more such request does not fit into is used."""
    rng, limit = random.Random(f"money {seed}"), 0.05
    budget = Budget(Spending(max_usd=limit), CHEAP)
    stopped = []

    async def one() -> None:
        try:
            hold = await budget.reserve(200, 1000)
        except OutOfBudget as error:
            stopped.append(str(error))
            return
        assert budget.spent + sum(budget.reserved.values()) <= limit
        await asyncio.sleep(rng.random() / 1000)
        budget.settle(hold, Usage(rng.randint(50, 200), rng.randint(1, 100)))

    async def everybody() -> None:
        await asyncio.gather(*(one() for _ in range(400)))

    asyncio.run(everybody())
    assert budget.reserved == {}
    assert limit - CHEAP.cost(Usage(200, 1000)) < budget.spent <= limit
    assert len(stopped) == 400 - budget.requests > 0
    assert "stopped before max_usd 0.05 is exceeded" in stopped[0]


@pytest.mark.parametrize("text", ["", "What is 2 + 2?", "🜞🜆🜂🜃" * 9, "\ud800", "naïve 你好" * 100])
def test_no_prompt_has_more_tokens_than_bytes(text: str) -> None:
    messages = [{"role": "user", "content": text}]
    assert bound(messages) >= len(text.encode(errors="surrogatepass")) + 4
    assert bound(messages * 2) > bound(messages)
