"""A small grammar of mathematics, read by recursive descent into plain tuples; what is not in it is refused,
never guessed.

    line     = relation {("," | ";") relation}               relation = ratio {("=" | "<" | ">" | "<=" | ">=" | "!=") ratio}
    ratio    = union {":" union}                              union    = sum {("\\cup" | "\\cap" | "\\setminus") sum}
    sum      = product {("+" | "-" | "\\pm" | "\\mp") product}   product  = unary {["*" | "/" | "\\bmod"] unary}
    power    = atom {"!" | "%" | "\\degree" | "'"} ["^" unary]
    atom     = number | letter | constant | word | \\frac | \\sqrt | \\binom | function | \\sum | \\int | bracket | |line| | matrix

Brackets, functions and matrices are read by brackets.py. The parser is handed at most `latex.MAX_LENGTH`
characters and nests at most `MAX_DEPTH` deep.
"""

from fractions import Fraction
from typing import Any

from stages.graders.mathematics.lexer import CONSTANTS, FUNCTIONS, GREEK, MAX_DIGITS, RELATIONS
from stages.graders.reading.limits import TooMuch, Unread

MAX_DEPTH = 40

Node = tuple[Any, ...]

_STOPS = frozenset(
    ["", ")", "[", "]", "}", "\\}", ",", ";", ":", "+", "-", "*", "/", "^", "_", "!", "&", "\\\\", "'"]
    + ["\\pm", "\\mp", "\\cup", "\\cap", "\\setminus", "\\rfloor", "\\rceil", "\\rangle", "\\bmod", "\\in", "\\%"]
    + ["\\degree", "\\to"]
)  # fmt: skip
_SETS = {"\\cup": "union", "\\cap": "intersection", "\\setminus": "difference"}


class Tokens:
    """Tokens under a reading finger, and how deep the reading is nested."""

    def __init__(self, tokens: list[str], depth: int = 0) -> None:
        self.tokens = tokens
        self.place = 0
        self.depth = depth
        self.bars = 0

    def peek(self, ahead: int = 0) -> str:
        """The token under the finger, or further ahead; nothing at the end."""
        place = self.place + ahead
        return self.tokens[place] if place < len(self.tokens) else ""

    def take(self, *expected: str) -> str:
        """Moves on; raises Unread on any token but the `expected`."""
        token = self.peek()
        if not token or (expected and token not in expected):
            raise Unread(f"expected {' or '.join(expected) or 'more'}, got {token!r}")
        self.place += 1
        return token

    def accept(self, *choices: str) -> str:
        """Moves on over one of `choices`; nothing where there is none."""
        return self.take() if self.peek() in choices else ""

    def __enter__(self) -> None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise TooMuch(f"nested more than {MAX_DEPTH} deep")

    def __exit__(self, *_: object) -> None:
        self.depth -= 1


class Lines(Tokens):
    """From lines down to powers; `atom` is read by the class below it (brackets.Reader)."""

    def line(self) -> Node:
        """Parts between commas; groups of them between semicolons."""
        groups: list[list[Node]] = [[self.relation()]]
        while sign := self.accept(",", ";"):
            if sign == ";":
                groups.append([])
            if self.peek() not in (",", ";", "", ")", "]", "}", "\\}"):
                groups[-1].append(self.relation())
        groups = [group for group in groups if group]
        if len(groups) == 1 or all(len(group) == 1 for group in groups):
            items = [item for group in groups for item in group]
            return items[0] if len(items) == 1 else ("list", items)
        return ("list", [("list", group) if len(group) > 1 else group[0] for group in groups])

    def relation(self) -> Node:
        """Sides with relation signs between them."""
        sides, signs = [self.ratio()], []
        while self.peek() in RELATIONS or self.peek() == "\\in":
            signs.append(self.take())
            sides.append(self.ratio())
        return ("relation", signs, sides) if signs else sides[0]

    def ratio(self) -> Node:
        """Parts with colons between them."""
        parts = [self.union()]
        while self.accept(":"):
            parts.append(self.union())
        return ("ratio", parts) if len(parts) > 1 else parts[0]

    def union(self) -> Node:
        """Sets joined, met or taken from one another."""
        tree = self.sum()
        while sign := self.accept(*_SETS):
            right = self.sum()
            joined = sign == "\\cup" and tree[0] == "union"
            tree = ("union", [*tree[1], right]) if joined else (_SETS[sign], [tree, right])
        return tree

    def sum(self) -> Node:
        """Terms."""
        terms, both = [self.product()], False
        while sign := self.accept("+", "-", "\\pm", "\\mp"):
            term = self.product()
            both = both or sign in ("\\pm", "\\mp")
            terms.append(
                {
                    "+": term,
                    "-": ("negative", term),
                    "\\pm": ("both", term),
                    "\\mp": ("both", ("negative", term)),
                }[sign]
            )
        return ("sum", terms) if len(terms) > 1 or both else terms[0]

    def product(self) -> Node:
        """Signs, then factors."""
        signs = 0
        plus_minus = ""
        while sign := self.accept("-", "+", "\\pm", "\\mp"):
            signs += sign in ("-", "\\mp")
            plus_minus = plus_minus or (sign if len(sign) > 1 else "")
        factors = [self.power()]
        while True:
            if self.accept("*"):
                factors.append(self.unary())
            elif self.accept("/"):
                factors.append(("inverse", self.unary()))
            elif self.accept("\\bmod"):
                factors = [("call", "mod", ("tuple", "()", [_product(factors), self.unary()]))]
            elif self.starts_factor():
                self.implicit(factors)
            else:
                break
        tree = _product(factors)
        tree = ("both", tree) if plus_minus else tree
        return ("negative", tree) if signs % 2 else tree

    def implicit(self, factors: list[Node]) -> None:
        """A factor without a sign before it; after a whole number, a fraction of whole numbers is added (a
        mixed number)."""
        token, before = self.peek(), factors[-1]
        whole = before[0] == "number" and before[1].denominator == 1
        if token[0].isdigit() and before[0] == "number":
            if not (whole and token.isdigit() and self.peek(1) == "/" and self.peek(2).isdigit()):
                raise Unread("two numbers side by side")
            above, _, below = self.take(), self.take(), self.take()
            factors[-1] = ("sum", [before, ("frac", self.number(above), self.number(below))])
            return
        factor = self.power()
        if before[0] == "word" or factor[0] == "word":
            if before[0] != factor[0]:
                raise Unread("a word beside something else")
            factors[-1] = ("word", f"{before[1]} {factor[1]}")
        elif (
            token == "\\frac"
            and whole
            and factor[0] == "frac"
            and all(part[0] == "number" for part in factor[1:])
        ):
            factors[-1] = ("sum", [before, factor])
        else:
            factors.append(factor)

    def unary(self) -> Node:
        """A power with signs before it."""
        with self:
            sign = self.accept("-", "+", "\\pm")
            inside = self.unary() if sign else self.power()
            return ("negative", inside) if sign == "-" else ("both", inside) if sign == "\\pm" else inside

    def starts_factor(self) -> bool:
        """Whether a factor without a sign before it comes next."""
        token = self.peek()
        if token == "|":
            return self.bars == 0
        return token not in _STOPS and token not in RELATIONS and not token.startswith("\\end")

    def power(self) -> Node:
        """An atom with what is written behind it."""
        base = self.atom()
        while sign := self.accept("!", "\\%", "\\degree", "'", "^", "_"):
            if sign == "!":
                base = ("factorial", base)
            elif sign == "'":
                base = ("symbol", base[1] + "'") if base[0] == "symbol" else self.refuse(sign)
            elif sign == "_":
                base = (
                    ("base", base, self.argument())
                    if base[0] in ("number", "product", "sum")
                    else self.refuse(sign)
                )
            elif sign == "^":
                base = ("power", base, self.unary())
                if self.peek() in ("^", "_"):
                    self.refuse(self.peek())
            else:
                base = ("percent" if sign == "\\%" else "degree", base)
        return base

    def refuse(self, token: str) -> Node:
        """Raises Unread."""
        raise Unread(f"unexpected {token!r}")

    def number(self, token: str) -> Node:
        """Its value and how many decimals are written, None without any."""
        mantissa, exponent, power = token.lower().partition("e")
        if exponent and abs(int(power)) > MAX_DIGITS:
            raise TooMuch(f"an exponent beyond {MAX_DIGITS}")
        places = len(mantissa.partition(".")[2]) - int(power or 0) if "." in mantissa or exponent else None
        value = Fraction(token)
        return ("number", value, max(places, 0) if places is not None and value.denominator != 1 else None)

    def symbol(self, token: str) -> Node:
        """A constant, or a letter with its index."""
        if token in CONSTANTS:
            return ("constant", CONSTANTS[token])
        if not (len(token) == 1 and token.isalpha()) and token not in GREEK:
            raise Unread(f"unexpected {token!r}")
        if self.accept("_"):
            token += "_" + (self.subscript() if self.accept("{") else self.take())
        return ("symbol", token)

    def subscript(self) -> str:
        """An index in braces, as written."""
        inside, depth = "", 1
        while depth:
            token = self.take()
            depth += (token == "{") - (token == "}")
            inside += token if depth else ""
        return inside

    def argument(self) -> Node:
        """`{...}`, or one token, of a number its first digit."""
        with self:
            if self.accept("{"):
                inside = self.line()
                self.take("}")
                return inside
            token = self.peek()
            if token.isdigit() and len(token) > 1:
                self.tokens[self.place] = token[1:]
                return ("number", Fraction(token[0]), None)
            return self.atom()

    def atom(self) -> Node:
        """Read by the class below."""
        raise NotImplementedError


def _product(factors: list[Node]) -> Node:
    return ("product", factors) if len(factors) > 1 else factors[0]


def is_function(token: str) -> bool:
    """Whether a token names a function of ours."""
    return token.removeprefix("\\") in FUNCTIONS and token != "\\Gamma"
