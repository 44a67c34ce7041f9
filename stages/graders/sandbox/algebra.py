"""What runs in the sandbox: latex2sympy2 reads two checked texts (symbolic.py), and SymPy says whether they
have the same value.

latex2sympy2 1.5.4 reads with antlr and builds SymPy's own objects: of the text, only numbers go through
`Rational`, and names through `Symbol`. It evaluates text in one place, `\\variable{...}` with values given by
its caller: the whitelist knows no such token, and no values are given. Nothing here evaluates text, and
nothing here runs in a stage's own process.
"""

from collections.abc import Iterator
from typing import Any

import sympy
from latex2sympy2 import PSLexer, PSParser, latex2sympy, set_variances

DIGITS = 20  # of values
NEAR = 1e-10  # relative
Side = Any  # an expression or matrix of SymPy, or a list: its opening bracket and its parts

_DISCRETE = (sympy.Sum, sympy.Product, sympy.factorial, sympy.binomial, sympy.Mod, sympy.gcd)
_UNDONE = (sympy.Sum, sympy.Product, sympy.Integral, sympy.Limit, sympy.Derivative)
_OPEN, _CLOSE = {"(", "[", "{", "\\{", "\\lfloor", "\\lceil"}, {")", "]", "}", "\\}", "\\rfloor", "\\rceil"}


def _no_version_line(self: Any, version: str) -> None:
    """antlr prints a line for each parser made by another version of it; 4.7.2, which made this one, and
    4.9.3 agree in what it uses."""


PSLexer.checkVersion = PSParser.checkVersion = _no_version_line


def equal(gold: str, pred: str, tolerance: float) -> bool | None:
    """None where either text is not in latex2sympy2's grammar."""
    try:
        one, other = _sides(gold.split()), _sides(pred.split())
    except _Unread:
        return None
    if len(one) != len(other):  # `x = 5` beside 5
        one, other = (_value_of(side) for side in (one, other))
    return len(one) == len(other) and all(_same(*both, tolerance) for both in zip(one, other, strict=True))


class _Unread(ValueError):
    """The text is in no grammar."""


def _value_of(sides: list[Side]) -> list[Side]:
    return sides[1:] if len(sides) == 2 and getattr(sides[0], "is_Symbol", False) else sides


def _sides(tokens: list[str]) -> list[Side]:
    return [_read(side) for side in _split(tokens, "=")]


def _read(tokens: list[str]) -> Side:
    parts = _split(tokens, ",")
    if len(parts) > 1:
        return ["", *map(_read, parts)]
    if tokens and tokens[0] in ("(", "[", "\\{") and _closes(tokens):
        parts = _split(tokens[1:-1], ",")
        if tokens[0] == "\\{" or len(parts) > 1:
            return [tokens[0], *map(_read, parts)]
    return _expression(" ".join(tokens))


def _closes(tokens: list[str]) -> bool:
    """Whether the first bracket is closed by the last token."""
    depth = 0
    for place, token in enumerate(tokens):
        depth += (token in _OPEN) - (token in _CLOSE)
        if depth == 0:
            return place == len(tokens) - 1
    return False


def _split(tokens: list[str], mark: str) -> list[list[str]]:
    """Splits at each `mark` outside brackets."""
    found: list[list[str]] = [[]]
    depth = 0
    for token in tokens:
        depth += (token in _OPEN) - (token in _CLOSE)
        if token == mark and depth == 0:
            found.append([])
        else:
            found[-1].append(token)
    return found


def _expression(text: str) -> Any:
    set_variances({})
    try:
        found = latex2sympy(text)
    except (
        Exception
    ) as error:  # it raises no class of its own, and AttributeError where its tree is not what it expects
        raise _Unread(str(error)) from None
    if isinstance(found, sympy.MatrixBase):
        return found
    if not isinstance(found, sympy.Expr):
        raise _Unread(f"{text}: not an expression")
    return found if "^ { + }" in text else found.replace(sympy.Limit, _from_both_sides)


def _from_both_sides(inside: Any, letter: Any, place: Any, side: Any) -> Any:
    """A limit as it is meant: latex2sympy2 makes one that says no side a limit from above."""
    return sympy.Limit(inside, letter, place, "+-" if str(side) == "+" else "-")


def _same(one: Side, other: Side, tolerance: float) -> bool:
    if isinstance(one, list) or isinstance(other, list):
        return isinstance(one, list) and isinstance(other, list) and _same_parts(one, other, tolerance)
    matrices = [isinstance(side, sympy.MatrixBase) for side in (one, other)]
    if any(matrices):
        return (
            all(matrices)
            and one.shape == other.shape
            and all(_same(*both, tolerance) for both in zip(one, other, strict=True))
        )
    return _same_value(one, other, tolerance)


def _same_parts(one: list[Side], other: list[Side], tolerance: float) -> bool:
    if one[0] != other[0] or len(one) != len(other):
        return False
    if one[0] in ("(", "["):
        return all(_same(*both, tolerance) for both in zip(one[1:], other[1:], strict=True))
    left = other[1:]
    for part in one[1:]:
        place = next(
            (place for place, candidate in enumerate(left) if _same(part, candidate, tolerance)), None
        )
        if place is None:
            return False
        del left[place]
    return True


def _same_value(one: Any, other: Any, tolerance: float) -> bool:
    """By values at several points; where those differ, or are too few, once more with sums, integrals and
    limits worked out; `simplify` comes last."""
    agreed = _agree(one, other, tolerance)
    if agreed:
        return _exactly(one, other, tolerance)
    if one.has(*_UNDONE) or other.has(*_UNDONE):
        one, other = _done(one), _done(other)
        agreed = _agree(one, other, tolerance)
    if agreed is None:
        agreed = _zero(one, other)
    return agreed


def _agree(one: Any, other: Any, tolerance: float) -> bool | None:
    """None where too few points have a value."""
    letters = sorted(one.free_symbols | other.free_symbols, key=str)
    compared = 0
    for env, negative in _points(letters, one.has(*_DISCRETE) or other.has(*_DISCRETE)):
        first, second = _number(one, env), _number(other, env)
        if first is None or second is None or (negative and (first.imag or second.imag)):
            continue
        if (
            abs(first - second) > max(tolerance, NEAR) * max(abs(first), abs(second))
            and abs(first - second) > 1e-15
        ):
            return False
        compared += 1
    return True if compared >= (3 if letters else 1) else None


def _points(letters: list[Any], whole: bool) -> Iterator[tuple[dict[Any, Any], bool]]:
    """Values of the letters: positive, then with one letter negative; whole numbers where only those have a
    meaning."""
    if not letters:
        yield {}, False
        return
    for point in range(4):
        yield {letter: _value(place, point, whole) for place, letter in enumerate(letters)}, False
    for turned in letters[: 0 if whole else 3]:
        yield (
            {
                letter: (-1 if letter == turned else 1) * _value(place, 0, whole)
                for place, letter in enumerate(letters)
            },
            True,
        )


def _value(place: int, point: int, whole: bool) -> Any:
    if whole:
        return sympy.Integer(2 + (3 * place + 2 * point + place * point) % 11)
    return sympy.Rational(7 + 4 * place + 3 * point + place * point, 5 + 2 * point + place % 3)


def _number(expression: Any, env: dict[Any, Any]) -> complex | None:
    try:
        found = complex(expression.subs(env).evalf(DIGITS))
    except (MemoryError, RecursionError):
        raise
    except Exception:  # SymPy says in many ways that there is no number
        return None
    return found if abs(found) < float("inf") else None


def _done(expression: Any) -> Any:
    try:
        return expression.doit()
    except (MemoryError, RecursionError):
        raise
    except Exception:  # likewise
        return expression


def _exactly(one: Any, other: Any, tolerance: float) -> bool:
    """Floats cannot tell 10**20 from 10**20 + 1: whole numbers and fractions must be the same."""
    if tolerance or one.free_symbols or other.free_symbols:
        return True
    first, second = _done(one), _done(other)
    return bool(first == second) if first.is_Rational and second.is_Rational else True


def _zero(one: Any, other: Any) -> bool:
    try:
        return bool(sympy.simplify(one - other) == 0)
    except (MemoryError, RecursionError):
        raise
    except Exception:  # likewise
        return False
