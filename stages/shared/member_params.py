"""What the stages read of the params of a member, whichever member it is: types for `params.member`."""

from typing import Any, Protocol


class SamplerParams(Protocol):
    """Of a sampler: its name, and how many answers it gives to a prompt."""

    sampler: str
    n: int


class ValidationParams(Protocol):
    """Of a validation: the graders of the answers, by name, with their params as written."""

    graders: dict[str, Any]


class StudentParams(Protocol):
    """Of a student: its name, and how its training is validated (None: not at all)."""

    student: str
    validation: ValidationParams | None
