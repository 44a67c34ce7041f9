"""The part of a network sampler's params that is about how its server is asked."""

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from stages.samplers.cost.prices import Spending
from stages.shared.errors import BadInput


def _address(value: str) -> str:
    try:
        parts = urlsplit(value)
        told = None if parts.scheme in ("http", "https") and parts.hostname else "expected http(s)://host/..."
        if parts.username or parts.password or parts.query or parts.fragment:
            told = "an address only, without user, password or query; a key belongs in the environment, its variable in api_key_env"
    except ValueError as error:
        told = str(error)
    if told:  # not a ValueError, which would be told with the value: there may be a password in it
        raise BadInput(f"params: base_url: {told}")
    return value.rstrip("/")


Address = Annotated[str, AfterValidator(_address)]  # of a service, without credentials


class Terms(Spending):
    """`n` answers to each prompt. At most `concurrency` requests at once (fewer where the server wants it),
    at most so many requests and tokens a minute, `timeout` seconds for a call, `retries` for one that fails.
    A run in which more than the share `allow_failures` of the requests fails for good is a failed run, at its
    end, with every answer stored. None of these can change an answer."""

    n: int = Field(default=1, ge=1)
    concurrency: int = Field(default=64, ge=1, le=4096)
    requests_per_minute: float | None = Field(default=None, gt=0)
    tokens_per_minute: float | None = Field(default=None, gt=0)
    timeout: float = Field(default=600.0, gt=0)
    retries: int = Field(default=8, ge=0, le=100)
    allow_failures: float = Field(default=0.0, ge=0, le=1)
