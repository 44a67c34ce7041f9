"""The option with the value that a span states: `\\boxed{15}` names the option `15 cm`."""

import string
from functools import lru_cache
from typing import Any

from stages.graders.mathematics import expressions, single
from stages.graders.mathematics.readings import Reading, read
from stages.graders.quantities import numbers
from stages.graders.quantities.written_numbers import Number
from stages.graders.reading.compare import Policies
from stages.graders.reading.dressing import unlabelled
from stages.graders.reading.limits import TooMuch
from stages.graders.reading.span import Span

_POLICIES = Policies(symbolic=None)  # numbers and trees only
_WHOLE = ("boxed", "marked", "spoken")


def by_value(span: Span, choices: list[str]) -> str | None:
    """The letter of the only option whose value the span states; None where there is none, or where options
    are no values."""
    options = _values(tuple(choices))
    if options is None:
        return None
    try:
        stated = _stated(span, isinstance(options[0], Number))
    except TooMuch:
        return None
    if stated is None:
        return None
    named = [
        letter
        for letter, option in zip(string.ascii_uppercase, options, strict=False)
        if _same(option, stated)
    ]
    return named[0] if len(named) == 1 else None


@lru_cache(maxsize=4096)
def _values(choices: tuple[str, ...]) -> list[Any] | None:
    """The options as numbers or, where not all are numbers, as readings; None where one is neither."""
    as_numbers = [single.exactly(choice) for choice in choices]
    if all(isinstance(number, Number) for number in as_numbers):
        return as_numbers
    try:
        readings = [read(choice) for choice in choices]
    except TooMuch:
        return None
    return readings if all(reading.known for reading in readings) else None


def _stated(span: Span, as_number: bool) -> Any:
    text = unlabelled(span.text)
    if as_number:
        number = single.final(span._replace(text=text))
        return number[0] if number and isinstance(number[0], Number) else None
    answer = expressions.final(span._replace(text=text))
    return answer[0] if answer and answer[0].known and (span.rule in _WHOLE or answer[0].number) else None


def _same(option: Any, stated: Any) -> bool:
    if isinstance(option, Number):
        return numbers.same(option, stated, _POLICIES).same
    try:
        return isinstance(stated, Reading) and expressions.equal(option, stated, _POLICIES).same
    except TooMuch:
        return False
