"""The atoms of the grammar of terms.py: brackets, functions, sums and integrals, matrices."""

import re

from stages.graders.mathematics.lexer import FUNCTIONS, tokens
from stages.graders.mathematics.terms import Lines, Node, is_function
from stages.graders.reading.limits import Unread

_INVERSE = {
    "sin": "arcsin",
    "cos": "arccos",
    "tan": "arctan",
    "sinh": "arcsinh",
    "cosh": "arccosh",
    "tanh": "arctanh",
    "cot": "arccot",
}
_ALIAS = {
    "asin": "arcsin",
    "acos": "arccos",
    "atan": "arctan",
    "arsinh": "arcsinh",
    "arcosh": "arccosh",
    "artanh": "arctanh",
    "lg": "log",
}
_CLOSERS = {
    "(": ")",
    "[": "]",
    "\\{": "\\}",
    "{": "}",
    "\\lfloor": "\\rfloor",
    "\\lceil": "\\rceil",
    "\\langle": "\\rangle",
}
_NUMBER = re.compile(r"[\d.]")


def parse(text: str) -> Node:
    """The tree of `text`. Raises Unread where `text` is not in the grammar, TooMuch beyond a limit."""
    reader = Reader(tokens(text))
    tree = reader.line()
    if reader.peek():
        raise Unread(f"unexpected {reader.peek()!r}")
    return tree


class Reader(Lines):
    """Reads the whole grammar."""

    def atom(self) -> Node:
        """A number, word, bracket, matrix or command."""
        with self:
            token = self.take()
            if _NUMBER.match(token):
                return self.number(token)
            if token in _CLOSERS:
                return self.bracket(token)
            if token == "|":
                return self.absolute()
            if token.startswith("\\begin"):
                return self.matrix(token)
            if token[0] == '"':
                return ("word", token.strip('"'))
            return self.command(token)

    def command(self, token: str) -> Node:
        """A command, a function, a constant or a letter."""
        if token == "\\frac":
            above, below = self.argument(), self.argument()
            if above == ("symbol", "d") and below[0] == "product" and below[1][0] == above:
                raise Unread("a derivative")
            return ("frac", above, below)
        if token == "\\binom":
            return ("binom", self.argument(), self.argument())
        if token in ("\\sqrt", "\\cbrt"):
            return self.root(token)
        if token in ("\\sum", "\\prod"):
            return self.big(token[1:])
        if token == "\\int":
            return self.integral()
        if token in ("\\emptyset", "\\ldots"):
            return ("set", []) if token == "\\emptyset" else ("word", "...")
        if token == "\\mathbb":
            name = self.argument()
            return ("reals",) if name == ("symbol", "R") else ("word", f"set of {name[-1]}")
        if is_function(token) or (token == "\\Gamma" and self.peek() == "("):
            return self.function(token.removeprefix("\\"))
        return self.symbol(token)

    def root(self, token: str) -> Node:
        """\\sqrt[index]{inside} and \\cbrt{inside}."""
        index: Node = self.number("3" if token == "\\cbrt" else "2")
        if self.accept("["):
            index = self.sum()
            self.take("]")
        return ("root", self.atom(), index)

    def absolute(self) -> Node:
        """|inside|; the first bar has been read."""
        self.bars += 1
        inside = self.sum()
        self.take("|")
        self.bars -= 1
        return ("call", "abs", inside)

    def bracket(self, opener: str) -> Node:
        """A group, a tuple, an interval, a set, a floor or a ceiling. `opener` has been read."""
        bars, self.bars = self.bars, 0
        closer = _CLOSERS[opener]
        if opener in ("\\{", "{") and self.accept(closer):
            return ("set", [])
        inside = self.line()
        trailing = self.tokens[self.place - 1] == ","
        closed = self.take(closer) if opener not in "([" else self.take(")", "]")
        self.bars = bars
        if opener in ("\\lfloor", "\\lceil"):
            return ("call", "floor" if opener == "\\lfloor" else "ceil", inside)
        items = inside[1] if inside[0] == "list" else [inside]
        if opener == "\\{" or (opener == "{" and (inside[0] in ("list", "both") or _both(inside))):
            return ("set", items)
        if inside[0] == "list" or trailing:
            return ("tuple", "()" if opener == "\\langle" else opener + closed, items)
        if opener in "([" and closed != closer:
            raise Unread("brackets that do not match")
        return inside

    def big(self, name: str) -> Node:
        """\\sum_{k=1}^{n} body; the body ends at the next plus or minus."""
        self.take("_")
        start = self.argument()
        if start[0] != "relation" or start[1] != ["="] or start[2][0][0] not in ("symbol", "constant"):
            raise Unread("a sum without a start")
        self.take("^")
        stop = self.argument()
        return ("big", name, start[2][0], start[2][1], stop, self.product())

    def integral(self) -> Node:
        """\\int_a^b body dx; the body ends at the first `d` before a letter."""
        self.take("_")
        low = self.argument()
        self.take("^")
        high = self.argument()
        end = next(
            (
                at
                for at in range(self.place, len(self.tokens) - 1)
                if self.tokens[at] == "d" and self.tokens[at + 1].isalpha()
            ),
            None,
        )
        if end is None:
            raise Unread("an integral without an end")
        inner = Reader(self.tokens[self.place : end], self.depth)
        body = inner.sum() if inner.peek() else self.number("1")
        if inner.peek():
            raise Unread(f"unexpected {inner.peek()!r}")
        self.place = end + 1
        return ("big", "int", self.symbol(self.take()), low, high, body)

    def function(self, name: str) -> Node:
        """A function with its index and exponent: \\sin^2 x, \\log_2 8."""
        base: Node | None = None
        exponent: Node | None = None
        if self.accept("_"):
            base = self.argument()
        if self.accept("^"):
            exponent = self.argument() if self.peek() == "{" else self.unary()
        name = _ALIAS.get(name, name)
        if exponent == ("negative", ("number", 1, None)):
            if name not in _INVERSE:
                raise Unread(f"the inverse of {name}")
            name, exponent = _INVERSE[name], None
        tree: Node = ("call", name, self.operand(), *([base] if base else []))
        return ("power", tree, exponent) if exponent else tree

    def operand(self) -> Node:
        """The operand of a function: a bracket, or the product up to the next function or sign."""
        if self.peek() in ("(", "[", "{", "|"):
            return self.atom()
        sign = self.accept("-")
        factors = [self.power()]
        while (
            self.starts_factor()
            and self.peek().removeprefix("\\") not in FUNCTIONS
            and self.peek() not in ("(", "[")
        ):
            factors.append(self.power())
            if factors[-1][0] == "word":
                raise Unread("a word beside something else")
        if self.peek() == "/" and self.peek(1).isdigit() and not self.peek(2).isdigit():  # \sin \pi/2
            self.take()
            factors.append(("inverse", self.power()))
        tree: Node = ("product", factors) if len(factors) > 1 else factors[0]
        return ("negative", tree) if sign else tree

    def matrix(self, opening: str) -> Node:
        """\\begin{pmatrix} a & b \\\\ c & d \\end{pmatrix}. All kinds of brackets are the same, except the
        bars of a determinant."""
        if "cases" in opening:
            return self.cases()
        if not any(name in opening for name in ("matrix", "array")):
            raise Unread(f"unexpected {opening!r}")
        rows: list[list[Node]] = [[]]
        while not self.peek().startswith("\\end"):
            rows[-1].append(self.relation())
            if not self.accept("&") and self.accept("\\\\") and not self.peek().startswith("\\end"):
                rows.append([])
        self.take()
        return ("call", "det", ("matrix", rows)) if "vmatrix" in opening else ("matrix", rows)

    def cases(self) -> Node:
        """A system of equations as a list. Raises Unread on a piecewise function (with `&`)."""
        rows: list[Node] = []
        while not self.peek().startswith("\\end"):
            rows.append(self.relation())
            if not self.accept("\\\\", ","):
                break
            self.accept("\\\\")
        if not self.peek().startswith("\\end"):
            raise Unread(f"unexpected {self.peek()!r}")
        self.take()
        return ("list", rows)


def _both(node: Node) -> bool:
    return node[0] == "sum" and any(term[0] == "both" for term in node[1])
