"""Money: by the server's own ledger no run ever costs more than `max_usd`, whatever fails."""

from typing import Any

import pytest
from stages.samplers.cost.budget import Budget
from stages.samplers.cost.prices import Price, Spending, Usage
from stages.samplers.http.billed_tokens import usage_of
from stages.shared.errors import BadInput

from faulty_ledger import MOST, Ledger
from server import Server
from teachers import ask, params, prompts, runs, workplace

pytestmark = pytest.mark.usefixtures("workplace")
__all__ = ["workplace"]


@pytest.mark.parametrize("seed", range(20))
def test_a_bound_in_money_holds_in_every_mix_of_faults(seed: int) -> None:
    limit = 8 * MOST
    with Ledger(seed) as server:
        with pytest.raises(BadInput, match="stopped before max_usd"):
            ask(server, prompts(200), max_usd=limit, concurrency=8, retries=3, allow_failures=1.0)
        counts = runs()[-1]
        assert server.usd <= counts["cost_usd"] + counts["lost_usd"] + 1e-12 <= limit + 2e-12
        assert counts["cost_usd"] + counts["lost_usd"] > limit - MOST  # and it is used
        assert counts["bought"] > 0


@pytest.mark.parametrize("bound", [7, 20])
def test_a_try_after_a_call_that_was_billed_is_a_request(bound: int) -> None:
    with Server(plan=lambda call: "cut" if call.tries % 2 == 0 else None) as server:
        with pytest.raises(BadInput, match=f"stopped at max_requests {bound}"):
            ask(server, prompts(50), max_requests=bound, concurrency=4)
        assert len(server.calls) == bound


@pytest.mark.parametrize(
    ("counts", "usage"),
    [
        ({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}, (10, 5, 0)),
        ({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 45}, (10, 35, 0)),  # xAI
        ({"promptTokenCount": 10, "candidatesTokenCount": 5, "thoughtsTokenCount": 30}, (10, 35, 0)),
        ({"promptTokenCount": 10, "totalTokenCount": 45}, (10, 35, 0)),  # thoughts alone
        ({"prompt_tokens": 10.0, "completion_tokens": "5"}, (10, 5, 0)),
        ({"prompt_tokens": 10, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 4}}, (10, 5, 4)),
        ({"prompt_tokens": 10, "completion_tokens": 5, "prompt_cache_hit_tokens": 4}, (10, 5, 4)),
        ({"prompt_tokens": 10, "completion_tokens": 5, "cached_tokens": 400}, (10, 5, 10)),
        ({"prompt_tokens": 10, "completion_tokens": 1e400}, (10, 0, 0)),
        ({"prompt_tokens": 10, "completion_tokens": 1 << 60}, (10, 1 << 40, 0)),
        ({"prompt_tokens": True, "completion_tokens": None}, None),
        ({}, None),
        (None, None),
        ("many", None),
    ],
)
def test_the_tokens_that_are_billed(counts: Any, usage: tuple[int, int, int] | None) -> None:
    assert usage_of(counts) == usage


def test_thinking_beyond_the_limit_is_expected_from_then_on() -> None:
    """Of a model that bills more than `max_tokens` the next request is taken to cost as much."""
    budget = Budget(Spending(max_usd=0.01), Price(prompt=1.0, completion=10.0))
    first = budget.try_reserve(0, 100)
    assert first and budget.reserved[first] == pytest.approx(0.001)
    budget.settle(first, Usage(0, 300))
    second = budget.try_reserve(0, 100)
    assert second and budget.reserved[second] == pytest.approx(0.003)
    budget.settle(second, Usage(0, 300))
    third = budget.try_reserve(0, 100)
    assert third and budget.reserved[third] == pytest.approx(0.003)


def test_a_call_that_may_be_billed_counts_at_most() -> None:
    budget = Budget(Spending(max_usd=0.003), Price(prompt=1.0, completion=10.0))
    for usage, lost in ((None, 0.001), (Usage(0, 50), 0.0015)):
        hold = budget.try_reserve(0, 100)
        assert hold
        budget.lose(hold, usage)
        assert budget.spent == 0.0 and budget.lost == pytest.approx(lost)
    assert params(None).max_usd is None
