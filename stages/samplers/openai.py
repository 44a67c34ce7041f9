"""Any server that speaks OpenAI's chat completions: OpenAI, DeepSeek, Gemini's compatible endpoint, Together,
vLLM, SGLang, your student.

What was ever answered comes from the memo. The key is read from the environment, when something has to be
bought.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal

from pydantic import Field, field_validator

from stages.samplers import Answer
from stages.samplers.cost.budget import Budget
from stages.samplers.cost.prices import price_of
from stages.samplers.http.chat import LARGEST, OURS, Reply, body_of, read, sent
from stages.samplers.http.client import Wire, key_in
from stages.samplers.http.endpoint import Endpoint
from stages.samplers.http.faults import Place
from stages.samplers.memo.store import bare_url
from stages.samplers.requests.buyer import Buyer
from stages.samplers.requests.engine import Asked, Open, Work, answers
from stages.samplers.requests.jobs import Jobs
from stages.samplers.requests.request_settings import Address, Terms
from stages.samplers.requests.write_buffer import Keeper
from stages.shared.rows import Prompt

TAKEN = OURS | {
    "model",
    "messages",
    "n",
    "stream",
    "temperature",
    "top_p",
    "max_tokens",
    "max_completion_tokens",
    "stop",
    "seed",
}


class Params(Terms):
    """`base_url` up to and including `/v1`; `api_key_env` names the environment variable that holds the key
    (null: the server wants none).

    What is null is not sent, so the server's default holds. `seed` goes up by one with each sample. `extra`
    is put into each request as it is (`reasoning_effort`, `top_k`, `chat_template_kwargs`, ...). `mode`
    batch: half the price, within a day; it is looked at every `poll` seconds.
    """

    sampler: Literal["openai"]
    model: str = Field(min_length=1)
    base_url: Address = "https://api.openai.com/v1"
    api_key_env: str | None = Field(default="OPENAI_API_KEY", pattern="^[A-Za-z_][A-Za-z0-9_]*$")
    temperature: float | None = Field(default=None, ge=0)
    top_p: float | None = Field(default=None, gt=0, le=1)
    max_tokens: int = Field(ge=1)
    stop: list[str] | None = None
    seed: int | None = None
    response_format: dict[str, Any] | None = None
    extra: dict[str, Any] | None = None
    mode: Literal["live", "batch"] = "live"
    poll: float = Field(default=30.0, gt=0)

    @field_validator("extra")
    @classmethod
    def _is_extra(cls, value: dict[str, Any] | None) -> dict[str, Any] | None:
        if taken := sorted(set(value or {}) & TAKEN):
            raise ValueError(
                f"{', '.join(taken)} cannot stand in extra: a param of its own, or none that an answer could be read with"
            )
        return value


def asked(prompt: Prompt, params: Params) -> list[Asked]:
    """What is asked for each sample: all that can change the answer."""
    place = {"provider": "openai", "base_url": bare_url(params.base_url)}
    return [
        place | {"sample": sample} | body_of(params, prompt.messages, sample) for sample in range(params.n)
    ]


def answer(prompts: Iterable[Prompt], params: Params, seed: int) -> Iterator[list[Answer]]:
    """`params.n` answers to each prompt, in order. The project's `seed` is not sent: another experiment
    shares these answers."""
    price = price_of(params.model, params)
    batch = params.mode == "batch"
    place = Place(params.base_url, params.model, params.api_key_env)

    def open_(budget: Budget, keeper: Keeper) -> Open:
        if not batch:
            return Buyer(Service(params, place), params, budget, keeper)
        return Jobs(
            lambda: Endpoint(place, params.timeout, params.retries),
            place,
            params,
            budget,
            keeper,
            params.poll,
        )

    return answers(
        prompts,
        Work(
            params, params.model, params.max_tokens, price, lambda prompt: asked(prompt, params), open_, batch
        ),
    )


class Service:
    """One server; raises BadInput where its key is not in the environment."""

    def __init__(self, params: Params, place: Place) -> None:
        self.place = place
        self.wire = Wire(
            f"{params.base_url}/chat/completions", key_in(params.api_key_env), params.timeout, LARGEST
        )

    async def __aenter__(self) -> "Service":
        await self.wire.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.wire.__aexit__(*error)

    async def fetch(self, asked: Mapping[str, Any]) -> Reply:
        """The reply to what is asked."""
        status, headers, body = await self.wire.post(json.dumps(sent(asked)).encode())
        return read(status, headers, body, self.place)
