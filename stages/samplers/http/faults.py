"""What can go wrong with a request, by kind: which faults are tried again, which mark the row, and which stop
the run at once."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

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
NO_CREDIT = ("insufficient_quota", "insufficient_balance", "billing_hard_limit_reached")
LONGEST_WAIT = 300.0  # seconds; a server that asks for more is asked again after this
_TOO_LONG = re.compile(
    r"context[ _](length|window)|maximum context|too many (input )?tokens|prompt is too long|"
    r"token count .*exceed",
    re.I,
)
_FILTERED = re.compile(r"content[ _](filter|policy|management)|content exists risk|responsible ai", re.I)


class Fault(Exception):
    """A request without an answer. `retry`: another try may help. `refused`: the server gets too many
    requests. `after`: the seconds that the server asks to wait (None: it does not say)."""

    def __init__(
        self,
        kind: str,
        message: str = "",
        retry: bool = True,
        refused: bool = False,
        after: float | None = None,
    ) -> None:
        super().__init__(f"{kind}: {message}" if message else kind)
        self.kind, self.message, self.retry, self.refused, self.after = kind, message, retry, refused, after


class Target(NamedTuple):
    """The server and model that a request is sent to, as error messages name them. `key_env` is the
    environment variable that holds the key."""

    url: str
    model: str
    key_env: str | None


def ending_of(status: int, message: str, code: str = "") -> Ending | None:
    """The ending of the row where an error is about its prompt alone: the prompt does not fit, or the service
    withholds the answer. None for any other error."""
    if status == 413 or (
        status in (400, 422) and (code == "context_length_exceeded" or _TOO_LONG.search(message))
    ):
        return Ending.CONTEXT
    if status in (400, 422) and (_FILTERED.search(code) or _FILTERED.search(message)):
        return Ending.CONTENT_FILTER
    return None


def fault_of(status: int, message: str, code: str, after: float | None, target: Target) -> Fault:
    """The fault that an error status means. Raises BadInput where every other request would meet it as
    well."""
    if status in (401, 403):
        cause = (
            f"the key in the environment variable {target.key_env} was refused"
            if target.key_env
            else "it wants a key: set api_key_env"
        )
        raise BadInput(f"{target.url}: {cause} ({status}): {message}")
    if status == 402 or code in NO_CREDIT:
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
    if status in RETRIED or status >= 500:
        kind = RETRIED.get(status, f"status {status}")
        return Fault(kind, message, refused=status in REFUSED, after=after)
    return Fault(f"status {status}", message, retry=False)


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
        parsed = msgspec.json.decode(body, type=_ErrorBody)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return one_line(body.decode(errors="replace")), ""
    error = parsed.error
    if isinstance(error, _Error):
        return one_line(error.message or str(error.type or "")), str(error.code or error.type or "")
    return one_line(error or parsed.message or str(parsed.detail or "")), ""


def one_line(text: str, longest: int = 300) -> str:
    """`text` in one line without control characters, cut after `longest` letters."""
    printable = (letter if letter.isprintable() else " " for letter in text[: 4 * longest])
    line = " ".join("".join(printable).split())
    return line if len(line) <= longest else f"{line[:longest]}..."


def retry_after(headers: Mapping[str, str]) -> float | None:
    """The seconds that Retry-After (or OpenAI's retry-after-ms) asks for. None without it, or where it is a
    date."""
    for name, unit in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        try:
            wanted = float(headers.get(name, "")) / unit
        except ValueError:
            continue
        if wanted >= 0:  # not for NaN
            return min(wanted, LONGEST_WAIT)
    return None
