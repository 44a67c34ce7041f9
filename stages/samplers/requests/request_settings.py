"""The part of a network sampler's params that says how its server is asked."""

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from stages.samplers.cost.prices import Spending
from stages.shared.errors import BadInput


def _check_address(value: str) -> str:
    try:
        parts = urlsplit(value)
        valid = parts.scheme in ("http", "https") and parts.hostname
        problem = None if valid else "expected http(s)://host/..."
        if parts.username or parts.password or parts.query or parts.fragment:
            problem = (
                "an address only, without user, password or query; "
                "a key belongs in the environment, its variable in api_key_env"
            )
    except ValueError as error:
        problem = str(error)
    if problem:  # not a ValueError, whose message would show the value: there may be a password in it
        raise BadInput(f"params: base_url: {problem}")
    return value.rstrip("/")


Address = Annotated[str, AfterValidator(_check_address)]  # of a service, without credentials


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
    # How often a request that fails is sent again.
    retries: int = Field(default=8, ge=0, le=100)
    # A run in which more than this share of the requests fails for good is a failed run. It fails at its end,
    # with every answer stored.
    allow_failures: float = Field(default=0.0, ge=0, le=1)
