"""Prices: the table, and what tokens cost."""

from pathlib import Path

import pytest
from stages.samplers.cost import prices
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
        ("claude-sonnet-4-5-20250929", 3.0),
        ("anthropic/claude-sonnet-4.5", 3.0),
        ("claude-opus-5-5", 4.0),
        ("claude-opus-5", 5.0),
        ("claude-sonnet-4-7", None),
        ("grok-4.7", 2.0),
        ("x-ai/grok-4.7", 2.0),
        ("openai/o4-mini-2025-04-16", 1.1),
        ("openai/gpt-4o-mini", 0.15),
        ("openai/gpt-oss-120b", 0.15),
        ("gpt-oss-120b", None),  # of a server that nobody named
        ("together/gpt-4o-mini", None),  # another host has its own price
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
