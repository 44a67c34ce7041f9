"""After the stop symbols that a prompt asks for nothing but the end, and no end before them.

How many are asked for is read from each row's own prompt. A token that would write more of them than asked,
or anything behind the last one, is impossible. With `complete` an answer that would end before its stop
symbols writes those that are missing, on a line of their own: where an end is the likeliest token, or, of
drawn answers, as often as an end would have been drawn. A prompt that asks for none is answered as ever.
"""

import math
from typing import Any

from stages.samplers.local.steering import Begin, Chats, Processor, Steered
from stages.samplers.local.steering.batch_state import Columns, indices, move, requests
from stages.samplers.local.steering.occurrences import Occurrences, tables
from stages.samplers.local.steering.think_prefix import only
from stages.samplers.local.steering.token_bytes import token_bytes
from stages.shared.params import Strict
from stages.shared.signals import Request


class Params(Strict):
    """What becomes of an answer that would end too early."""

    # whether the stop symbols that it lacks are written; false: it may end without them
    complete: bool = True


def check_prefill(prefill: str, params: Params) -> None:
    """Any prefill will do: stop symbols in it are counted."""


def prepare(model: Steered, params: Params) -> Begin:
    """A function that makes a processor for one batch."""
    table_of, words = tables(model), token_bytes(model.tokenizer, model.size)

    def begin(chats: Chats) -> Processor:
        asked = requests(chats)
        symbols = sorted({request.stop for request in asked if request.stop})
        if not symbols:
            return lambda input_ids, scores: scores
        watched = Occurrences(table_of, symbols, len(asked), model.prefill)
        return StopAfterSignals(watched, asked, words, model, params.complete)

    return begin


class StopAfterSignals:
    """The processor of one batch. All of its state has shape (rows)."""

    def __init__(
        self, watched: Occurrences, asked: list[Request], words: list[bytes], model: Steered, complete: bool
    ) -> None:
        import torch

        self.watched, self.complete, self.columns = watched, complete, Columns()
        self.ends, self.temperature = torch.tensor(model.stops), model.temperature
        self.wanted = torch.tensor([request.stop_count for request in asked])
        self.own = indices(watched.symbols, [request.stop for request in asked])
        self.rows = torch.arange(len(asked))
        self.newline = words.index(b"\n") if b"\n" in words else None
        self.line_ends = torch.tensor([word.endswith(b"\n") for word in words])
        # whether the next stop symbol may follow at once: after a newline, or after another one
        self.fresh = torch.tensor([model.prefill.endswith(("\n", *watched.symbols))] * len(asked))
        # whether the stop symbols that the answer lacks are being written
        self.completing = torch.zeros(len(asked), dtype=torch.bool)

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        """`scores` with what the prompts ask for."""
        if self.rows.device != scores.device:
            move(self, scores.device)
        for tokens in self.columns.unread(input_ids):
            self._read(tokens)
        counts = self.watched.counts[self.rows, self.own]
        asked, whole = self.wanted > 0, counts >= self.wanted
        steered = self._without_surplus(scores, counts, asked & ~whole)
        if self.complete:
            steered = self._completed(steered, asked & ~whole)
        return self._ended(steered, scores, asked & whole)

    def _read(self, tokens: Any) -> None:
        where = (self.own, self.watched.states[self.rows, self.own], tokens)
        symbol_last = (self.watched.hits[where] > 0) & ~self.watched.trailing[where]
        self.watched.read(tokens)
        fresh = self.line_ends[tokens] | symbol_last
        self.fresh = fresh.where(~self.watched.silent[tokens], self.fresh)

    def _without_surplus(self, scores: Any, counts: Any, rows: Any) -> Any:
        """`scores` without the tokens that would write too many stop symbols, or more behind the last."""
        hot = self.watched.hot
        after = counts[:, None] + self.watched.next_hits()[self.rows, self.own]
        trailing = self.watched.next_trailing()[self.rows, self.own]
        surplus = (after > self.wanted[:, None]) | (after == self.wanted[:, None]) & trailing
        steered = scores.clone()
        steered[:, hot] = steered[:, hot].masked_fill(surplus & rows[:, None], -math.inf)
        return steered

    def _completed(self, scores: Any, rows: Any) -> Any:
        """`scores` without an end in `rows`; where an answer would end, the stop symbols follow."""
        self.completing = (self.completing | self._ending(scores)) & rows
        steered = scores.clone()
        steered[:, self.ends] = steered[:, self.ends].masked_fill(rows[:, None], -math.inf)
        states = self.watched.states[self.rows, self.own]
        due = self.watched.spelling[self.own, states]
        if self.newline is not None:
            due = due.masked_fill((states == 0) & ~self.fresh, self.newline)
        return only(steered, due, self.completing)

    def _ending(self, scores: Any) -> Any:
        """Which rows would end with this token: of shape (rows)."""
        import torch

        if not self.temperature:
            return torch.isin(scores.argmax(dim=-1), self.ends)
        chance = (scores / self.temperature).softmax(dim=-1)[:, self.ends].sum(dim=-1)
        return torch.rand(len(scores), device=scores.device) < chance  # seeded with the batch

    def _ended(self, scores: Any, given: Any, rows: Any) -> Any:
        """`scores` with nothing but the ends in `rows`, as likely among each other as in `given`."""
        ends = given[:, self.ends]
        ends = ends.masked_fill(~ends.isfinite().any(dim=1, keepdim=True), 0.0)
        forced = scores.new_full(scores.shape, -math.inf)
        forced[:, self.ends] = ends
        return forced.where(rows[:, None], scores)
