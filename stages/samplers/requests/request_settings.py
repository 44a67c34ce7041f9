"""The part of a network sampler's params that says how its server is asked."""

import re
from typing import Annotated
from urllib.parse import parse_qsl, urlsplit

from pydantic import AfterValidator, Field

from stages.samplers.cost.prices import Spending
from stages.shared.errors import BadInput

_SECRET_NAME = re.compile(r"key|token|secret|sig|pass|auth|cred|code", re.I)  # of what stands in a query


def _check_address(value: str) -> str:
    try:
        parts = urlsplit(value)
        valid = parts.scheme in ("http", "https") and parts.hostname
        problem = None if valid else "expected http(s)://host/..."
        secret = any(_SECRET_NAME.search(name) for name, _ in parse_qsl(parts.query, keep_blank_values=True))
        unnamed = parts.query and any("=" not in part for part in parts.query.split("&"))
        if parts.username or parts.password or secret or unnamed or parts.fragment:
            problem = (
                "an address only, without user, password or a key in its query; "
                "a key belongs in the environment, its variable in api_key_env or headers_env"
            )
    except ValueError as error:
        problem = str(error)
    if problem:  # not a ValueError, whose message would show the value: there may be a password in it
        raise BadInput(f"params: base_url: {problem}")
    return value if parts.query else value.rstrip("/")


def _check_path_only(value: str) -> str:
    if urlsplit(value).query:
        raise BadInput("params: base_url: an address only, without a query")
    return value


# Of a service, without credentials; it may have a query, such as Azure's api-version.
Address = Annotated[str, AfterValidator(_check_address)]
PlainAddress = Annotated[Address, AfterValidator(_check_path_only)]  # without a query


class RequestSettings(Spending):
    """How requests are sent. None of these settings can change an answer, except that `n` says how many there
    are."""

    # Answers to each prompt.
    n: int = Field(default=1, ge=1)
    # At most so many requests at once; fewer where the server refuses some of them.
    concurrency: int = Field(default=64, ge=1, le=4096)
    # At most so many requests are sent in a minute (null: no limit).
    requests_per_minute: float | None = Field(default=None, gt=0)
    # At most so many tokens, of prompts and answers together, in a minute (null: no limit).
    tokens_per_minute: float | None = Field(default=None, gt=0)
    # Seconds for a call as a whole.
    timeout: float = Field(default=600.0, gt=0)
    # Seconds for which a run that ends (Ctrl-C, SIGTERM, a key that is refused, no credit left) waits for the
    # answers in flight, which are paid for. A second Ctrl-C ends the wait.
    patience: float = Field(default=60.0, ge=0)
    # How often a request that fails is sent again.
    retries: int = Field(default=8, ge=0, le=100)
    # A run in which more than this share of the requests fails for good is a failed run. It fails at its end,
    # with every answer stored.
    allow_failures: float = Field(default=0.0, ge=0, le=1)
