"""What can go wrong with a request, by kind: which faults are tried again, which mark the row, and which stop
the run at once."""

import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple

import msgspec

from stages.samplers.cost.prices import Usage
from stages.shared.errors import BadInput
from stages.shared.rows import Ending

RETRIED = {
    408: "timeout",
    409: "conflict",
    425: "too early",
    429: "rate limit",
    503: "overloaded",
    529: "overloaded",
}
REFUSED = {429, 503, 529}  # the server says that it gets too many requests
NO_CREDIT = (
    "insufficient_quota",
    "insufficient_balance",
    "billing_hard_limit_reached",
    "insufficient_credits",
)
LONGEST_WAIT = 300.0  # seconds; where a server asks for a longer wait (a daily limit), the run stops
_NO_CREDIT = re.compile(r"credit balance is too low|insufficient (balance|credits|funds)", re.I)
# That a prompt does not fit, in the words of OpenAI, vLLM, SGLang, llama.cpp, TGI, Anthropic, Bedrock,
# Mistral and Gemini.
_TOO_LONG = re.compile(
    r"context[ _](length|window|size|limit)|maximum context|too many (input )?tokens|"
    r"(prompt|input) is too long|token count .*exceed|"
    r"longer than the (maximum )?model|exceed_context_size|`inputs` (tokens|must have)|"
    r"max_tokens must be at least 1, got -|prompt contains \d+ tokens",
    re.I,
)
_FILTERED = re.compile(
    r"content[ _](filter|policy|management)|content exists risk|responsible ai|invalid_prompt|"
    r"flagged|moderation|usage policy",
    re.I,
)
_BAD_KEY = re.compile(r"api[ _]key not valid|api_key_invalid", re.I)  # Google says it with a 400


class Fault(Exception):
    """A request without an answer.

    `retry`: another try may help. `refused`: the server gets too many requests. `after`: the seconds that the
    server asks to wait (None: it does not say). `billed`: the server may bill the call, with `usage` tokens
    (None: it does not say). `unreachable`: nobody listens at the address. `raw` is an answer that cannot be
    read (None: there is none).
    """

    def __init__(
        self,
        kind: str,
        message: str = "",
        retry: bool = True,
        refused: bool = False,
        after: float | None = None,
        *,
        billed: bool = False,
        usage: Usage | None = None,
        unreachable: bool = False,
        raw: bytes | None = None,
    ) -> None:
        super().__init__(f"{kind}: {message}" if message else kind)
        self.kind, self.message, self.retry, self.refused, self.after = kind, message, retry, refused, after
        self.billed, self.usage, self.unreachable, self.raw = billed, usage, unreachable, raw


class Target(NamedTuple):
    """The server and model that a request is sent to, as error messages name them. `key_env` is the
    environment variable that holds the key."""

    url: str
    model: str
    key_env: str | None


def ending_of(status: int, message: str, code: str = "") -> Ending | None:
    """The ending of the row where an error is about its prompt alone: the prompt does not fit, or the service
    withholds the answer. None for any other error."""
    if status == 413 and code != "rate_limit_exceeded":  # Groq's word for a request above its tokens a minute
        return Ending.CONTEXT
    if status in (400, 422, 500) and (_TOO_LONG.search(code) or _TOO_LONG.search(message)):
        return Ending.CONTEXT
    if status in (400, 403, 422) and (_FILTERED.search(code) or _FILTERED.search(message)):
        return Ending.CONTENT_FILTER
    return None


def fault_of(status: int, message: str, code: str, after: float | None, target: Target) -> Fault:
    """The fault that an error status means. Raises BadInput where every other request would meet it as
    well."""
    if status in (401, 403) or (status == 400 and (_BAD_KEY.search(message) or _BAD_KEY.search(code))):
        cause = (
            f"the key in the environment variable {target.key_env} was refused"
            if target.key_env
            else "it wants a key: set api_key_env"
        )
        raise BadInput(f"{target.url}: {cause} ({status}): {message}")
    if status == 402 or code in NO_CREDIT or _NO_CREDIT.search(message):
        raise BadInput(f"{target.url}: no credit left ({status}): {message}")
    if status == 404:
        raise BadInput(
            f"{target.url}: no model {target.model!r} there, or base_url is wrong (404): {message}"
        )
    if 300 <= status < 400:
        raise BadInput(
            f"{target.url}: it redirects ({status}); that is not followed, since the key would go along; "
            "correct base_url"
        )
    if after is not None and after > LONGEST_WAIT and status in RETRIED:
        raise BadInput(
            f"{target.url}: it asks to wait {_duration(after)} ({status}), as a limit for a day does; every "
            f"answer is stored, so run it again then: {message}"
        )
    if status in RETRIED or status >= 500:
        kind = RETRIED.get(status, f"status {status}")
        return Fault(kind, message, refused=status in REFUSED, after=after)
    return Fault(f"status {status}", message, retry=False)


def _duration(seconds: float) -> str:
    return f"{seconds / 3600:.1f} hours" if seconds >= 5400 else f"{seconds / 60:.0f} minutes"


class _Error(msgspec.Struct):
    message: str = ""
    code: Any = None
    type: Any = None


class _ErrorBody(msgspec.Struct):
    error: _Error | str | None = None
    message: str = ""  # older vLLM
    detail: Any = None  # FastAPI's own errors


def error_message(body: bytes) -> tuple[str, str]:
    """The message, short and in one line, and the code in the body of an error."""
    try:
        parsed = msgspec.json.decode(body, type=_ErrorBody | list[_ErrorBody])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return one_line(body.decode(errors="replace")), ""
    if isinstance(parsed, list):  # Gemini's compatible endpoint
        parsed = parsed[0] if parsed else _ErrorBody()
    error = parsed.error
    if isinstance(error, _Error):
        named = error.type if isinstance(error.code, int) and error.type else error.code or error.type
        return one_line(error.message or str(error.type or "")), str(named or "")
    return one_line(error or parsed.message or str(parsed.detail or "")), ""


def embedded_status(body: bytes) -> int | None:
    """The status that the error in the body of a 200 would have had; None where the body holds no error.
    Gateways send such bodies when the server behind them fails late."""
    try:
        error = msgspec.json.decode(body, type=_ErrorBody).error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if not error:
        return None
    code = error.code if isinstance(error, _Error) else None
    return code if isinstance(code, int) and 400 <= code < 600 else 500


def one_line(text: str, longest: int = 300) -> str:
    """`text` in one line without control characters, cut after `longest` letters."""
    printable = (letter if letter.isprintable() else " " for letter in text[: 4 * longest])
    line = " ".join("".join(printable).split())
    return line if len(line) <= longest else f"{line[:longest]}..."


def retry_after(headers: Mapping[str, str]) -> float | None:
    """The seconds that Retry-After (a number or a date) or OpenAI's retry-after-ms asks for. None without
    it."""
    for name, unit in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        given = headers.get(name, "")
        try:
            wanted = float(given) / unit
        except ValueError:
            if (until := _seconds_until(given, headers.get("date", ""))) is not None:
                return until
            continue
        if wanted >= 0:  # not for NaN
            return wanted
    return None


def _seconds_until(date: str, now: str) -> float | None:
    """The seconds until `date`, by the clock of the server, which its header Date shows; None for what is no
    date, and where the server has no clock."""
    try:
        return max(0.0, (parsedate_to_datetime(date) - parsedate_to_datetime(now)).total_seconds())
    except (ValueError, TypeError):  # TypeError: one of them is without a time zone
        return None
