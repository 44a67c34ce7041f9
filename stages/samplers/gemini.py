"""Google's Gemini through the package google-generativeai, over REST. The package is at its end upstream:
this file alone imports it.

The way on is the sampler `openai` with base_url https://generativelanguage.googleapis.com/v1beta/openai.
"""

import asyncio
import json
import warnings
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future
from functools import partial
from importlib import import_module
from queue import SimpleQueue
from threading import Thread, local
from typing import Any, Literal

from pydantic import Field

from stages.samplers import Answer
from stages.samplers.asking.repeats import memo_numbers, samples_of
from stages.samplers.cost.budget import Budget
from stages.samplers.cost.prices import Usage, price_of
from stages.samplers.http.completions import FILTER, Completion
from stages.samplers.http.faults import Fault, Target, ending_of, fault_of, one_line, retry_after
from stages.samplers.http.guarded_session import Limit, guard
from stages.samplers.http.keys import Keys, Variable
from stages.samplers.memo.store import bare_url
from stages.samplers.requests.buyer import LiveBuyer
from stages.samplers.requests.engine import Asked, Buyer, Order, answers
from stages.samplers.requests.request_settings import PlainAddress, RequestSettings
from stages.samplers.requests.write_buffer import WriteBuffer
from stages.shared.rows import Ending, Prompt


class Params(RequestSettings):
    """A setting that is null is not sent, so the service's default holds."""

    sampler: Literal["gemini"]
    # The model, by Google's name.
    model: str = Field(min_length=1)
    # The address of the service.
    base_url: PlainAddress = "https://generativelanguage.googleapis.com"
    # The environment variable that holds the key.
    api_key_env: Variable = "GOOGLE_API_KEY"
    # What the service is called in the memo: two addresses with one identity count as the same (null:
    # base_url).
    identity: str | None = Field(default=None, min_length=1)
    # How freely tokens are drawn; 0: the likeliest each time.
    temperature: float | None = Field(default=None, ge=0)
    # Tokens are drawn from the likeliest ones, whose probabilities sum to this.
    top_p: float | None = Field(default=None, gt=0, le=1)
    # An answer has at most so many tokens.
    max_tokens: int = Field(ge=1)
    # Texts at which an answer ends.
    stop: list[str] | None = None
    # The JSON schema that answers are to follow.
    response_schema: dict[str, Any] | None = None
    # Whether answers come in parts. `timeout` then does not hold, so that a long answer may take its time.
    stream: bool = False
    # Seconds until the first part of such an answer, and between two of them.
    token_timeout: float = Field(default=120.0, gt=0)


def asked(prompt: Prompt, params: Params) -> list[Asked]:
    """What is asked for each answer that `prompt` wants: all that can change the answer."""
    settings = {
        "temperature": params.temperature,
        "top_p": params.top_p,
        "max_output_tokens": params.max_tokens,
        "stop_sequences": params.stop,
        "response_schema": params.response_schema,
        "response_mime_type": "application/json" if params.response_schema else None,
    }
    request = {
        "provider": "gemini",
        "base_url": params.identity or bare_url(params.base_url),
        "model": params.model,
        "messages": prompt.messages,
        "config": {name: value for name, value in settings.items() if value is not None},
    }
    return [request | memo_numbers(sample, attempt) for sample, attempt in samples_of(prompt, params.n)]


def answer(prompts: Iterable[Prompt], params: Params, seed: int) -> Iterator[list[Answer]]:
    """`params.n` answers to each prompt, in order. The project's `seed` is not sent: another experiment
    shares these answers."""
    price = price_of(params.model, params)

    def open_buyer(budget: Budget, buffer: WriteBuffer) -> Buyer:
        return LiveBuyer(GeminiProvider(params), params, budget, buffer)

    order = Order(params, params.model, params.max_tokens, price, partial(asked, params=params), open_buyer)
    return answers(prompts, order)


class GeminiProvider:
    """The service. The package's client knows REST as a blocking call only (its asynchronous one speaks
    gRPC), so as many threads wait as calls may be in flight. The threads are daemons: an interrupted run
    does not wait for their answers."""

    def __init__(self, params: Params) -> None:
        self.params, self.keys = params, Keys(params.api_key_env)
        self.target = Target(params.base_url, params.model, params.api_key_env)
        self.calls: SimpleQueue[tuple[Future[Completion], Mapping[str, Any]]] = SimpleQueue()
        self.thoughts = local()  # of this thread's call: what `_cut_thoughts` took out of its response

    async def __aenter__(self) -> "GeminiProvider":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # that the package is at its end
            self.package: Any = import_module("google.generativeai")
        self.package.configure(
            api_key=self.keys.bearer, transport="rest", client_options={"api_endpoint": self.params.base_url}
        )
        client = import_module("google.generativeai.client").get_default_generative_client()
        guard(
            client.transport._session,
            self.params.concurrency,
            self.target,
            self._without_thoughts,
            Limit(self.params.token_timeout, asyncio.get_running_loop().time) if self.params.stream else None,
        )
        for _ in range(self.params.concurrency):
            Thread(target=self._serve, name="gemini", daemon=True).start()
        return self

    async def __aexit__(self, *error: object) -> None:
        return None

    async def fetch(self, asked: Mapping[str, Any]) -> Completion:
        """The completion of what is asked."""
        future: Future[Completion] = Future()
        self.calls.put((future, asked))
        # the package's timeout is that of a read
        longest = None if self.params.stream else 1.1 * self.params.timeout + 1
        try:
            return await asyncio.wait_for(asyncio.wrap_future(future), longest)
        except TimeoutError:
            message = f"no whole answer within {self.params.timeout:g} s"
            raise Fault("timeout", message, billed=True) from None

    def _serve(self) -> None:
        while True:
            future, asked = self.calls.get()
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(self._call(asked))
                except BaseException as error:  # goes to whoever waits for it
                    future.set_exception(error)

    def _without_thoughts(self, content: bytes) -> bytes:
        content, self.thoughts.text = _cut_thoughts(content)
        return content

    def _call(self, asked: Mapping[str, Any]) -> Completion:
        from google.api_core.exceptions import GoogleAPICallError
        from google.protobuf.json_format import ParseError  # type: ignore[import-untyped]

        system, turns = _turns(asked["messages"])
        model = self.package.GenerativeModel(
            asked["model"], system_instruction=system, generation_config=dict(asked["config"])
        )
        options = {"timeout": self.params.timeout, "retry": None}
        headers: Any = {}
        try:
            response = model.generate_content(turns, request_options=options)
            thoughtful = _completion(response)._replace(reasoning=self.thoughts.text)
            return thoughtful.without_thought(asked)
        except GoogleAPICallError as error:
            status, message = int(error.code or 500), str(error.message)
            headers = error.response.headers if error.response is not None else {}
        except OSError as error:  # requests' errors are OSErrors
            status, message = 0, str(error)
        except (ParseError, ValueError, TypeError) as error:  # what came is no answer of this service
            status, message = 200, str(error)
        return self._failed(status, one_line(self.keys.hide(message)), headers)

    def _failed(self, status: int, message: str, headers: Mapping[str, str]) -> Completion:
        if status == 0:
            refused = "Connection refused" in message or "NameResolutionError" in message
            kind = "timeout" if "timed out" in message else "connection"
            raise Fault(kind, message, billed=not refused, unreachable=refused)
        if status == 200:
            raise Fault("malformed JSON", message, billed=True, raw=message.encode())
        if ending := ending_of(status, message):
            return Completion("", ending, "", Usage(0, 0))
        status = 401 if status == 400 and "API key" in message else status  # Google's way to say it
        raise fault_of(status, message, "", retry_after(headers), self.target)


def _turns(messages: list[dict[str, str]]) -> tuple[str | None, list[dict[str, Any]]]:
    """The system instruction (None: there is none) and the turns of the chat, as the package wants them."""
    system = "\n\n".join(turn["content"] for turn in messages if turn["role"] == "system") or None
    turns = [
        {"role": "model" if turn["role"] == "assistant" else "user", "parts": [turn["content"]]}
        for turn in messages
        if turn["role"] != "system"
    ]
    return system, turns


def _cut_thoughts(content: bytes) -> tuple[bytes, str | None]:
    """A response without its thought parts, and their text (None: there are none). The package is older than
    the mark `thought: true`: it would take them for the answer."""
    if b'"thought"' not in content:
        return content, None
    try:
        body = json.loads(content)
        parts = body["candidates"][0]["content"]["parts"]
        thoughts = [part for part in parts if part.get("thought") is True]
        parts[:] = [part for part in parts if part.get("thought") is not True]
        text = "".join(part.get("text", "") for part in thoughts)
    except (ValueError, RecursionError, LookupError, TypeError, AttributeError):
        return content, None  # no answer of this service: the package says what is wrong with it
    return json.dumps(body).encode(), text or None


def _completion(response: Any) -> Completion:
    counts = response.usage_metadata
    # the package is older than the count of thoughts, which the total holds
    total = counts.total_token_count - counts.prompt_token_count
    completion = max(counts.candidates_token_count, total)
    usage = Usage(counts.prompt_token_count, completion, counts.cached_content_token_count)
    if not response.candidates:
        if response.prompt_feedback.block_reason:
            return Completion("", Ending.CONTENT_FILTER, "", usage)
        raise Fault("empty choices", billed=True, usage=usage)
    candidate = response.candidates[0]
    reason = candidate.finish_reason.name.lower()
    ending = Ending.CONTENT_FILTER if reason in FILTER else Ending.STOP if reason == "stop" else Ending.LENGTH
    text = "".join(part.text for part in candidate.content.parts)
    return Completion(text, ending, response.to_dict().get("model_version", ""), usage)
