"""Begins an answer with the think symbols that its prompt asks for: as many as asked, and a newline.

A prompt that asks for none is answered as ever. A prefill that the line begins with is gone on with.
"""

import math
from functools import lru_cache
from typing import Any

from stages.samplers.local.steering import Begin, Chats, Processor, Steered
from stages.samplers.local.steering.batch_state import Columns, requests
from stages.samplers.local.steering.token_bytes import token_bytes
from stages.shared.errors import BadInput
from stages.shared.params import Strict
from stages.shared.signals import Request


class Params(Strict):
    """There is nothing to set."""


def check_prefill(prefill: str, params: Params) -> None:
    """Whether the prefill fits depends on what a prompt asks for: see `prepare`."""


def prefix(request: Request) -> str:
    """The line that an answer to `request` begins with; empty where it asks for none."""
    return f"{request.think * request.think_count}\n" if request.think_count else ""


def prepare(model: Steered, params: Params) -> Begin:
    """A function that makes a processor for one batch; it raises BadInput on a prefill that contradicts what
    a prompt asks for."""
    words = token_bytes(model.tokenizer, model.size)
    spelt = lru_cache(maxsize=256)(lambda text: spell(text, model.tokenizer, words))

    def begin(chats: Chats) -> Processor:
        return ThinkPrefix([spelt(_left(prefix(request), model.prefill)) for request in requests(chats)])

    return begin


def _left(line: str, prefill: str) -> str:
    """What of `line` is still to be written after `prefill`."""
    if prefill.startswith(line):
        return ""
    if line.startswith(prefill):
        return line[len(prefill) :]
    raise BadInput(
        f"prefill {prefill!r} contradicts steer.think_prefix: a prompt asks for {line!r}; give one of the two"
    )


def spell(text: str, tokenizer: Any, words: list[bytes]) -> tuple[int, ...]:
    """The tokens that write `text` exactly: those that the tokenizer takes, or else the longest that fit, one
    after another. Raises BadInput where there are none."""
    ids = tokenizer(text, add_special_tokens=False).input_ids
    if b"".join(words[token] for token in ids) == text.encode():
        return tuple(ids)
    by_word: dict[bytes, int] = {}
    for place, word in enumerate(words):
        by_word.setdefault(word, place)
    rest, spelt = text.encode(), []
    while rest:
        size = next((size for size in range(len(rest), 0, -1) if rest[:size] in by_word), 0)
        if not size:
            raise BadInput(f"steer.think_prefix: the tokenizer has no tokens that write {text!r}")
        spelt.append(by_word[rest[:size]])
        rest = rest[size:]
    return tuple(spelt)


class ThinkPrefix:
    """The processor of one batch; `lines` are the tokens that each row has to begin with."""

    def __init__(self, lines: list[tuple[int, ...]]) -> None:
        import torch

        longest = max(map(len, lines), default=0)
        self.lines = torch.tensor(
            [[*line, *[-1] * (longest - len(line))] for line in lines], dtype=torch.long
        )
        self.columns = Columns()

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        """`scores` with all but the next token of the line forbidden, in rows whose line is not whole."""
        for _ in self.columns.unread(input_ids):
            pass
        if self.columns.new >= self.lines.shape[1]:
            return scores
        due = self.lines[:, self.columns.new].to(scores.device)
        return only(scores, due.clamp(min=0), due >= 0)


def only(scores: Any, tokens: Any, rows: Any) -> Any:
    """`scores` in which the rows of the mask `rows` allow nothing but their token of `tokens`."""
    forced = scores.new_full(scores.shape, -math.inf).scatter(1, tokens[:, None], 0.0)
    return forced.where(rows[:, None], scores)
