"""Estimates as the nested mapping that a metrics file holds."""

from collections.abc import Mapping
from typing import Any

from stages.scores.measures.estimates import Estimate


def report(n: int, estimates: Mapping[str, Estimate | None]) -> dict[str, Any]:
    """The values nested by the dots in their names; last, below "interval", their intervals as [low, high].

    `n` is the number of problems. Numbers have four digits. Undefined estimates (None) are left out: JSON has
    no word for them.
    """
    values: dict[str, Any] = {"n": n}
    intervals: dict[str, Any] = {}
    for name, estimate in estimates.items():
        if estimate:
            value, low, high = (round(number, 4) + 0.0 for number in estimate)  # + 0.0 turns -0.0 into 0.0
            _put(values, name.split("."), value)
            _put(intervals, name.split("."), [low, high])
    return values | {"interval": intervals}


def _put(nest: dict[str, Any], keys: list[str], value: object) -> None:
    for key in keys[:-1]:
        nest = nest.setdefault(key, {})
    nest[keys[-1]] = value
