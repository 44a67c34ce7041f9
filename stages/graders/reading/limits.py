"""What an answer may cost, and the two ways in which it is refused."""

from pydantic import Field

from stages.shared.params import Strict


class Unread(ValueError):
    """The text is not in the grammar."""


class TooMuch(ValueError):
    """The text is beyond a limit."""


class Limits(Strict):
    """Of one piece of work, which is killed beyond them: `seconds` on the wall's clock, and `megabytes` of
    address space (macOS does not hold a process to these)."""

    seconds: float = Field(default=5.0, gt=0, le=600)
    megabytes: int = Field(default=1024, ge=256, le=65536)
