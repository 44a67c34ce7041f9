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
REFUSED = {429, 503, 529}  # the server says that it is asked too much
NO_CREDIT = ("insufficient_quota", "insufficient_balance", "billing_hard_limit_reached")
LONGEST_WAIT = 300.0  # seconds; a server that asks for more is asked again after this
_TOO_LONG = re.compile(
    r"context[ _](length|window)|maximum context|too many (input )?tokens|prompt is too long|token count .*exceed",
    re.I,
)
_FILTERED = re.compile(r"content[ _](filter|policy|management)|content exists risk|responsible ai", re.I)


class Fault(Exception):
    """A request without an answer. `retry`: another try may help; `refused`: the server is asked too much,
    and wants `after` seconds."""

    def __init__(
        self, kind: str, told: str = "", retry: bool = True, refused: bool = False, after: float | None = None
    ) -> None:
        super().__init__(f"{kind}: {told}" if told else kind)
        self.kind, self.told, self.retry, self.refused, self.after = kind, told, retry, refused, after


class Place(NamedTuple):
    """Whom a request is sent to, for the person who reads what went wrong. `key_env` names the environment
    variable that holds the key."""

    url: str
    model: str
    key_env: str | None


def ending_of(status: int, told: str, code: str = "") -> Ending | None:
    """The ending of the row where an error is about its prompt alone: it does not fit, or the service
    withholds the answer. Else None."""
    if status == 413 or (
        status in (400, 422) and (code == "context_length_exceeded" or _TOO_LONG.search(told))
    ):
        return Ending.CONTEXT
    if status in (400, 422) and (_FILTERED.search(code) or _FILTERED.search(told)):
        return Ending.CONTENT_FILTER
    return None


def fault(status: int, told: str, code: str, after: float | None, place: Place) -> Fault:
    """The fault that an error status means; raises BadInput where every other request would meet it as well."""
    if status in (401, 403):
        held = (
            f"the key in the environment variable {place.key_env} was refused"
            if place.key_env
            else "it wants a key: set api_key_env"
        )
        raise BadInput(f"{place.url}: {held} ({status}): {told}")
    if status == 402 or code in NO_CREDIT:
        raise BadInput(f"{place.url}: no credit left ({status}): {told}")
    if status == 404:
        raise BadInput(f"{place.url}: no model {place.model!r} there, or base_url is wrong (404): {told}")
    if 300 <= status < 400:
        raise BadInput(
            f"{place.url}: it redirects ({status}); that is not followed, since the key would go along; correct base_url"
        )
    if status in RETRIED or status >= 500:
        return Fault(RETRIED.get(status, f"status {status}"), told, refused=status in REFUSED, after=after)
    return Fault(f"status {status}", told, retry=False)


class _Error(msgspec.Struct):
    message: str = ""
    code: Any = None
    type: Any = None


class _Body(msgspec.Struct):
    error: _Error | str | None = None
    message: str = ""  # older vLLM
    detail: Any = None  # FastAPI's own errors


def explained(body: bytes) -> tuple[str, str]:
    """The message, short and in one line, and the code in the body of an error."""
    try:
        found = msgspec.json.decode(body, type=_Body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return short(body.decode(errors="replace")), ""
    error = found.error
    if isinstance(error, _Error):
        return short(error.message or str(error.type or "")), str(error.code or error.type or "")
    return short(error or found.message or str(found.detail or "")), ""


def short(text: str, most: int = 300) -> str:
    """`text` in one line without control characters, cut where it is long."""
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in text[: 4 * most]).split())
    return line if len(line) <= most else f"{line[:most]}..."


def seconds(headers: Mapping[str, str]) -> float | None:
    """What Retry-After (or OpenAI's retry-after-ms) asks for; None without it, or where it is a date."""
    for name, unit in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        try:
            wanted = float(headers.get(name, "")) / unit
        except ValueError:
            continue
        if wanted >= 0:  # not for NaN
            return min(wanted, LONGEST_WAIT)
    return None
