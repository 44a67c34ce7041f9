"""The limits of a computation on an answer, and the two errors that refuse an answer."""

from pydantic import Field

from stages.shared.params import Strict


class Unread(ValueError):
    """The text is not in the grammar."""


class TooMuch(ValueError):
    """The text or its value is beyond a limit."""


class Limits(Strict):
    """Limits of one call of the sandbox; a call beyond either limit is killed."""

    # Wall-clock time of one call.
    seconds: float = Field(default=5.0, gt=0, le=600)
    # Address space of the process that works. macOS does not enforce this limit.
    megabytes: int = Field(default=1024, ge=256, le=65536)
