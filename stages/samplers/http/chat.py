"""OpenAI's chat completions as bytes: how an answer is asked for, and what a response says.

https://platform.openai.com/docs/api-reference/chat/create
"""

from collections.abc import Mapping
from typing import Any

from stages.samplers.cost.prices import Usage
from stages.samplers.http.completions import Completion, parse_completion
from stages.samplers.http.faults import (
    Fault,
    Target,
    embedded_status,
    ending_of,
    error_message,
    fault_of,
    retry_after,
)

MEMO_FIELDS = {"provider", "base_url", "sample", "try"}  # of what is asked: for the memo's key alone
LARGEST = 16 << 20  # bytes of a response; a longer one is a fault, not an answer
SEEDS_OF_TRY = 1_000_000  # a try's seeds are so far from those of the try before it
# Hosts that refuse `max_tokens` for their newer models; all other servers know it, and some no other name.
NEW_NAME = ("https://api.openai.com/", ".openai.azure.com/")


def read_response(
    status: int, headers: Mapping[str, str], body: bytes, target: Target, asked: Mapping[str, Any]
) -> Completion:
    """What a response to `asked` says. An error that is about its prompt alone gives an empty text, with its
    ending. Raises Fault or BadInput for any other error."""
    if status == 200:
        try:
            return parse_completion(body).without_thought(asked)
        except Fault as fault:
            embedded = embedded_status(body) if fault.kind == "wrong schema" else None
            if embedded is None:
                raise
            status = embedded
    message, code = error_message(body)
    ending = ending_of(status, message, code)
    if ending is None:
        raise fault_of(status, message, code, retry_after(headers), target)
    return Completion("", ending, "", Usage(0, 0))


def request_body(asked: Mapping[str, Any], stream: bool = False) -> dict[str, Any]:
    """The JSON that goes to the server, of all that is asked. `stream`: the answer is to come in parts."""
    body = {name: value for name, value in asked.items() if name not in MEMO_FIELDS}
    return body | ({"stream": True, "stream_options": {"include_usage": True}} if stream else {})


def limit_name(params: Any) -> str:
    """The name by which the server of `params` knows the limit of an answer."""
    is_new = any(part in f"{params.base_url}/" for part in NEW_NAME)
    return params.limit_name or ("max_completion_tokens" if is_new else "max_tokens")


def chat_request(params: Any, messages: list[Any], sample: int, attempt: int = 0) -> dict[str, Any]:
    """The JSON that asks for sample number `sample` in try number `attempt`, both counted from 0. Params that
    are None are left out, so the server's own defaults hold."""
    seed = None if params.seed is None else params.seed + sample + SEEDS_OF_TRY * attempt
    settings = {
        "temperature": params.temperature,
        "top_p": params.top_p,
        limit_name(params): params.max_tokens,
        "stop": params.stop,
        "seed": seed,
        "response_format": params.response_format,
    }
    given = {name: value for name, value in settings.items() if value is not None}
    return {"model": params.model, "messages": messages} | given | (params.extra or {})
