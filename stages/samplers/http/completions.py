"""What a response of 200 says, whatever server wrote it.

https://platform.openai.com/docs/api-reference/chat/object
"""

import json
from collections.abc import Mapping
from math import isfinite
from typing import Any, NamedTuple

import msgspec

from stages.samplers.cost.prices import Usage
from stages.samplers.http.billed_tokens import usage_of
from stages.samplers.http.faults import Fault, error_message, one_line
from stages.samplers.http.inline_thoughts import split_thought
from stages.samplers.http.message_parts import reasoning_of, refusal_of, text_of
from stages.samplers.memo.sampled_answers import Answer
from stages.shared.rows import Ending, TokenProbs

# How servers say that an answer is complete; the last ones: Together, TGI, gateways to Anthropic.
STOP = {"stop", "eos", "eos_token", "stop_sequence", "end_turn", "completed"}
LENGTH = {"length", "max_tokens", "model_length", "max_output_tokens"}
FILTER = {"content_filter", "safety", "recitation", "blocklist", "prohibited_content", "spii", "sensitive"}
# The server failed within the answer, which is to be asked for again: DeepSeek, SGLang and vLLM, OpenRouter,
# Zhipu.
BROKEN = {"insufficient_system_resource", "abort", "error", "network_error"}


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

    def without_thought(self, asked: Mapping[str, Any]) -> "Completion":
        """The same with the thought in front of its text, if there is one, as a part of `reasoning`.

        A thought that is followed by no answer was cut off, whatever the server says.
        """
        text, thought, ended = split_thought(self.text, asked["messages"])
        thoughts = [part for part in (self.reasoning, thought) if part]
        cut = self.ending == Ending.STOP and not text.strip() and bool(thoughts)
        return self._replace(
            text=text,
            reasoning="\n\n".join(thoughts) or None,
            ending=Ending.LENGTH if cut or (not ended and self.ending == Ending.STOP) else self.ending,
        )


class _Choice(msgspec.Struct):
    message: dict[str, Any]
    finish_reason: Any = None  # a word, or a mapping with a word in it
    logprobs: Any = None  # its shape differs by server


class _Body(msgspec.Struct):
    choices: list[_Choice]
    model: Any = None
    usage: Any = None


class _TokenLogprob(msgspec.Struct):
    token: str
    logprob: float
    top_logprobs: list["_TokenLogprob"] = []


_body_decoder = msgspec.json.Decoder(_Body)


def parse_completion(body: bytes) -> Completion:
    """The completion in the body of a 200; raises Fault where it is none."""
    parsed = _decode(body)
    usage = usage_of(parsed.usage)
    if not parsed.choices:
        raise Fault("empty choices", billed=True, usage=usage, raw=body)
    choice = parsed.choices[0]
    ending = _ending(choice, usage)
    text = text_of(choice.message.get("content"))
    if ending is Ending.REFUSAL:
        text = text or refusal_of(choice.message)
    model = parsed.model if isinstance(parsed.model, str) else ""
    return Completion(text, ending, model, usage, reasoning_of(choice.message), _probs(choice.logprobs))


def _decode(body: bytes) -> _Body:
    try:
        try:
            return _body_decoder.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            # JSON may hold a lone surrogate, or a number that is too large in a field that is not needed;
            # msgspec refuses both, the standard library neither
            return msgspec.convert(json.loads(body), _Body)
    except msgspec.ValidationError as error:
        message = error_message(body)[0] or one_line(str(error))
        raise Fault("wrong schema", message, billed=True, raw=body) from None
    except (ValueError, RecursionError):
        excerpt = one_line(body[:200].decode(errors="replace"))
        raise Fault("malformed JSON", excerpt, billed=True, raw=body) from None


def _ending(choice: _Choice, usage: Usage | None) -> Ending:
    """An unknown finish reason (a tool call, or none) is nothing that ended well: it counts as cut off."""
    reason = _reason(choice.finish_reason)
    if reason in FILTER:
        return Ending.CONTENT_FILTER
    if refusal_of(choice.message) or reason == "refusal":
        return Ending.REFUSAL
    if reason in BROKEN:
        raise Fault("broken off", f"finish_reason {reason}", billed=True, usage=usage)
    return Ending.STOP if reason in STOP else Ending.LENGTH


def _reason(value: Any) -> str:
    """The word in a finish reason: `{"type": "stop"}` is how some servers send it."""
    if isinstance(value, dict):
        named = [value.get(name) for name in ("type", "reason", "finish_reason")]
        value = next((word for word in [*named, *value.values()] if isinstance(word, str)), "")
    return value.lower() if isinstance(value, str) else ""


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
