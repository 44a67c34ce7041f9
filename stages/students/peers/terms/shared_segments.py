"""Stretches of a text that both of two tokenizations keep whole."""

from typing import NamedTuple

import torch

NONE = -1


class Segments(NamedTuple):
    """The stretches of each row, numbered from 0 in the order of the text."""

    # for each student (rows, tokens), int64: the stretch that a token is of; NONE: of none
    of: tuple[torch.Tensor, torch.Tensor]
    # (rows, stretches), bool: which stretches a row has; they are its first ones
    present: torch.Tensor


def shared_segments(first: torch.Tensor, second: torch.Tensor) -> Segments:
    """The smallest stretches of the text whose ends are borders in both tokenizations.

    `first` and `second` are the character spans of the tokens of the same rows, of shape (rows, tokens, 2)
    and int64, with -1 where a token is not of the text. A border is the end of a token that no token of the
    same tokenization lies across. Several tokens may share a character (an emoji of four bytes): they are of
    one stretch. A space may lie outside of all spans: only the ends of tokens count. Every stretch has at
    least one token of both. What follows the last shared border is of no stretch.
    """
    length = int(max(first.max(), second.max(), torch.tensor(0, device=first.device))) + 1
    shared = _borders(first, length) & _borders(second, length)
    before = shared.cumsum(1)  # how many shared borders lie at a character or before it
    total = before[:, -1:]
    places = tuple(_place(spans, before, total) for spans in (first, second))
    numbers = torch.arange(int(total.max()) if len(total) else 0, device=first.device)
    return Segments((places[0], places[1]), numbers < total)


def _borders(spans: torch.Tensor, length: int) -> torch.Tensor:
    """(rows, length), bool: at which characters a token ends and none lies across."""
    starts, stops = spans.unbind(2)
    there = (starts >= 0) & (stops > 0)
    ends = torch.zeros(len(spans), length + 2, dtype=torch.int64, device=spans.device)
    across = ends.clone()
    ends.scatter_add_(1, stops.clamp(min=0), there.long())
    wide = (there & (stops > starts + 1)).long()
    across.scatter_add_(1, (starts + 1).clamp(min=0), wide)
    across.scatter_add_(1, stops.clamp(min=0), -wide)
    return ((ends > 0) & (across.cumsum(1) == 0))[:, :length]


def _place(spans: torch.Tensor, before: torch.Tensor, total: torch.Tensor) -> torch.Tensor:
    """The stretch of each token: the number of shared borders before its end."""
    starts, stops = spans.unbind(2)
    places = before.gather(1, (stops - 1).clamp(min=0)).masked_fill(stops <= 0, 0)
    return places.masked_fill((starts < 0) | (stops < 0) | (places >= total), NONE)


def means(hidden: torch.Tensor, places: torch.Tensor, count: int) -> torch.Tensor:
    """The mean of `hidden` (rows, tokens, width) over the tokens of each stretch: (rows, count, width).

    A stretch without tokens has zeros.
    """
    slots = places.masked_fill(places == NONE, count)
    sums = hidden.new_zeros(len(hidden), count + 1, hidden.shape[2])
    sums = sums.scatter_add(1, slots[..., None].expand_as(hidden), hidden)
    counts = hidden.new_zeros(len(hidden), count + 1).scatter_add(
        1, slots, torch.ones_like(slots, dtype=hidden.dtype)
    )
    return (sums / counts.clamp(min=1)[..., None])[:, :count]


def first_tokens(places: torch.Tensor, count: int) -> torch.Tensor:
    """The position of the first token of each stretch: (rows, count), int64; 0 where there is none."""
    slots = places.masked_fill(places == NONE, count)
    tokens = places.shape[1]
    positions = torch.arange(tokens, device=places.device).expand_as(places)
    empty = torch.full((len(places), count + 1), tokens, device=places.device)
    earliest = empty.scatter_reduce(1, slots, positions, "amin")[:, :count]
    return earliest.masked_fill(earliest == tokens, 0)
