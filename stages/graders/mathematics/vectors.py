"""Sums of unit vectors in plain form: `3\\mathbf{i} - 4\\mathbf{j}` is the point (3, -4)."""

import re

_UNIT = re.compile(
    r"\\(?:mathbf|hat|vec|boldsymbol|bm|mathrm|overrightarrow|widehat)\s?\{?\s?"
    r"(?:\\(?:mathbf|hat|vec|boldsymbol|bm|mathrm|imath|jmath)\s?\{?\s?)?(?P<axis>[ijk]|\\imath"
    r"|\\jmath)?\s?\}{0,2}"
)
_BARE = re.compile(r"\\imath|\\jmath")
_AXES = {"i": 0, "j": 1, "k": 2, "\\imath": 0, "\\jmath": 1}
_GROUP = re.compile(r"\\left|\\right|\\[,;: !]|~")


def as_point(text: str) -> str:
    """`text` as a point where it is a sum of unit vectors; else `text` itself.

    A vector without k has two coordinates.
    """
    units = list(_UNIT.finditer(text)) if "\\" in text else []
    if not units or not all(unit["axis"] or _imath(unit) for unit in units):
        return text
    coordinates: list[str | None] = [None, None, None]
    start = 0
    for unit in units:
        axis = _AXES[unit["axis"] or _imath(unit)]
        factor = _factor(text[start : unit.start()], start == 0)
        if factor is None or coordinates[axis] is not None:
            return text
        coordinates[axis], start = factor, unit.end()
    if _GROUP.sub("", text[start:]).strip(" .$"):
        return text
    size = 3 if coordinates[2] is not None else 2
    return "(" + ", ".join(coordinate or "0" for coordinate in coordinates[:size]) + ")"


def _imath(unit: "re.Match[str]") -> str:
    bare = _BARE.search(unit.group())
    return bare.group() if bare else ""


def _factor(text: str, is_first: bool) -> str | None:
    """The coordinate before a unit vector: 1 where only a sign stands; None where it is no term of a sum."""
    text = _GROUP.sub(" ", text).strip(" $")
    text = text.removesuffix("*").removesuffix("\\cdot").strip()
    if not is_first and text[:1] not in ("+", "-"):
        return None
    if text in ("", "+"):
        return "1"
    if text == "-":
        return "-1"
    return None if "=" in text or text.count("(") != text.count(")") else text.removeprefix("+").strip()
