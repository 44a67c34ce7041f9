"""OpenAI's chat completions as bytes: how an answer is asked for, and what a response says, whatever server
wrote it.

https://platform.openai.com/docs/api-reference/chat/object
"""

import json
from collections.abc import Mapping
from math import isfinite
from typing import Any, NamedTuple

import msgspec

from stages.samplers.cost.prices import Usage
from stages.samplers.http.faults import (
    Fault,
    Target,
    ending_of,
    error_message,
    fault_of,
    one_line,
    retry_after,
)
from stages.samplers.memo.sampled_answers import Answer
from stages.shared.rows import Ending, TokenProbs

MEMO_FIELDS = {"provider", "base_url", "sample", "try"}  # of what is asked: for the memo's key alone
LARGEST = 16 << 20  # bytes of a response; a longer one is a fault, not an answer
# How servers say that an answer is complete; the last ones: Together, TGI, gateways to Anthropic.
STOP = {"stop", "eos", "eos_token", "stop_sequence", "end_turn"}
LENGTH = {"length", "max_tokens", "model_length"}
FILTER = {"content_filter", "safety", "recitation", "blocklist", "prohibited_content", "spii"}
SEEDS_OF_TRY = 1_000_000  # a try's seeds are so far from those of the try before it


class Completion(NamedTuple):
    """What one call to a service brought: an answer that has no price yet. `usage` is None where the service
    does not say; `model` is how it names itself ("": it does not say)."""

    text: str
    ending: Ending
    model: str
    usage: Usage | None
    reasoning: str | None = None
    probs: list[TokenProbs] | None = None

    def answer(self, model: str, cost_usd: float | None) -> Answer:
        """The same as an Answer. `model` is the name of who was asked, for a service that does not say its
        own."""
        usage = self.usage or Usage(0, 0)
        return Answer(
            self.text,
            self.ending,
            usage.completion,
            self.model or model,
            usage.prompt,
            cost_usd,
            self.reasoning,
            self.probs,
        )


class _Message(msgspec.Struct):
    content: str | None = None
    refusal: str | None = None
    reasoning_content: Any = None  # DeepSeek, vLLM, SGLang
    reasoning: Any = None  # OpenRouter, newer vLLM; some servers send an object


class _Choice(msgspec.Struct):
    message: _Message
    finish_reason: str | None = None
    logprobs: Any = None  # its shape differs by server


class _CachedTokens(msgspec.Struct):
    cached_tokens: int | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: int = 0
    completion_tokens: int = 0
    prompt_tokens_details: _CachedTokens | None = None
    prompt_cache_hit_tokens: int | None = None  # DeepSeek's name


class _Body(msgspec.Struct):
    choices: list[_Choice]
    model: str | None = None
    usage: _Usage | None = None


class _TokenLogprob(msgspec.Struct):
    token: str
    logprob: float
    top_logprobs: list["_TokenLogprob"] = []


_body_decoder = msgspec.json.Decoder(_Body)


def parse_completion(body: bytes) -> Completion:
    """The completion in the body of a 200; raises Fault where it is none."""
    parsed = _decode(body)
    if not parsed.choices:
        raise Fault("empty choices")
    choice = parsed.choices[0]
    message = choice.message
    ending = _ending(choice)
    text = message.content or ""
    if ending is Ending.REFUSAL:
        text = text or message.refusal or ""
    thoughts = [thought for thought in (message.reasoning_content, message.reasoning) if thought]
    reasoning = next((thought for thought in thoughts if isinstance(thought, str)), None)
    return Completion(
        text, ending, parsed.model or "", _usage(parsed.usage), reasoning, _probs(choice.logprobs)
    )


def _decode(body: bytes) -> _Body:
    try:
        try:
            return _body_decoder.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            # JSON may hold a lone surrogate, or a number that is too large in a field that is not needed;
            # msgspec refuses both, the standard library neither
            return msgspec.convert(json.loads(body), _Body)
    except msgspec.ValidationError as error:
        message = error_message(body)[0]  # some gateways put an error into a 200
        raise Fault("wrong schema", message or one_line(str(error))) from None
    except (ValueError, RecursionError):
        raise Fault("malformed JSON", one_line(body[:200].decode(errors="replace"))) from None


def _ending(choice: _Choice) -> Ending:
    """An unknown finish reason (a tool call, or none) is nothing that ended well: it counts as cut off."""
    reason = (choice.finish_reason or "").lower()
    if reason in FILTER:
        return Ending.CONTENT_FILTER
    if choice.message.refusal or reason == "refusal":
        return Ending.REFUSAL
    if reason == "insufficient_system_resource":  # DeepSeek: interrupted, and to be asked again
        raise Fault("overloaded", reason, refused=True)
    return Ending.STOP if reason in STOP else Ending.LENGTH


def _usage(counts: _Usage | None) -> Usage | None:
    if counts is None:
        return None
    details = counts.prompt_tokens_details
    cached = (details and details.cached_tokens) or counts.prompt_cache_hit_tokens or 0
    tokens = (counts.prompt_tokens, counts.completion_tokens, cached)
    return Usage(*(min(max(0, count), 1 << 40) for count in tokens))  # SQLite holds no larger ones


def _probs(logprobs: Any) -> list[TokenProbs] | None:
    """`logprobs` in OpenAI's shape as the probabilities of a Response; None for any other shape."""
    if not isinstance(logprobs, dict) or not logprobs.get("content"):
        return None
    try:
        places = msgspec.convert(logprobs["content"], list[_TokenLogprob])
    except (msgspec.ValidationError, RecursionError):
        return None
    probs: list[TokenProbs] = [
        {
            "token": place.token,
            "logprob": place.logprob,
            "top": [{"token": token.token, "logprob": token.logprob} for token in place.top_logprobs],
        }
        for place in places
    ]
    values = [token["logprob"] for place in probs for token in (place, *place["top"])]
    return probs if all(isfinite(value) for value in values) else None  # JSON holds no others


def read_response(status: int, headers: Mapping[str, str], body: bytes, target: Target) -> Completion:
    """What a response says. An error that is about its prompt alone gives an empty text, with its ending.
    Raises Fault or BadInput for any other error."""
    if status == 200:
        return parse_completion(body)
    message, code = error_message(body)
    ending = ending_of(status, message, code)
    if ending is None:
        raise fault_of(status, message, code, retry_after(headers), target)
    return Completion("", ending, "", Usage(0, 0))


def request_body(asked: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON that goes to the server, of all that is asked."""
    return {name: value for name, value in asked.items() if name not in MEMO_FIELDS}


def chat_request(params: Any, messages: list[Any], sample: int, attempt: int = 0) -> dict[str, Any]:
    """The JSON that asks for sample number `sample` in try number `attempt`, both counted from 0. Params that
    are None are left out, so the server's own defaults hold."""
    # OpenAI's newer models refuse the name that all other servers know.
    is_openai = params.base_url.startswith("https://api.openai.com/")
    seed = None if params.seed is None else params.seed + sample + SEEDS_OF_TRY * attempt
    settings = {
        "temperature": params.temperature,
        "top_p": params.top_p,
        "max_completion_tokens" if is_openai else "max_tokens": params.max_tokens,
        "stop": params.stop,
        "seed": seed,
        "response_format": params.response_format,
    }
    given = {name: value for name, value in settings.items() if value is not None}
    return {"model": params.model, "messages": messages} | given | (params.extra or {})
