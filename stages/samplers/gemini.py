"""Google's Gemini through the package google-generativeai, over REST. The package is at its end upstream:
this file alone imports it.

The way on is the sampler `openai` with base_url https://generativelanguage.googleapis.com/v1beta/openai.
"""

import asyncio
import warnings
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future
from functools import partial
from importlib import import_module
from queue import SimpleQueue
from threading import Thread
from typing import Any, Literal

from pydantic import Field

from stages.samplers import Answer
from stages.samplers.cost.prices import Usage, price_of
from stages.samplers.http.chat import FILTER, LARGEST, Reply
from stages.samplers.http.client import HIDDEN, key_in
from stages.samplers.http.faults import Fault, Place, ending_of, fault, seconds, short
from stages.samplers.memo.store import bare_url
from stages.samplers.requests.buyer import Buyer
from stages.samplers.requests.engine import Asked, Work, answers
from stages.samplers.requests.request_settings import Address, Terms
from stages.shared.rows import Ending, Prompt


class Params(Terms):
    """What is null is not sent, so the service's default holds. `schema` is the JSON schema that answers are
    to follow."""

    sampler: Literal["gemini"]
    model: str = Field(min_length=1)
    base_url: Address = "https://generativelanguage.googleapis.com"
    api_key_env: str = Field(default="GOOGLE_API_KEY", pattern="^[A-Za-z_][A-Za-z0-9_]*$")
    temperature: float | None = Field(default=None, ge=0)
    top_p: float | None = Field(default=None, gt=0, le=1)
    max_tokens: int = Field(ge=1)
    stop: list[str] | None = None
    response_schema: dict[str, Any] | None = None


def asked(prompt: Prompt, params: Params) -> list[Asked]:
    """What is asked for each sample: all that can change the answer."""
    wishes = {
        "temperature": params.temperature,
        "top_p": params.top_p,
        "max_output_tokens": params.max_tokens,
        "stop_sequences": params.stop,
        "response_schema": params.response_schema,
        "response_mime_type": "application/json" if params.response_schema else None,
    }
    config = {name: wish for name, wish in wishes.items() if wish is not None}
    whole = {
        "provider": "gemini",
        "base_url": bare_url(params.base_url),
        "model": params.model,
        "messages": prompt.messages,
        "config": config,
    }
    return [whole | {"sample": sample} for sample in range(params.n)]


def answer(prompts: Iterable[Prompt], params: Params, seed: int) -> Iterator[list[Answer]]:
    """`params.n` answers to each prompt, in order. The project's `seed` is not sent: another experiment
    shares these answers."""
    price = price_of(params.model, params)
    opened = lambda budget, keeper: Buyer(Service(params), params, budget, keeper)  # noqa: E731
    return answers(
        prompts, Work(params, params.model, params.max_tokens, price, partial(asked, params=params), opened)
    )


class Service:
    """The package's client knows REST as a blocking call only (its asynchronous one speaks gRPC), so as many
    threads wait as calls may be in flight. They are daemons: an interrupted run does not stay for their
    answers."""

    def __init__(self, params: Params) -> None:
        self.params, self.key = params, key_in(params.api_key_env)
        self.place = Place(params.base_url, params.model, params.api_key_env)
        self.calls: SimpleQueue[tuple[Future[Reply], Mapping[str, Any]]] = SimpleQueue()

    async def __aenter__(self) -> "Service":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # that the package is at its end
            self.package: Any = import_module("google.generativeai")
        self.package.configure(
            api_key=self.key, transport="rest", client_options={"api_endpoint": self.params.base_url}
        )
        client = import_module("google.generativeai.client").get_default_generative_client()
        _guard(client.transport._session, self.params.concurrency, self.place)
        for _ in range(self.params.concurrency):
            Thread(target=self._serve, name="gemini", daemon=True).start()
        return self

    async def __aexit__(self, *error: object) -> None:
        return None

    async def fetch(self, asked: Mapping[str, Any]) -> Reply:
        """The reply to what is asked."""
        future: Future[Reply] = Future()
        self.calls.put((future, asked))
        try:
            return await asyncio.wait_for(
                asyncio.wrap_future(future), 1.1 * self.params.timeout + 1
            )  # the package's timeout is that of a read
        except TimeoutError:
            raise Fault("timeout", f"no whole answer within {self.params.timeout:g} s") from None

    def _serve(self) -> None:
        while True:
            future, asked = self.calls.get()
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(self._call(asked))
                except BaseException as error:  # goes to whoever waits for it
                    future.set_exception(error)

    def _call(self, asked: Mapping[str, Any]) -> Reply:
        from google.api_core.exceptions import GoogleAPICallError
        from google.protobuf.json_format import ParseError  # type: ignore[import-untyped]

        said = [(turn["role"], turn["content"]) for turn in asked["messages"]]
        system = "\n\n".join(content for role, content in said if role == "system") or None
        turns = [
            {"role": "model" if role == "assistant" else "user", "parts": [content]}
            for role, content in said
            if role != "system"
        ]
        model = self.package.GenerativeModel(
            asked["model"], system_instruction=system, generation_config=dict(asked["config"])
        )
        headers: Any = {}
        try:
            return _reply(
                model.generate_content(turns, request_options={"timeout": self.params.timeout, "retry": None})
            )
        except GoogleAPICallError as error:
            status, told = int(error.code or 500), str(error.message)
            headers = error.response.headers if error.response is not None else {}
        except OSError as error:  # requests' errors are OSErrors
            status, told = 0, str(error)
        except (ParseError, ValueError, TypeError) as error:  # what came is no answer of this service
            status, told = 200, str(error)
        return self._failed(status, short(told.replace(self.key, HIDDEN.decode())), headers)

    def _failed(self, status: int, told: str, headers: Mapping[str, str]) -> Reply:
        if status == 0:
            raise Fault("timeout" if "timed out" in told else "connection", told)
        if status == 200:
            raise Fault("malformed JSON", told)
        if ending := ending_of(status, told):
            return Reply("", ending, "", Usage(0, 0))
        status = 401 if status == 400 and "API key" in told else status  # Google's way to say it
        raise fault(status, told, "", seconds(headers), self.place)


def _guard(session: Any, places: int, place: Place) -> None:
    """No redirects, with which the key would go along; nothing larger than a cap; a connection for each
    place."""
    from requests.adapters import HTTPAdapter

    class Guard(HTTPAdapter):
        def send(self, *request: Any, **how: Any) -> Any:
            from urllib3.exceptions import HTTPError

            response: Any = super().send(*request, **how)
            if response.is_redirect:
                raise fault(response.status_code, "", "", None, place)
            try:
                response._content = response.raw.read(LARGEST + 1, decode_content=True)
            except HTTPError as error:
                raise OSError(f"cut off: {error}") from None
            if len(response._content) > LARGEST:
                raise Fault("too large", f"more than {LARGEST} bytes", retry=False)
            return response

    for scheme in ("http://", "https://"):
        session.mount(scheme, Guard(pool_maxsize=places))


def _reply(response: Any) -> Reply:
    counts = response.usage_metadata
    usage = Usage(counts.prompt_token_count, counts.candidates_token_count, counts.cached_content_token_count)
    if not response.candidates:
        if response.prompt_feedback.block_reason:
            return Reply("", Ending.CONTENT_FILTER, "", usage)
        raise Fault("empty choices")
    candidate = response.candidates[0]
    reason = candidate.finish_reason.name.lower()
    ending = Ending.CONTENT_FILTER if reason in FILTER else Ending.STOP if reason == "stop" else Ending.LENGTH
    return Reply(
        "".join(part.text for part in candidate.content.parts),
        ending,
        response.to_dict().get("model_version", ""),
        usage,
    )
