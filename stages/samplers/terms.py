"""The part of a network sampler's params that is about how its server is asked."""

from pydantic import Field

from stages.samplers.prices import Spending


class Terms(Spending):
    """`n` answers to each prompt. At most `concurrency` requests at once (fewer where the server wants it), at most so many requests and
    tokens a minute, `timeout` seconds for a call, `retries` for one that fails. A run in which more than the share `allow_failures` of the
    requests fails for good is a failed run, at its end, with every answer stored. None of these can change an answer."""

    n: int = Field(default=1, ge=1)
    concurrency: int = Field(default=64, ge=1, le=4096)
    requests_per_minute: float | None = Field(default=None, gt=0)
    tokens_per_minute: float | None = Field(default=None, gt=0)
    timeout: float = Field(default=600.0, gt=0)
    retries: int = Field(default=8, ge=0, le=100)
    allow_failures: float = Field(default=0.0, ge=0, le=1)
