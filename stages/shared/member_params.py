"""What the stages read of the params of a member, whichever member it is: types for `params.member`."""

from typing import Protocol


class SamplerParams(Protocol):
    """Of a sampler: its name, and how many answers it gives to a prompt."""

    sampler: str
    n: int


class StudentParams(Protocol):
    """Of a student: its name."""

    student: str
