"""Compares answers beyond the grammar of terms.py by SymPy: sums, products, integrals, limits, derivatives,
logarithms to any base, floors, remainders.

A text must pass a whitelist of tokens and the limits below before any parser reads the text. Then
latex2sympy2 reads and SymPy compares, in a process that is killed beyond its limits (algebra.py, run by
helper.py). This module imports neither.
"""

import re
from collections import deque
from functools import lru_cache
from itertools import pairwise

from stages.graders.reading.limits import Limits, TooMuch, Unread
from stages.graders.sandbox.helper import Sandbox

__all__ = ["Limits", "equal", "legible"]

MAX_LENGTH = 1000  # characters of an expression
MAX_TOKENS = 300  # tokens of an expression
MAX_DEPTH = 20  # brackets within brackets
MAX_DIGITS = 60  # digits of one number
MAX_POWER = 1000  # a whole number in an exponent
MAX_EXPONENTS = 2  # exponents and indices within one another
MAX_FACTORIAL = 1000  # the largest whole number of an expression with a factorial or binomial
MAX_FACTORIALS = 4  # factorials and binomials of an expression

_TOKEN = re.compile(
    r"\\(?:begin|end)\s*\{[a-zA-Z]{1,10}\}|\\[A-Za-z]+|\\[,;:!{}| \\]|\d+(?:\.\d+)?|\.\d+|[A-Za-z]+"
    r"|[-+*/^_(){}\[\]|!,=&]|[\s~$]+",
    re.ASCII,
)
_WORDY = re.compile(r"\\(?:operatorname|mathrm|text|mathop|rm)\s*\{\s*([A-Za-z]{1,6})\s*\}")
_KEPT = (
    "frac sqrt sum prod int lim infty pi binom cdot times div mod lfloor rfloor lceil rceil exp log ln max "
    "min gcd lcm sin cos tan csc sec cot sinh cosh tanh arcsin arccos arctan arcsec arccsc arccot arsinh "
    "arcosh artanh arcsinh arccosh arctanh alpha beta gamma delta epsilon zeta eta theta iota kappa lambda "
    "mu nu xi rho sigma tau upsilon phi chi psi omega Gamma Delta Theta Lambda Xi Sigma Phi Psi Omega to"
)
_DROPPED = (
    "left right big Big bigl bigr Bigl Bigr bigg Bigg displaystyle textstyle limits nolimits quad qquad"
)
_RENAMED = {
    "dfrac": "\\frac", "tfrac": "\\frac", "cfrac": "\\frac", "dbinom": "\\binom", "tbinom": "\\binom",
    "rightarrow": "\\to", "bmod": "\\mod", "lg": "\\log", "tg": "\\tan", "ctg": "\\cot", "lvert": "|",
    "rvert": "|", "vert": "|",
}  # fmt: skip
_NAMES: dict[str, str] = (
    {name: f"\\{name}" for name in _KEPT.split()} | dict.fromkeys(_DROPPED.split(), "") | _RENAMED
)
_NEED_BACKSLASH = "to frac sqrt sum prod int lim mod"  # words or products without a backslash
_BARE = set(_KEPT.split()) - set(_NEED_BACKSLASH.split())
_WORDS = "and or is if of to in the for not no yes at by cm mm km kg mg ft lb oz mph hr am pm"
_SHORT = set(_WORDS.split())
_TABLE = re.compile(r"\\(begin|end)\s*\{[pbv]?matrix\}")
_SPACES = {"\\,", "\\;", "\\:", "\\!", "\\ "}
_PAIRS = {"(": ")", "[": "]", "{": "}", "\\{": "\\}", "\\lfloor": "\\rfloor", "\\lceil": "\\rceil"}

_ALGEBRA = Sandbox("stages.graders.sandbox.algebra:equal")


def equal(gold: str, pred: str, limits: Limits, tolerance: float = 0.0) -> bool | None:
    """Whether two answers in LaTeX have the same value; None where an answer cannot be read.

    `tolerance` is relative, and holds where a decimal is written. A call takes at most `limits.seconds`,
    including the start of a helper process that takes less than half of that time. Raises TooMuch beyond a
    limit.
    """
    gold_tokens, pred_tokens = legible(gold), legible(pred)
    if gold_tokens is None or pred_tokens is None:
        return None
    if "\\" not in gold_tokens + pred_tokens:  # terms.py reads all mathematics without commands
        return None
    same: bool | None = _ALGEBRA.call(
        gold_tokens, pred_tokens, tolerance if "." in gold_tokens + pred_tokens else 0.0, limits=limits
    )
    return same


@lru_cache(maxsize=4096)
def legible(text: str) -> str | None:
    """`text` as tokens of the whitelist with spaces between, and with braces around every argument.

    None where `text` has any other token or its brackets do not match. Raises TooMuch beyond a limit.
    """
    if len(text) > MAX_LENGTH:
        raise TooMuch(f"an expression of more than {MAX_LENGTH} characters")
    try:
        tokens = _imaginary(_tokens(_WORDY.sub(r" \\\1 ", text).replace("\\d ", " d ").replace("{,}", "")))
        _check(tokens)
        waiting = deque(tokens)
        row = _row(waiting, 0, 0)
    except Unread:
        return None
    return " ".join(row) if row and not waiting else None


def _tokens(text: str) -> list[str]:
    tokens: list[str] = []
    place = 0
    while place < len(text):
        match = _TOKEN.match(text, place)
        if not match:
            raise Unread(f"unexpected {text[place]!r}")
        tokens += _known(match.group())
        place = match.end()
    return tokens


def _known(token: str) -> list[str]:
    """The tokens for one token of the text. Up to three letters are a product. Raises Unread on a longer
    word."""
    if token.startswith(("\\begin", "\\end")) and _TABLE.fullmatch(token):
        return ["".join(token.split())]
    if token[0] == "\\" and token[1].isalpha() and token[1:] in _NAMES:
        return [_NAMES[token[1:]]] if _NAMES[token[1:]] else []
    if token.isalpha() and token in _BARE:
        return [_NAMES[token]]
    if token.isalpha() and len(token) <= 3 and token not in _SHORT:
        return list(token)
    if token[0].isspace() or token[0] in "~$" or token in _SPACES:
        return []
    if token[0].isalpha() or (token[0] == "\\" and token not in ("\\{", "\\}", "\\\\")):
        raise Unread(f"a word: {token!r}")
    return ["0" + token] if token[0] == "." else [token]


def _imaginary(tokens: list[str]) -> list[str]:
    """`tokens` with the imaginary unit `I` for `i`, unless `i` is the index of a sum or integral.

    Raises Unread on `I` and `i_1`, which SymPy would take for the imaginary unit.
    """
    pairs = list(pairwise(tokens))
    if "I" in tokens or ("i", "_") in pairs:
        raise Unread("a letter that would be taken for the imaginary unit")
    bound = ("i", "=") in pairs or ("i", "\\to") in pairs or ("d", "i") in pairs
    return tokens if bound else ["I" if token == "i" else token for token in tokens]


def _check(tokens: list[str]) -> None:
    """Raises TooMuch on tokens that would keep a parser or SymPy busy without end."""
    if len(tokens) > MAX_TOKENS:
        raise TooMuch(f"an expression of more than {MAX_TOKENS} tokens")
    if any(token[0].isdigit() and len(token) > MAX_DIGITS for token in tokens):
        raise TooMuch(f"a number of more than {MAX_DIGITS} digits")
    if "!" in tokens or "\\binom" in tokens:
        largest = max((int(token) for token in tokens if token.isdigit()), default=0)
        if largest > MAX_FACTORIAL or tokens.count("!") + tokens.count("\\binom") > MAX_FACTORIALS:
            raise TooMuch("a factorial too large")


def _row(tokens: deque[str], depth: int, levels: int) -> list[str]:
    """The tokens up to a closing bracket or the end; a whole number before a fraction makes a sum: a mixed
    number."""
    row: list[str] = []
    while tokens and tokens[0] not in _PAIRS.values():
        fraction = tokens[0] == "\\frac"
        item = _item(tokens, depth, levels)
        mixed = (
            fraction
            and row
            and row[-1].isdigit()
            and all(part.isdigit() or part in ("\\frac", "{", "}") for part in item)
        )
        row[-1:] = ["(", row[-1], "+", *item, ")"] if mixed else [*row[-1:], *item]
    return row


def _item(tokens: deque[str], depth: int, levels: int) -> list[str]:
    """One token with what belongs to the token: the content of a bracket, the arguments of a command or
    exponent."""
    if depth > MAX_DEPTH:
        raise TooMuch(f"brackets more than {MAX_DEPTH} deep")
    if not tokens:
        raise Unread("an argument is missing")
    token = tokens.popleft()
    if token in _PAIRS.values():
        raise Unread(f"{token!r} closes what was never opened")
    if token in _PAIRS:
        inside = _row(tokens, depth + 1, levels)
        if not tokens or tokens.popleft() != _PAIRS[token]:
            raise Unread(f"{token!r} is not closed")
        return [token, *inside, _PAIRS[token]]
    if token in ("^", "_"):
        if levels >= MAX_EXPONENTS:
            raise TooMuch(f"more than {MAX_EXPONENTS} exponents upon each other")
        return [token, *_argument(tokens, depth, levels + (token == "^"))]
    if token in ("\\frac", "\\binom"):
        return [
            token,
            *_argument(tokens, depth, levels, digit=True),
            *_argument(tokens, depth, levels, digit=True),
        ]
    if token == "\\sqrt":
        index = _item(tokens, depth + 1, levels) if tokens and tokens[0] == "[" else []
        return [token, *index, *_argument(tokens, depth, levels, digit=True)]
    if levels and token.isdigit() and int(token) > MAX_POWER:
        raise TooMuch(f"an exponent beyond {MAX_POWER}")
    return [token]


def _argument(tokens: deque[str], depth: int, levels: int, digit: bool = False) -> list[str]:
    """An argument, in braces. Without braces in the text the argument is one item.

    With `digit` only the first digit of a number is the argument (`\\frac12`).
    """
    if tokens and tokens[0] == "{":
        return _item(tokens, depth + 1, levels)
    if digit and tokens and tokens[0].isdigit() and len(tokens[0]) > 1:
        number = tokens.popleft()
        tokens.extendleft([number[1:], number[0]])
    if tokens and tokens[0] in ("+", "-") and (len(tokens) == 1 or tokens[1] in _PAIRS.values()):
        return ["{", tokens.popleft(), "}"]  # the side of a limit: 0^+
    sign = [tokens.popleft()] if tokens and tokens[0] == "-" else []
    return ["{", *sign, *_item(tokens, depth + 1, levels), "}"]
