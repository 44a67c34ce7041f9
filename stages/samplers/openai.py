"""Any server that speaks OpenAI's chat completions: OpenAI, DeepSeek, Gemini's compatible endpoint, Together, vLLM, SGLang, your student.

What was ever answered comes from the memo. The key is read from the environment, when something has to be bought.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from stages.samplers import Answer
from stages.samplers.chat import LARGEST, Reply, body_of, parse, refused
from stages.samplers.engine import Asked, Work, answers
from stages.samplers.faults import Place, fault, seconds
from stages.samplers.memo import bare_url
from stages.samplers.prices import price_of
from stages.samplers.terms import Terms
from stages.samplers.wire import Wire, key_in
from stages.shared.errors import BadInput
from stages.shared.rows import Prompt

OURS = {"provider", "base_url", "sample"}  # of what is asked: not sent
TAKEN = OURS | {"model", "messages", "n", "stream", "temperature", "top_p", "max_tokens", "max_completion_tokens", "stop", "seed"}


class Params(Terms):
    """`base_url` up to and including `/v1`; `api_key_env` names the environment variable that holds the key (null: the server wants none).

    What is null is not sent, so the server's default holds. `seed` goes up by one with each sample. `extra` is put into each request as it
    is (`reasoning_effort`, `top_k`, `chat_template_kwargs`, ...). `mode` batch: half the price, within a day.
    """

    sampler: Literal["openai"]
    model: str = Field(min_length=1)
    base_url: str = "https://api.openai.com/v1"
    api_key_env: str | None = Field(default="OPENAI_API_KEY", pattern="^[A-Za-z_][A-Za-z0-9_]*$")
    temperature: float | None = Field(default=None, ge=0)
    top_p: float | None = Field(default=None, gt=0, le=1)
    max_tokens: int = Field(ge=1)
    stop: list[str] | None = None
    seed: int | None = None
    response_format: dict[str, Any] | None = None
    extra: dict[str, Any] | None = None
    mode: Literal["live", "batch"] = "live"

    @field_validator("base_url")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        try:
            parts = urlsplit(value)
            told = None if parts.scheme in ("http", "https") and parts.hostname else "expected http(s)://host/..."
            if parts.username or parts.password or parts.query or parts.fragment:
                told = "an address only, without user, password or query; a key belongs in the environment, its variable in api_key_env"
        except ValueError as error:
            told = str(error)
        if told:  # not a ValueError, which would be told with the value: there may be a password in it
            raise BadInput(f"params: base_url of sampler openai: {told}")
        return value.rstrip("/")

    @field_validator("extra")
    @classmethod
    def _is_extra(cls, value: dict[str, Any] | None) -> dict[str, Any] | None:
        if taken := sorted(set(value or {}) & TAKEN):
            raise ValueError(f"{', '.join(taken)} cannot stand in extra: a param of its own, or none that an answer could be read with")
        return value


def asked(prompt: Prompt, params: Params) -> list[Asked]:
    """What is asked for each sample: all that can change the answer."""
    place = {"provider": "openai", "base_url": bare_url(params.base_url)}
    return [place | {"sample": sample} | body_of(params, prompt.messages, sample) for sample in range(params.n)]


def answer(prompts: Iterable[Prompt], params: Params, seed: int) -> Iterator[list[Answer]]:
    """`params.n` answers to each prompt, in order. The project's `seed` is not sent: another experiment shares these answers."""
    price = price_of(params.model, params)
    work = Work(params, params.model, params.max_tokens, price, lambda prompt: asked(prompt, params), lambda: Service(params))
    return answers(prompts, work)


class Service:
    """One server; raises BadInput where its key is not in the environment."""

    def __init__(self, params: Params) -> None:
        url = f"{params.base_url}/chat/completions"
        self.place = Place(params.base_url, params.model, params.api_key_env)
        self.wire = Wire(url, key_in(params.api_key_env), params.timeout, LARGEST)

    async def __aenter__(self) -> "Service":
        await self.wire.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.wire.__aexit__(*error)

    async def fetch(self, asked: Mapping[str, Any]) -> Reply:
        """The reply to what is asked."""
        content = json.dumps({name: value for name, value in asked.items() if name not in OURS}).encode()
        status, headers, body = await self.wire.post(content)
        return read(status, headers, body, self.place)


def read(status: int, headers: Mapping[str, str], body: bytes, place: Place) -> Reply:
    """What a response says; raises Fault or BadInput where that is no answer."""
    if status == 200:
        return parse(body)
    reply, told, code = refused(status, body)
    if reply is None:
        raise fault(status, told, code, seconds(headers), place)
    return reply
