"""Measures a model in the midst of its training: the loss of validation chats, and greedy answers.

All processes of a launch take part, each with its share of the rows, since a sharded model computes only
where all of them do. Every process gets the whole result. Nothing here draws a random number, so a training
that is measured goes on as one that is not.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeVar

import torch
from accelerate.utils import gather_object
from torch.nn.functional import cross_entropy
from transformers import GenerationConfig

from stages.students.losses import IGNORED
from stages.students.losses.supervised import learnt_logits
from stages.students.training.checkpoints import processes
from stages.students.training.encoding import Example
from stages.students.training.packing import Collator

Row = TypeVar("Row")
Result = TypeVar("Result")


class Said(NamedTuple):
    """A greedy answer: its tokens, and whether it ended by itself."""

    ids: list[int]
    ended: bool


def losses(trainer: Any, examples: Sequence[Example], size: int, pad: int) -> list[tuple[float, int]]:
    """Of each example the cross-entropy of its supervised tokens, added up, and their number. `size` examples
    are computed at once."""
    model, collate = trainer.model, Collator(pad)
    head = trainer.accelerator.unwrap_model(model).get_output_embeddings()

    def compute(part: Sequence[Example]) -> list[tuple[float, int]]:
        plain = [example._replace(weights=None) for example in part]
        batch = {name: tensor.to(trainer.args.device) for name, tensor in collate(plain).items()}
        logits, targets, places = learnt_logits(model, head, batch)
        rows = places // batch["input_ids"].shape[1]
        values = cross_entropy(logits, targets, ignore_index=IGNORED, reduction="none")
        sums = torch.zeros(len(part), device=values.device).index_add(0, rows, values)
        counts = torch.zeros(len(part), device=values.device).index_add(0, rows, (targets != IGNORED).float())
        return list(zip(sums.tolist(), map(int, counts.tolist()), strict=True))

    with _measuring(model):
        return _shared_out(compute, examples, size)


def answers(trainer: Any, prompts: Sequence[list[int]], size: int, pad: int, limit: int) -> list[Said]:
    """The greedy answer to each prompt, of at most `limit` tokens. `size` prompts are answered at once."""
    model = trainer.model
    stops = trainer.accelerator.unwrap_model(model).generation_config.eos_token_id
    stops = list(stops) if isinstance(stops, list) else [stops]
    # the model's own may hold a temperature or penalties
    greedy = GenerationConfig(eos_token_id=stops, pad_token_id=pad, use_cache=True, max_new_tokens=limit)

    def compute(part: Sequence[list[int]]) -> list[Said]:
        width = max(map(len, part))
        ids = torch.tensor([[pad] * (width - len(row)) + row for row in part], device=trainer.args.device)
        seen = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in part], device=ids.device)
        new = model.generate(
            input_ids=ids, attention_mask=seen, generation_config=greedy, synced_gpus=processes() > 1
        )
        return [_said(row, stops) for row in new[:, width:].tolist()]

    with _measuring(model):
        return _shared_out(compute, prompts, size)


def _said(ids: list[int], stops: Sequence[int]) -> Said:
    end = next((place for place, token in enumerate(ids) if token in stops), None)
    return Said(ids if end is None else ids[:end], end is not None)


@contextmanager
def _measuring(model: Any) -> Iterator[None]:
    """Without dropout and gradients; afterwards the model trains on as before."""
    training, cached = model.training, model.config.use_cache
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        model.train(training)
        model.config.use_cache = cached


def _shared_out(
    compute: Callable[[Sequence[Row]], list[Result]], rows: Sequence[Row], size: int
) -> list[Result]:
    """What `compute` makes of `rows`, in their order: each process computes its share, in as many batches as
    the others."""
    count, rank = processes(), torch.distributed.get_rank() if processes() > 1 else 0
    mine = [(count * turn + rank) % len(rows) for turn in range(-(-len(rows) // count))]
    results: list[tuple[int, Result]] = []
    for start in range(0, len(mine), size):
        part = mine[start : start + size]
        results += zip(part, compute([rows[place] for place in part]), strict=True)
    gathered = dict(gather_object(results) if count > 1 else results)
    return [gathered[place] for place in range(len(rows))]
