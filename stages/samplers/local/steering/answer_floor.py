"""No end of an answer, and none of its stop symbols, before so many tokens of it are written.

The line of think symbols that a prompt asks for is not counted. A prefill is.
"""

import math
from typing import Any

from pydantic import Field

from stages.samplers.local.steering import Begin, Chats, Processor, Steered
from stages.samplers.local.steering.batch_state import Columns, indices, move, requests
from stages.samplers.local.steering.occurrences import Occurrences, tables
from stages.samplers.local.steering.think_prefix import prefix
from stages.shared.params import Strict
from stages.shared.signals import Request


class Params(Strict):
    """How long an answer is at least."""

    # tokens of the answer before its stop symbols, or its end
    tokens: int = Field(ge=1)


def check_prefill(prefill: str, params: Params) -> None:
    """Any prefill will do: its tokens are counted."""


def prepare(model: Steered, params: Params) -> Begin:
    """A function that makes a processor for one batch."""
    table_of = tables(model)

    def begin(chats: Chats) -> Processor:
        asked = requests(chats)
        symbols = sorted({symbol for request in asked for symbol in (request.think, request.stop) if symbol})
        watched = Occurrences(table_of, symbols, len(asked), model.prefill) if symbols else None
        return AnswerFloor(params.tokens, model, asked, watched)

    return begin


class AnswerFloor:
    """The processor of one batch; `written` are the tokens of each answer that count, of shape (rows)."""

    def __init__(self, floor: int, model: Steered, asked: list[Request], watched: Occurrences | None) -> None:
        import torch

        self.floor, self.watched, self.columns = floor, watched, Columns()
        self.ends = torch.tensor(model.stops)
        self.written = torch.tensor([_prefilled(model, request) for request in asked])
        self.thinks = torch.tensor([request.think_count for request in asked])
        self.stops = torch.tensor([bool(request.stop_count) for request in asked])
        symbols = watched.symbols if watched else []
        self.think = indices(symbols, [request.think for request in asked])
        self.stop = indices(symbols, [request.stop for request in asked])
        self.rows = torch.arange(len(asked))

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        """`scores` without ends and stop symbols in rows that are below the floor.

        A row in which nothing else is possible stays as it is.
        """
        if self.rows.device != scores.device:
            move(self, scores.device)
        for tokens in self.columns.unread(input_ids):
            self._read(tokens)
        low = self.written < self.floor
        steered = scores.clone()
        steered[:, self.ends] = steered[:, self.ends].masked_fill(low[:, None], -math.inf)
        if self.watched:
            hot = self.watched.hot
            completing = self.watched.next_hits()[self.rows, self.stop] > 0
            steered[:, hot] = steered[:, hot].masked_fill(completing & (low & self.stops)[:, None], -math.inf)
        return steered.where(steered.isfinite().any(dim=1, keepdim=True), scores)

    def _read(self, tokens: Any) -> None:
        if self.watched is None:
            self.written = self.written + 1
            return
        self.written = self.written + (self.watched.counts[self.rows, self.think] >= self.thinks)
        self.watched.read(tokens)


def _prefilled(model: Steered, request: Request) -> int:
    """The tokens of the prefill that count."""
    line = prefix(request)
    words = "" if line.startswith(model.prefill) else model.prefill.removeprefix(line)
    return len(model.tokenizer(words, add_special_tokens=False).input_ids)
