"""Any server that speaks OpenAI's chat completions: OpenAI, DeepSeek, Gemini's compatible endpoint, Together,
vLLM, SGLang, your student.

What was ever answered comes from the memo. The key is read from the environment, when something has to be
bought.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import Any, Literal
from urllib.parse import urlsplit, urlunsplit

from pydantic import Field, field_validator, model_validator

from stages.samplers import Answer
from stages.samplers.asking.repeats import memo_numbers, samples_of
from stages.samplers.cost.budget import Budget
from stages.samplers.cost.prices import Spending, price_of
from stages.samplers.http.chat import LARGEST, MEMO_FIELDS, chat_request, read_response, request_body
from stages.samplers.http.client import HttpClient
from stages.samplers.http.completions import Completion
from stages.samplers.http.endpoint import BatchEndpoint
from stages.samplers.http.faults import Target
from stages.samplers.http.job_store import JobStore, has_jobs
from stages.samplers.http.keys import Keys, Variable
from stages.samplers.http.served_folder import PLACE, of_folder
from stages.samplers.memo.store import bare_url
from stages.samplers.requests.buyer import LiveBuyer
from stages.samplers.requests.collecting import CollectingBuyer, HandOver
from stages.samplers.requests.engine import Asked, Buyer, Order, answers
from stages.samplers.requests.jobs import BatchBuyer
from stages.samplers.requests.request_settings import Address, RequestSettings
from stages.samplers.requests.write_buffer import WriteBuffer
from stages.shared.rows import Prompt

# Fields of a request that have params of their own, or with which an answer could not be read.
RESERVED = MEMO_FIELDS | {
    "model",
    "messages",
    "n",
    "stream",
    "stream_options",
    "temperature",
    "top_p",
    "max_tokens",
    "max_completion_tokens",
    "stop",
    "seed",
}


class Params(RequestSettings):
    """A setting that is null is not sent, so the server's default holds."""

    sampler: Literal["openai"]
    # The model, by the name that the server has for it.
    model: str = Field(min_length=1)
    # The address of the server, up to and including `/v1`; it may have a query (`?api-version=...`).
    base_url: Address = "https://api.openai.com/v1"
    # The environment variable that holds the key (null: the server wants none).
    api_key_env: Variable | None = "OPENAI_API_KEY"
    # Headers whose values are keys, by name, each with the environment variable that holds it
    # (`{api-key: AZURE_OPENAI_API_KEY}`; with api_key_env null no `Authorization: Bearer` is sent).
    headers_env: dict[str, Variable] | None = None
    # What the server is called in the memo: two addresses with one identity count as the same, so that
    # answers outlive a changed host or port (null: base_url).
    identity: str | None = Field(default=None, min_length=1)
    # The folder of the model that the server serves, where it is a model of this project
    # (models/students/<system>/<student>): in the memo the hash of its files stands for the server, so that a
    # model trained anew is asked anew. `{hash}` in `model` is the start of that hash: a server that was
    # started under such a name refuses to answer for any other state of the folder, where it looks at names:
    # vLLM does, SGLang answers for any (null: no such model).
    serves: str | None = Field(default=None, min_length=1)
    # How freely tokens are drawn; 0: the likeliest each time.
    temperature: float | None = Field(default=None, ge=0)
    # Tokens are drawn from the likeliest ones, whose probabilities sum to this.
    top_p: float | None = Field(default=None, gt=0, le=1)
    # An answer has at most so many tokens.
    max_tokens: int = Field(ge=1)
    # The name by which the server knows that limit (null: max_completion_tokens at OpenAI and Azure,
    # max_tokens elsewhere).
    limit_name: Literal["max_tokens", "max_completion_tokens"] | None = None
    # Texts at which an answer ends.
    stop: list[str] | None = None
    # The server's seed for sample 0; one more for each further sample.
    seed: int | None = None
    # A format that answers are to have: https://platform.openai.com/docs/guides/structured-outputs
    response_format: dict[str, Any] | None = None
    # Put into each request as it is (`reasoning_effort`, `top_k`, `chat_template_kwargs`, `logprobs`, ...).
    extra: dict[str, Any] | None = None
    # Whether answers come in parts. `timeout` then does not hold, so that a long answer may take its time.
    stream: bool = False
    # Seconds until the first part of such an answer, and between two of them.
    token_timeout: float = Field(default=120.0, gt=0)
    # live: one request at a time for each answer; batch: half the price, within a day.
    mode: Literal["live", "batch"] = "live"
    # Seconds between two looks at a batch.
    poll: float = Field(default=30.0, gt=0)

    @model_validator(mode="after")
    def _is_named_once(self) -> "Params":
        if self.serves and self.identity:
            raise ValueError("identity: with serves the hash of the folder is the identity; leave it null")
        if PLACE in self.model and not self.serves:
            raise ValueError(f"model: {PLACE} is the hash of the folder that serves names; it is null")
        return self

    @field_validator("extra")
    @classmethod
    def _is_extra(cls, value: dict[str, Any] | None) -> dict[str, Any] | None:
        if reserved := sorted(set(value or {}) & RESERVED):
            raise ValueError(
                f"{', '.join(reserved)} cannot stand in extra: a param of its own, "
                "or none that an answer could be read with"
            )
        return value


def asked(prompt: Prompt, params: Params) -> list[Asked]:
    """What is asked for each answer that `prompt` wants: all that can change the answer."""
    params = of_folder(params)
    server = {"provider": "openai", "base_url": params.identity or bare_url(params.base_url)}
    return [
        server | memo_numbers(sample, attempt) | chat_request(params, prompt.messages, sample, attempt)
        for sample, attempt in samples_of(prompt, params.n)
    ]


def answer(prompts: Iterable[Prompt], params: Params, seed: int) -> Iterator[list[Answer]]:
    """`params.n` answers to each prompt, in order. The project's `seed` is not sent: another experiment
    shares these answers."""
    params = of_folder(params)
    order = Order(
        params,
        params.model,
        params.max_tokens,
        price_of(params.model, params),
        partial(asked, params=params),
        partial(_open_buyer, params),
        params.mode == "batch",
    )
    return answers(prompts, order)


def _open_buyer(params: Params, budget: Budget, buffer: WriteBuffer) -> Buyer:
    target = Target(params.base_url, params.model, params.api_key_env)
    endpoint = partial(BatchEndpoint, target, params.timeout, params.retries, params.headers_env)

    def open_live() -> LiveBuyer:
        return LiveBuyer(OpenAIProvider(params, target), params, budget, buffer)

    def open_batches(spending: Budget, hand_over: HandOver | None = None) -> BatchBuyer:
        return BatchBuyer(endpoint, target, params, spending, buffer, params.poll, hand_over)

    if params.mode == "batch":
        return open_batches(budget)
    if not has_jobs(buffer.memo.path, target.url):
        return open_live()
    jobs = JobStore(buffer.memo.path, target.url)
    # without bounds: what is collected was paid for by another run, and nothing is submitted
    collected = Budget(Spending(), budget.price, batch=True)
    return CollectingBuyer(jobs, open_live(), partial(open_batches, collected))


class OpenAIProvider:
    """One server. Raises BadInput where its key is not in the environment."""

    def __init__(self, params: Params, target: Target) -> None:
        self.target, self.stream = target, params.stream
        keys = Keys(params.api_key_env, params.headers_env)
        url = completions_url(params.base_url)
        self.client = HttpClient(url, keys, params.timeout, LARGEST, params.token_timeout)

    async def __aenter__(self) -> "OpenAIProvider":
        await self.client.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.client.__aexit__(*error)

    async def fetch(self, asked: Mapping[str, Any]) -> Completion:
        """The completion of what is asked."""
        content = json.dumps(request_body(asked, self.stream)).encode()
        status, headers, body = await self.client.post(content, self.stream)
        return read_response(status, headers, body, self.target, asked)


def completions_url(base_url: str) -> str:
    """The address that chat completions are asked for at."""
    parts = urlsplit(base_url)
    return urlunsplit(parts._replace(path=f"{parts.path.rstrip('/')}/chat/completions"))
