"""Prices, the bounds of a run, and the counting of tokens."""

import asyncio
import random
from pathlib import Path
from typing import Any

import pytest
from stages.samplers.cost import prices
from stages.samplers.cost import token_counts as tokens
from stages.samplers.cost.budget import Budget, OutOfBudget, bound
from stages.samplers.cost.prices import Price, Spending, Usage, lookup, price_of, table
from stages.shared.errors import BadInput

from project_tree import ROOT

CHEAP = Price(prompt=1.0, completion=2.0, cached=0.25)
TABLE = table(ROOT / "conf/prices.yaml")


@pytest.mark.parametrize(
    ("price", "usage", "batch", "usd"),
    [
        (CHEAP, Usage(1_000_000, 0), False, 1.0),
        (CHEAP, Usage(1_000_000, 500_000), False, 2.0),
        (CHEAP, Usage(1_000_000, 500_000), True, 1.0),
        (CHEAP, Usage(1_000_000, 0, cached=400_000), False, 0.7),
        (CHEAP, Usage(10, 0, cached=400_000), False, 0.0000025),  # more than the prompt cannot have been in the cache
        (Price(prompt=1.0, completion=2.0), Usage(1_000_000, 0, cached=400_000), False, 1.0),
    ],
)
def test_what_tokens_cost(price: Price, usage: Usage, batch: bool, usd: float) -> None:
    assert price.cost(usage, batch) == pytest.approx(usd)


@pytest.mark.parametrize(
    ("model", "prompt"),
    [
        ("gpt-4o-mini", 0.15),
        ("gpt-4o-mini-2024-07-18", 0.15),
        ("gpt-4o", 2.5),
        ("gpt-4o-audio-preview", None),  # another model, for all that its name begins alike
        ("deepseek-v4-flash-vision-exp", 0.3),
        ("gemini-2.5-flash-lite", 0.1),
        ("my-model", None),
        ("", None),
    ],
)
def test_the_price_of_a_model(model: str, prompt: float | None) -> None:
    found = lookup(model, TABLE)
    assert (found and found.prompt) == prompt


def test_the_key_with_most_letters_counts() -> None:
    found = {key: Price(prompt=number, completion=0.0) for number, key in enumerate(["a*", "a-b*", "*-b-c", "a-b-c"])}
    assert [lookup(model, found).prompt for model in ("a", "a-b-d", "x-b-c", "a-b-c")] == [0, 1, 2, 3]  # type: ignore[union-attr]


def test_the_table_says_where_its_prices_are_from() -> None:
    text = (ROOT / "conf/prices.yaml").read_text()
    assert "gathered: 20" in text
    for model, price in TABLE.items():
        assert f"  {price.source}: https://" in text, model
        assert price.completion >= price.prompt > (price.cached or 0), model


def test_a_model_without_a_price_is_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    prices._say_once.cache_clear()
    spending = Spending(prices=str(ROOT / "conf/prices.yaml"))
    assert price_of("my-model", spending) is None and price_of("my-model", spending) is None
    assert capsys.readouterr().err.count("'my-model' has no price") == 1
    assert price_of("my-model", spending.model_copy(update={"price": CHEAP})) == CHEAP


def test_a_bound_without_a_price_is_refused() -> None:
    with pytest.raises(BadInput, match="max_usd: 'my-model' has no price"):
        price_of("my-model", Spending(prices=str(ROOT / "conf/prices.yaml"), max_usd=1.0))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (None, "no such table of prices"),
        ("a: [", "not YAML"),
        ("prices: {}", "expected a mapping with the key models"),
        ("models: {m: {prompt: -1, completion: 1}}", "models.m.prompt: .* greater than or equal to 0, got -1"),
        ("models: {m: {prompt: 1.0}}", "models.m.completion: Field required"),
        ("models: {m: {prompt: 1.0, completion: 1.0, output: 1.0}}", "models.m.output"),
    ],
)
def test_a_table_that_is_none(text: str | None, told: str, tmp_path: Path) -> None:
    if text is not None:
        (tmp_path / "prices.yaml").write_text(text)
    with pytest.raises(BadInput, match=told):
        table(tmp_path / "prices.yaml")


def test_max_requests_counts_what_was_sent() -> None:
    budget = Budget(Spending(max_requests=3), None)
    for _ in range(3):
        assert budget.settle(budget.take(10, 10) or 0, None) is None
    with pytest.raises(OutOfBudget, match="stopped at max_requests 3; 3 requests were sent, and every answer is stored"):
        budget.take(10, 10)


def test_no_price_no_bound_in_money() -> None:
    with pytest.raises(BadInput, match="max_usd: the model has no price"):
        Budget(Spending(max_usd=1.0), None)


def test_a_failed_request_costs_nothing() -> None:
    budget = Budget(Spending(max_usd=0.0003), CHEAP)
    hold = budget.take(100, 100)
    assert hold and budget.take(1, 0) is None  # the whole bound is set aside: one would have to wait
    assert budget.settle(hold, None) == 0
    assert budget.take(100, 100)


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
        assert budget.spent + sum(budget.held.values()) <= limit
        await asyncio.sleep(rng.random() / 1000)
        budget.settle(hold, Usage(rng.randint(50, 200), rng.randint(1, 100)))

    async def everybody() -> None:
        await asyncio.gather(*(one() for _ in range(400)))

    asyncio.run(everybody())
    assert budget.held == {}
    assert limit - CHEAP.cost(Usage(200, 1000)) < budget.spent <= limit
    assert len(stopped) == 400 - budget.requests > 0
    assert "stopped before max_usd 0.05 is exceeded" in stopped[0]


@pytest.mark.parametrize("text", ["", "What is 2 + 2?", "🜞🜆🜂🜃" * 9, "\ud800", "naïve 你好" * 100])
def test_no_prompt_has_more_tokens_than_bytes(text: str) -> None:
    messages = [{"role": "user", "content": text}]
    assert bound(messages) >= len(text.encode(errors="surrogatepass")) + 4
    assert bound(messages * 2) > bound(messages)


def test_a_known_encoding_counts(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """An encoding of a few words stands in for one that would be downloaded; text that looks like a special token is text."""
    import tiktoken

    ranks = {bytes([byte]): byte for byte in range(256)} | {b"hello": 256}
    small = tiktoken.Encoding("small", pat_str=r"\w+|\W", mergeable_ranks=ranks, special_tokens={"<|end|>": 300})
    monkeypatch.setattr(tiktoken, "get_encoding", {"o200k_base": small}.__getitem__)
    tokens._encoding.cache_clear()
    found = tokens.counter("gpt-4o-mini-2024-07-18")
    tokens._encoding.cache_clear()
    assert (found.name, found.exact) == ("o200k_base of tiktoken", True)
    assert found.count([{"role": "user", "content": "hello ab"}]) == 3 + 4 + 1 + 1 + 2
    assert found.count([{"role": "user", "content": "<|end|>"}]) == 3 + 4 + 7
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("model", "why"),
    [("gpt-4o", "o200k_base could not be downloaded (ConnectionError)"), ("my-model", "no tokenizer is known for 'my-model'")],
)
def test_what_cannot_be_counted_is_estimated_and_says_so(
    model: str, why: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import tiktoken

    def offline(name: str) -> Any:
        raise ConnectionError(name)

    monkeypatch.setattr(tiktoken, "get_encoding", offline)
    tokens._encoding.cache_clear()
    found = tokens.counter(model)
    assert (found.name, found.exact) == ("length, 4 bytes to a token", False)
    assert found.count([{"role": "user", "content": "123456789"}]) == 3 + 4 + 3
    said = capsys.readouterr().err
    assert said.startswith("tokens are estimated, 4 bytes to one: ") and why in said


def test_an_unknown_tokenizer_lists_the_choices() -> None:
    with pytest.raises(BadInput, match=r"no such folder, and unknown encoding 'o200_base' \(did you mean 'o200k_base'\?\); choose from:"):
        tokens.counter("my-model", "o200_base")
