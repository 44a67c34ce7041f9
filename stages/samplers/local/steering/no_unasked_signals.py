"""Makes signals impossible that a prompt does not ask for, and those that it asks for beyond their count.

`think_prefix` and `stop_after_signals` write the signals that are asked for; this keeps all others out.
"""

import math
from typing import Annotated, Any

from pydantic import Field

from stages.samplers.local.steering import Begin, Chats, Processor, Steered
from stages.samplers.local.steering.batch_state import Columns, move, requests
from stages.samplers.local.steering.occurrences import Occurrences, tables
from stages.shared.params import Strict
from stages.shared.signals import STOP_SYMBOLS, THINK_SYMBOLS, Request


class Params(Strict):
    """Which symbols are signals."""

    # besides those that a prompt of the batch asks for; null: all think and stop symbols of shared/signals.py
    symbols: list[Annotated[str, Field(min_length=1)]] | None = None


def check_prefill(prefill: str, params: Params) -> None:
    """Any prefill will do: signals in it are counted."""


def prepare(model: Steered, params: Params) -> Begin:
    """A function that makes a processor for one batch."""
    table_of = tables(model)
    known = [*THINK_SYMBOLS, *STOP_SYMBOLS] if params.symbols is None else params.symbols

    def begin(chats: Chats) -> Processor:
        asked = requests(chats)
        wanted = {symbol for request in asked for symbol in (request.think, request.stop) if symbol}
        symbols = sorted(wanted.union(known))
        if not symbols:
            return lambda input_ids, scores: scores
        return NoUnaskedSignals(Occurrences(table_of, symbols, len(asked), model.prefill), asked)

    return begin


class NoUnaskedSignals:
    """The processor of one batch; `allowed` is how often each symbol may stand in an answer: (rows, K)."""

    def __init__(self, watched: Occurrences, asked: list[Request]) -> None:
        import torch

        self.watched, self.columns = watched, Columns()
        self.allowed = torch.tensor(
            [[_allowed(request, symbol) for symbol in watched.symbols] for request in asked]
        )

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        """`scores` without the tokens with which a symbol would stand too often."""
        if self.allowed.device != scores.device:
            move(self, scores.device)
        for tokens in self.columns.unread(input_ids):
            self.watched.read(tokens)
        hits, left = self.watched.next_hits(), (self.allowed - self.watched.counts).clamp(min=0)
        surplus = (hits > left[:, :, None]).any(dim=1)
        steered = scores.clone()
        steered[:, self.watched.hot] = steered[:, self.watched.hot].masked_fill(surplus, -math.inf)
        return steered


def _allowed(request: Request, symbol: str) -> int:
    return request.think_count * (symbol == request.think) + request.stop_count * (symbol == request.stop)
