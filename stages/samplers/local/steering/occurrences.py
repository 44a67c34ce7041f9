"""How often symbols stand in the answers of a batch, whatever tokens they are written in.

A symbol may be several tokens, one token, or a part of a token that holds several symbols. So an automaton
watches the bytes of each token: its state is how many bytes of the symbol the text ends with.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from stages.samplers.local.steering import Steered
from stages.samplers.local.steering.batch_state import move
from stages.samplers.local.steering.token_bytes import token_bytes
from stages.shared.errors import BadInput


class Table(NamedTuple):
    """The automaton of one symbol."""

    # the state after a token: int16 of shape (states, tokens)
    following: Any
    # how many symbols a token completes: int16 of shape (states, tokens)
    hits: Any
    # whether a token has bytes behind the last symbol that it completes, of shape (states, tokens)
    trailing: Any
    # the longest token that goes on with the symbol: int64 of shape (states)
    spelling: Any
    # whether a token has no bytes, of shape (tokens)
    silent: Any


def tables(model: Steered) -> Callable[[str], Table]:
    """A function that gives the table of a symbol; each is made once."""
    words = token_bytes(model.tokenizer, model.size)
    places: dict[bytes, int] = {}
    for place, word in enumerate(words):
        places.setdefault(word, place)
    return lru_cache(maxsize=256)(lambda symbol: _table(symbol.encode(), words, places))


def _table(symbol: bytes, words: Sequence[bytes], places: dict[bytes, int]) -> Table:
    import torch

    shape, letters = (len(symbol), len(words)), set(symbol)
    following, hits = torch.zeros(shape, dtype=torch.int16), torch.zeros(shape, dtype=torch.int16)
    trailing = torch.zeros(shape, dtype=torch.bool)
    silent = torch.tensor([not word for word in words])  # such a token changes nothing
    touching = [place for place, word in enumerate(words) if not letters.isdisjoint(word)]
    for state in range(len(symbol)):
        following[state, silent] = state
        for place in touching:
            count, rest = _read(symbol, symbol[:state] + words[place])
            following[state, place] = _state(symbol, rest)
            hits[state, place], trailing[state, place] = count, bool(count and rest)
    return Table(following, hits, trailing, torch.tensor(_spelling(symbol, places)), silent)


def _read(symbol: bytes, text: bytes) -> tuple[int, bytes]:
    """How often `symbol` stands in `text`, and what stands behind the last one."""
    *complete, rest = text.split(symbol)
    return len(complete), rest


def _state(symbol: bytes, rest: bytes) -> int:
    """How many bytes of the symbol `rest` ends with, short of the whole symbol."""
    return next(size for size in range(len(symbol) - 1, -1, -1) if rest.endswith(symbol[:size]))


def _spelling(symbol: bytes, places: dict[bytes, int]) -> list[int]:
    spelt = []
    for state in range(len(symbol)):
        ends = range(len(symbol), state, -1)
        token = next((places[symbol[state:end]] for end in ends if symbol[state:end] in places), None)
        if token is None:
            raise BadInput(f"steer: the tokenizer has no tokens that write {symbol.decode()!r}")
        spelt.append(token)
    return spelt


class Occurrences:
    """Counts each of K symbols in each row: `counts` and `states`, both int64 of shape (rows, K).

    `hot` holds the tokens that complete any of the symbols in any state, in ascending order.
    """

    def __init__(
        self, table_of: Callable[[str], Table], symbols: Sequence[str], rows: int, prefill: str
    ) -> None:
        import torch

        parts = [table_of(symbol) for symbol in symbols]
        self.symbols = list(symbols)
        self.following, self.hits, self.trailing = (
            _stacked([part[which] for part in parts]) for which in range(3)
        )
        self.spelling = _stacked([part.spelling for part in parts])
        self.silent = parts[0].silent
        self.hot = self.hits.any(dim=1).any(dim=0).nonzero().squeeze(1)
        begun = [_begun(symbol.encode(), prefill.encode()) for symbol in symbols]
        self.counts = torch.tensor([[count for count, _ in begun]] * rows, dtype=torch.long)
        self.states = torch.tensor([[state for _, state in begun]] * rows, dtype=torch.long)
        self.columns = torch.arange(len(symbols))

    def move(self, device: Any) -> None:
        """Moves all tensors to `device`."""
        move(self, device)

    def read(self, tokens: Any) -> None:
        """Goes on by one token of each row, of shape (rows)."""
        where = (self.columns, self.states, tokens[:, None])
        self.counts = self.counts + self.hits[where]
        self.states = self.following[where].long()

    def next_hits(self) -> Any:
        """How many of each symbol each hot token would complete, of shape (rows, K, hot tokens)."""
        return self.hits[self.columns[:, None], self.states[:, :, None], self.hot]

    def next_trailing(self) -> Any:
        """Whether each hot token has bytes behind the last symbol that it would complete; the same shape."""
        return self.trailing[self.columns[:, None], self.states[:, :, None], self.hot]


def _stacked(parts: Sequence[Any]) -> Any:
    """Tensors of shape (states, ...) as one of shape (K, most states, ...), filled up with zeros."""
    import torch

    return torch.nn.utils.rnn.pad_sequence(list(parts), batch_first=True)


def _begun(symbol: bytes, text: bytes) -> tuple[int, int]:
    """How often `symbol` stands in `text`, and the state after it."""
    count, rest = _read(symbol, text)
    return count, _state(symbol, rest)
