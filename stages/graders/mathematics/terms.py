"""The grammar of mathematical answers, read by recursive descent into trees of plain tuples.

A text that is not in the grammar is refused, never guessed:

    line     = relation {("," | ";") relation}
    relation = ratio {("=" | "<" | ">" | "<=" | ">=" | "!=" | "\\in") ratio}
    ratio    = union {":" union}
    union    = sum {("\\cup" | "\\cap" | "\\setminus") sum}
    sum      = product {("+" | "-" | "\\pm" | "\\mp") product}
    product  = unary {["*" | "/" | "\\bmod"] unary}
    power    = atom {"!" | "%" | "\\degree" | "'"} ["^" unary]
    atom     = number | letter | constant | word | \\frac | \\sqrt | \\binom | function | \\sum | \\int
             | bracket | |line| | matrix

brackets.py reads atoms. A text has at most `latex.MAX_LENGTH` characters, and nests at most
`cursor.MAX_DEPTH` deep.
"""

from fractions import Fraction
from typing import Any

from stages.graders.mathematics.cursor import Cursor
from stages.graders.mathematics.lexer import CONSTANTS, FUNCTIONS, GREEK, MAX_DIGITS, RELATIONS
from stages.graders.reading.limits import TooMuch, Unread

# the kind of the node, then its parts: ("sum", [node, ...]), ("number", value, decimals)
Node = tuple[Any, ...]

# tokens that end a product of factors without signs between them
_STOPS = frozenset(
    ["", ")", "[", "]", "}", "\\}", ",", ";", ":", "+", "-", "*", "/", "^", "_", "!", "&", "\\\\", "'",
     "\\pm", "\\mp", "\\cup", "\\cap", "\\setminus", "\\rfloor", "\\rceil", "\\rangle", "\\bmod", "\\in",
     "\\%", "\\degree", "\\to"]
)  # fmt: skip
_SETS = {"\\cup": "union", "\\cap": "intersection", "\\setminus": "difference"}


class Lines(Cursor):
    """Reads lines down to powers; the subclass brackets.Reader reads atoms."""

    def line(self) -> Node:
        """A list of relations; semicolons make a list of lists."""
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
        """A relation, or one side where no relation sign follows."""
        sides, signs = [self.ratio()], []
        while self.peek() in RELATIONS or self.peek() == "\\in":
            signs.append(self.take())
            sides.append(self.ratio())
        return ("relation", signs, sides) if signs else sides[0]

    def ratio(self) -> Node:
        """A ratio, or one part where no colon follows."""
        parts = [self.union()]
        while self.accept(":"):
            parts.append(self.union())
        return ("ratio", parts) if len(parts) > 1 else parts[0]

    def union(self) -> Node:
        """A union, intersection or difference of sets, or one sum."""
        tree = self.sum()
        while sign := self.accept(*_SETS):
            right = self.sum()
            joined = sign == "\\cup" and tree[0] == "union"
            tree = ("union", [*tree[1], right]) if joined else (_SETS[sign], [tree, right])
        return tree

    def sum(self) -> Node:
        """A sum of terms, or one term."""
        terms, both = [self.product()], False
        while sign := self.accept("+", "-", "\\pm", "\\mp"):
            term = self.product()
            both = both or sign in ("\\pm", "\\mp")
            term = ("negative", term) if sign in ("-", "\\mp") else term
            terms.append(("both", term) if sign in ("\\pm", "\\mp") else term)
        return ("sum", terms) if len(terms) > 1 or both else terms[0]

    def product(self) -> Node:
        """A product of factors with signs before, or one factor."""
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
        """Reads a factor without a sign before and appends the factor to `factors`.

        A fraction after a whole number is added: a mixed number. Raises Unread on two numbers side by side.
        """
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
        """A power with signs before."""
        with self:
            sign = self.accept("-", "+", "\\pm")
            inside = self.unary() if sign else self.power()
            return ("negative", inside) if sign == "-" else ("both", inside) if sign == "\\pm" else inside

    def starts_factor(self) -> bool:
        """Whether a factor without a sign follows."""
        token = self.peek()
        if token == "|":
            return self.bars == 0
        return token not in _STOPS and token not in RELATIONS and not token.startswith("\\end")

    def power(self) -> Node:
        """An atom with the signs, indices and exponents behind."""
        base = self.atom()
        while sign := self.accept("!", "\\%", "\\degree", "'", "^", "_"):
            if sign == "!":
                base = ("factorial", base)
            elif sign == "'":
                base = ("symbol", base[1] + "'") if base[0] == "symbol" else self.refuse(sign)
            elif sign == "_":
                has_digits = base[0] in ("number", "product", "sum")
                base = ("base", base, self.argument()) if has_digits else self.refuse(sign)
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
        """A number: its value and how many decimals are written (None without any)."""
        mantissa, exponent, power = token.lower().partition("e")
        if exponent and abs(int(power)) > MAX_DIGITS:
            raise TooMuch(f"an exponent beyond {MAX_DIGITS}")
        places = len(mantissa.partition(".")[2]) - int(power or 0) if "." in mantissa or exponent else None
        value = Fraction(token)
        return ("number", value, max(places, 0) if places is not None and value.denominator != 1 else None)

    def symbol(self, token: str) -> Node:
        """A constant, or a letter with an index."""
        if token in CONSTANTS:
            return ("constant", CONSTANTS[token])
        if not (len(token) == 1 and token.isalpha()) and token not in GREEK:
            raise Unread(f"unexpected {token!r}")
        if self.accept("_"):
            token += "_" + (self.subscript() if self.accept("{") else self.take())
        return ("symbol", token)

    def subscript(self) -> str:
        """The index up to the closing brace, as written."""
        inside, depth = "", 1
        while depth:
            token = self.take()
            depth += (token == "{") - (token == "}")
            inside += token if depth else ""
        return inside

    def argument(self) -> Node:
        """An argument: the content of braces, or one token; without braces only the first digit of a
        number."""
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
        """An atom; the subclass reads atoms."""
        raise NotImplementedError


def _product(factors: list[Node]) -> Node:
    return ("product", factors) if len(factors) > 1 else factors[0]


def is_function(token: str) -> bool:
    """Whether a token names a function of the grammar."""
    return token.removeprefix("\\") in FUNCTIONS and token != "\\Gamma"
