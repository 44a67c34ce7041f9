"""What a person is shown of an answer as read, and of the part of a span that was not used."""

import re
from fractions import Fraction
from typing import Any

from stages.graders.mathematics.readings import Reading
from stages.graders.quantities.units import Unit
from stages.graders.quantities.written_numbers import Number

MAX_DIGITS = 30  # digits of a fraction that are shown

_EDGE = re.compile(r"^[\s.,;:!$*\\()\[\]{}'\"]+|[\s.,;:!$*\\()\[\]{}'\"]+$")


def shown(value: Any) -> str:
    """An answer as read, in words: `the number 3/4`, `the number 25 %`, `the expression x + 1`, `'yes'`."""
    if isinstance(value, Number):
        return f"the number {_number(value)}"
    if not isinstance(value, Reading):
        return repr(value)
    unit = _unit(value.plain.unit)
    if value.limit:
        return f"the text {value.plain.text!r}, which is beyond a limit"
    if value.number is not None:
        return f"the number {_number(value.number._replace(unit=value.number.unit or value.plain.unit))}"
    if value.tree is None:
        return f"the text {value.plain.text!r}{unit}"
    modulus = f" modulo {value.modulus}" if value.modulus else ""
    return f"the {_NAMES.get(value.tree[0], 'expression')} {value.plain.text}{modulus}{unit}"


def unused(span: str, written: str) -> str:
    """The parts of `span` around `written`, the answer; empty where all of the span was used."""
    before, answer, behind = span.partition(written)
    if not answer:
        return ""
    parts = (_EDGE.sub("", part) for part in (before, behind))
    return " and ".join(repr(part) for part in parts if part)


_NAMES = {
    "list": "list", "set": "set", "tuple": "tuple", "matrix": "matrix", "relation": "relation",
    "ratio": "ratio", "word": "words", "reals": "set", "union": "set",
}  # fmt: skip


def _number(number: Number) -> str:
    value = str(number.value)
    if len(value) > MAX_DIGITS:
        value = (
            f"{float(number.value):.12g}"
            if abs(number.value) < Fraction(10) ** 300
            else f"{value[:MAX_DIGITS]}..."
        )
    if number.percent:
        return f"{value} %"
    scaled = f" (written as {value} with a scale word)" if number.scaled != number.value else ""
    return (str(number.scaled) if scaled else value) + scaled + _unit(number.unit)


def _unit(unit: Unit | None) -> str:
    if unit is None:
        return ""
    if unit.kind:
        return f", a quantity of {unit.kind}"
    return f", of {' '.join(sorted(unit.words))}"
