"""What answers cost: a table of prices by model, and the bounds that a run keeps.

The table is conf/prices.yaml, in USD per million tokens. A model that is not in it has no price: its cost is
None, never 0.
"""

import re
import sys
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pydantic import Field, TypeAdapter, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from stages.shared.errors import BadInput
from stages.shared.params import Strict

BATCH = 0.5  # batch endpoints bill half
MILLION = 1_000_000
MAKERS = {"openai", "anthropic", "google", "deepseek", "x-ai"}
_DATE = re.compile(r"-\d{4}-?\d{2}-?\d{2}$")


class Usage(NamedTuple):
    """Tokens as a provider bills them: `cached` counts those of `prompt` that it had in its cache."""

    prompt: int
    completion: int
    cached: int = 0


class Price(Strict):
    """A price, in USD per million tokens."""

    # Of tokens of a prompt.
    prompt: float = Field(ge=0)
    # Of tokens of an answer.
    completion: float = Field(ge=0)
    # Of tokens of a prompt that the provider had in its cache (null: as much as the rest of the prompt).
    cached: float | None = Field(default=None, ge=0)
    # Where the price was read.
    source: str = ""

    def cost(self, usage: Usage, batch: bool = False) -> float:
        """USD for `usage`."""
        cached = min(usage.cached, usage.prompt)
        uncached_cost = (usage.prompt - cached) * self.prompt + usage.completion * self.completion
        cached_cost = cached * (self.prompt if self.cached is None else self.cached)
        return (uncached_cost + cached_cost) * (BATCH if batch else 1) / MILLION


class Spending(Strict):
    """The part of a paid sampler's params that is about money. Before a bound is exceeded, the run stops,
    with all it bought stored."""

    # The file with the table of prices.
    prices: str = "conf/prices.yaml"
    # The price of this model, in place of that in the table.
    price: Price | None = None
    # What max_usd, max_requests and the rate limits hold for. run: one run of a stage and one sampler.
    # repository: all that the samplers with this scope ever spend in this repository, in any run and at any
    # time, workers of `dvc queue` too; the rate limits hold for all that ask the same server and model.
    scope: Literal["run", "repository"] = "run"
    # The run costs at most so much (null: no bound).
    max_usd: float | None = Field(default=None, gt=0)
    # The run sends at most so many requests (null: no bound). A try after a call that was not billed is no
    # request of its own.
    max_requests: int | None = Field(default=None, ge=1)
    # What `--estimate` counts tokens with: a model folder, or a tiktoken encoding (null: what fits the
    # model).
    tokenizer: str | None = None


def price_of(model: str, spending: Spending) -> Price | None:
    """The price of `model`; None, said once on standard error, where nobody knows it. Raises BadInput then if
    `max_usd` is to be kept."""
    price = spending.price or lookup(model, table(Path(spending.prices)))
    if price is None and spending.max_usd is not None:
        raise BadInput(
            f"max_usd: {model!r} has no price, so no bound could be kept; add it to {spending.prices}, give "
            "`price` ({prompt: 0, completion: 0} for a server of your own), or set max_usd: null"
        )
    if price is None:
        _say_once(
            f"{model!r} has no price in {spending.prices}: its cost is not known; "
            "give `price` or add it there"
        )
    return price


def lookup(model: str, prices: dict[str, Price]) -> Price | None:
    """The price under the key with most letters that fits `model`, the date at the end of its name left
    out."""
    names = {model, _DATE.sub("", model)}
    maker, _, name = model.partition("/")
    if name and maker in MAKERS:  # OpenRouter's names; it bills what the maker bills
        names |= {name, _DATE.sub("", name)}
    fitting = [key for key in prices if any(fnmatchcase(name, key) for name in names)]
    return prices[max(fitting, key=lambda key: (len(key.replace("*", "")), key))] if fitting else None


@cache
def table(path: Path) -> dict[str, Price]:
    """The table of prices in a YAML file; raises BadInput on what is none."""
    try:
        content: Any = YAML(typ="safe").load(path)
        return TypeAdapter(dict[str, Price]).validate_python(content["models"])
    except FileNotFoundError:
        raise BadInput(f"{path}: no such table of prices") from None
    except YAMLError as error:
        raise BadInput(f"{path}: not YAML: {' '.join(str(error).split())}") from None
    except (KeyError, TypeError):
        raise BadInput(f"{path}: expected a mapping with the key models") from None
    except ValidationError as error:
        fault = error.errors()[0]
        raise BadInput(
            f"{path}: models.{'.'.join(map(str, fault['loc']))}: {fault['msg']}, got {fault['input']!r}"
        ) from None


@cache
def _say_once(text: str) -> None:
    print(text, file=sys.stderr)
