"""The function that runs in the sandbox: latex2sympy2 reads two checked texts, and SymPy compares their
values.

symbolic.py checks the texts. This module never runs in the process of a stage, and evaluates no text.

latex2sympy2 1.5.4 reads with antlr and builds objects of SymPy. Only numbers of the text go through
`Rational`, and only names through `Symbol`. latex2sympy2 evaluates text in one place, `\\variable{...}` with
values of the caller: the whitelist of symbolic.py has no such token, and this module gives no values.
"""

from collections.abc import Iterator
from typing import Any

import sympy
from latex2sympy2 import PSLexer, PSParser, latex2sympy, set_variances

DIGITS = 20  # digits of a value
NEAR = 1e-10  # relative difference of values that count as equal
Side = Any  # an expression or matrix of SymPy, or a list: the opening bracket (or ""), then the parts

_DISCRETE = (sympy.Sum, sympy.Product, sympy.factorial, sympy.binomial, sympy.Mod, sympy.gcd)
_UNDONE = (sympy.Sum, sympy.Product, sympy.Integral, sympy.Limit, sympy.Derivative)
_OPEN, _CLOSE = {"(", "[", "{", "\\{", "\\lfloor", "\\lceil"}, {")", "]", "}", "\\}", "\\rfloor", "\\rceil"}


def _no_version_line(self: Any, version: str) -> None:
    """antlr prints a line for each parser that another version of antlr made. Version 4.7.2 made this
    parser, and 4.9.3 agrees with 4.7.2 in all that the parser uses."""


PSLexer.checkVersion = PSParser.checkVersion = _no_version_line


def equal(gold: str, pred: str, tolerance: float) -> bool | None:
    """Whether two answers have the same value; None where latex2sympy2 cannot read an answer.

    `gold` and `pred` are LaTeX with spaces between tokens. `tolerance` is relative.
    """
    try:
        gold_sides, pred_sides = _sides(gold.split()), _sides(pred.split())
    except _Unread:
        return None
    if len(gold_sides) != len(pred_sides):  # `x = 5` against 5
        gold_sides, pred_sides = (_value_of(side) for side in (gold_sides, pred_sides))
    return len(gold_sides) == len(pred_sides) and all(
        _same(*both, tolerance) for both in zip(gold_sides, pred_sides, strict=True)
    )


class _Unread(ValueError):
    """latex2sympy2 cannot read the text."""


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
    groups: list[list[str]] = [[]]
    depth = 0
    for token in tokens:
        depth += (token in _OPEN) - (token in _CLOSE)
        if token == mark and depth == 0:
            groups.append([])
        else:
            groups[-1].append(token)
    return groups


def _expression(text: str) -> Any:
    set_variances({})
    try:
        expression = latex2sympy(text)
    # latex2sympy2 has no error class of its own, and raises AttributeError on trees that it does not expect
    except Exception as error:
        raise _Unread(str(error)) from None
    if isinstance(expression, sympy.MatrixBase):
        return expression
    if not isinstance(expression, sympy.Expr):
        raise _Unread(f"{text}: not an expression")
    return expression if "^ { + }" in text else expression.replace(sympy.Limit, _from_both_sides)


def _from_both_sides(inside: Any, letter: Any, place: Any, side: Any) -> Any:
    """A limit from both sides, where latex2sympy2 makes a limit without a side one from above."""
    return sympy.Limit(inside, letter, place, "+-" if str(side) == "+" else "-")


def _same(gold: Side, pred: Side, tolerance: float) -> bool:
    if isinstance(gold, list) or isinstance(pred, list):
        return isinstance(gold, list) and isinstance(pred, list) and _same_parts(gold, pred, tolerance)
    matrices = [isinstance(side, sympy.MatrixBase) for side in (gold, pred)]
    if any(matrices):
        return (
            all(matrices)
            and gold.shape == pred.shape
            and all(_same(*both, tolerance) for both in zip(gold, pred, strict=True))
        )
    return _same_value(gold, pred, tolerance)


def _same_parts(gold: list[Side], pred: list[Side], tolerance: float) -> bool:
    if gold[0] != pred[0] or len(gold) != len(pred):
        return False
    if gold[0] in ("(", "["):
        return all(_same(*both, tolerance) for both in zip(gold[1:], pred[1:], strict=True))
    remaining = pred[1:]
    for part in gold[1:]:
        place = next(
            (place for place, candidate in enumerate(remaining) if _same(part, candidate, tolerance)), None
        )
        if place is None:
            return False
        del remaining[place]
    return True


def _same_value(gold: Any, pred: Any, tolerance: float) -> bool:
    """Compares values at several points.

    Where the values differ or are too few, sums, integrals and limits are worked out and compared again.
    `simplify` decides where the values are still too few.
    """
    agreed = _agree(gold, pred, tolerance)
    if agreed:
        return _exactly(gold, pred, tolerance)
    if gold.has(*_UNDONE) or pred.has(*_UNDONE):
        gold, pred = _done(gold), _done(pred)
        agreed = _agree(gold, pred, tolerance)
    if agreed is None:
        agreed = _zero(gold, pred)
    return agreed


def _agree(gold: Any, pred: Any, tolerance: float) -> bool | None:
    """Whether the values at all points agree; None where too few points have values."""
    letters = sorted(gold.free_symbols | pred.free_symbols, key=str)
    compared = 0
    for env, negative in _points(letters, gold.has(*_DISCRETE) or pred.has(*_DISCRETE)):
        first, second = _number(gold, env), _number(pred, env)
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
    """Values of the letters, and whether one letter is negative: four positive points, then one for each
    letter.

    With `whole` all values are positive whole numbers.
    """
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
        number = complex(expression.subs(env).evalf(DIGITS))
    except (MemoryError, RecursionError):
        raise
    except Exception:  # SymPy raises many classes where there is no number
        return None
    return number if abs(number) < float("inf") else None


def _done(expression: Any) -> Any:
    try:
        return expression.doit()
    except (MemoryError, RecursionError):
        raise
    except Exception:  # as in _number
        return expression


def _exactly(gold: Any, pred: Any, tolerance: float) -> bool:
    """Whether whole numbers and fractions are exactly equal: floats cannot tell 10**20 from 10**20 + 1."""
    if tolerance or gold.free_symbols or pred.free_symbols:
        return True
    first, second = _done(gold), _done(pred)
    return bool(first == second) if first.is_Rational and second.is_Rational else True


def _zero(gold: Any, pred: Any) -> bool:
    try:
        return bool(sympy.simplify(gold - pred) == 0)
    except (MemoryError, RecursionError):
        raise
    except Exception:  # as in _number
        return False
