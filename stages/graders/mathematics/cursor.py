"""A position in a list of tokens, and how deep the part that is being read is nested."""

from stages.graders.reading.limits import TooMuch, Unread

MAX_DEPTH = 40  # brackets, arguments and signs within one another


class Cursor:
    """Tokens and the position of the next token. `with cursor:` counts one level of nesting."""

    def __init__(self, tokens: list[str], depth: int = 0) -> None:
        self.tokens = tokens
        self.place = 0  # index of the next token
        self.depth = depth  # levels of nesting
        self.bars = 0  # absolute values (|x|) that are open

    def peek(self, ahead: int = 0) -> str:
        """The next token, or the one `ahead` tokens later; empty beyond the end."""
        place = self.place + ahead
        return self.tokens[place] if place < len(self.tokens) else ""

    def take(self, *expected: str) -> str:
        """The next token, which is then read. Raises Unread on any token but the `expected`, and at the
        end."""
        token = self.peek()
        if not token or (expected and token not in expected):
            raise Unread(f"expected {' or '.join(expected) or 'more'}, got {token!r}")
        self.place += 1
        return token

    def accept(self, *choices: str) -> str:
        """The next token, which is then read, where the token is one of `choices`; else empty."""
        return self.take() if self.peek() in choices else ""

    def __enter__(self) -> None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise TooMuch(f"nested more than {MAX_DEPTH} deep")

    def __exit__(self, *_: object) -> None:
        self.depth -= 1
