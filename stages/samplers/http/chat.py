"""OpenAI's chat completions as bytes: what an answer says, whatever server wrote it.

https://platform.openai.com/docs/api-reference/chat/object
"""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from stages.samplers.cost.prices import Usage
from stages.samplers.http.faults import Fault, Place, ending_of, explained, fault, seconds, short
from stages.shared.rows import Ending

OURS = {"provider", "base_url", "sample"}  # of what is asked: told to the memo, not to the server
LARGEST = 16 << 20  # bytes of a response; a longer one is a fault, not an answer
STOP = {
    "stop",
    "eos",
    "eos_token",
    "stop_sequence",
    "end_turn",
}  # the last ones: Together, TGI, gateways to Anthropic
LENGTH = {"length", "max_tokens", "model_length"}
FILTER = {"content_filter", "safety", "recitation", "blocklist", "prohibited_content", "spii"}


class Reply(NamedTuple):
    """What a service answered. `usage` is None where it does not say; `model` is how it calls itself."""

    text: str
    ending: Ending
    model: str
    usage: Usage | None


class _Message(msgspec.Struct):
    content: str | None = None
    refusal: str | None = None


class _Choice(msgspec.Struct):
    message: _Message
    finish_reason: str | None = None


class _Cached(msgspec.Struct):
    cached_tokens: int | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: int = 0
    completion_tokens: int = 0
    prompt_tokens_details: _Cached | None = None
    prompt_cache_hit_tokens: int | None = None  # DeepSeek's name


class _Completion(msgspec.Struct):
    choices: list[_Choice]
    model: str | None = None
    usage: _Usage | None = None


_decoder = msgspec.json.Decoder(_Completion)


def parse(body: bytes) -> Reply:
    """The reply in the body of a 200; raises Fault where it is no completion."""
    found = _decode(body)
    if not found.choices:
        raise Fault("empty choices")
    choice = found.choices[0]
    ending = _ending(choice)
    text = choice.message.content or ""
    if ending is Ending.REFUSAL:
        text = text or choice.message.refusal or ""
    return Reply(text, ending, found.model or "", _usage(found.usage))


def _decode(body: bytes) -> _Completion:
    try:
        try:
            return _decoder.decode(body)
        except msgspec.ValidationError:
            raise
        except (
            msgspec.DecodeError,
            UnicodeDecodeError,
        ):  # a lone surrogate is legal in JSON's escapes; msgspec refuses it, json does not
            return msgspec.convert(json.loads(body), _Completion)
    except msgspec.ValidationError as error:
        told = explained(body)[0]  # some gateways put an error into a 200
        raise Fault("wrong schema", told or short(str(error))) from None
    except (ValueError, RecursionError):
        raise Fault("malformed JSON", short(body[:200].decode(errors="replace"))) from None


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


def _usage(found: _Usage | None) -> Usage | None:
    if found is None:
        return None
    details = found.prompt_tokens_details
    cached = (details and details.cached_tokens) or found.prompt_cache_hit_tokens or 0
    counts = (found.prompt_tokens, found.completion_tokens, cached)
    return Usage(*(min(max(0, count), 1 << 40) for count in counts))  # SQLite holds no larger ones


def read(status: int, headers: Mapping[str, str], body: bytes, place: Place) -> Reply:
    """What a response says; raises Fault or BadInput where that is no answer, and none that is about its
    prompt alone."""
    if status == 200:
        return parse(body)
    told, code = explained(body)
    ending = ending_of(status, told, code)
    if ending is None:
        raise fault(status, told, code, seconds(headers), place)
    return Reply("", ending, "", Usage(0, 0))


def sent(asked: Mapping[str, Any]) -> dict[str, Any]:
    """The body that goes to the server."""
    return {name: value for name, value in asked.items() if name not in OURS}


def body_of(params: Any, messages: list[Any], sample: int) -> dict[str, Any]:
    """The JSON that asks for sample number `sample`; params that are None are left out, so the server's own
    defaults hold."""
    its_own = params.base_url.startswith(
        "https://api.openai.com/"
    )  # whose newer models refuse the name that all others know
    seed = None if params.seed is None else params.seed + sample
    wishes = {
        "temperature": params.temperature,
        "top_p": params.top_p,
        "max_completion_tokens" if its_own else "max_tokens": params.max_tokens,
        "stop": params.stop,
        "seed": seed,
        "response_format": params.response_format,
    }
    body = {"model": params.model, "messages": messages} | {
        name: wish for name, wish in wishes.items() if wish is not None
    }
    return body | (params.extra or {})
