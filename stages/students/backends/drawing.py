"""Answers drawn from a transformers model, with their log-probabilities."""

from collections.abc import Sequence
from typing import Any

import torch

from stages.students.backends import Sampled, Sampling


@torch.no_grad()
def draw(
    model: Any, prompts: Sequence[list[int]], sampling: Sampling, stops: set[int], pad: int, seed: int
) -> list[list[Sampled]]:
    """`sampling.n` answers to each prompt, all in one batch.

    A prompt is read once, whatever the number of its answers. An answer that has ended leaves the batch. The
    same weights, arguments and threads give the same answers.
    """
    cache, logits, mask = _read(model, prompts, pad)
    if sampling.n > 1:
        # layers of convolution know neither batch_repeat_interleave nor batch_select_indices
        cache.reorder_cache(torch.arange(len(logits), device=logits.device).repeat_interleave(sampling.n))
        logits, mask = (part.repeat_interleave(sampling.n, dim=0) for part in (logits, mask))
    generator = torch.Generator(device=logits.device).manual_seed(seed)
    rows = list(range(len(logits)))
    tokens: list[list[int]] = [[] for _ in rows]
    logprobs: list[list[float]] = [[] for _ in rows]
    for place in range(sampling.max_tokens):
        spread = logits.float().log_softmax(-1)
        chosen = _choose(spread, sampling.temperature, generator)
        likely = spread.gather(1, chosen).squeeze(1).tolist()
        for row, token, logprob in zip(rows, chosen.squeeze(1).tolist(), likely, strict=True):
            tokens[row].append(token)
            logprobs[row].append(logprob)
        going = [number for number, row in enumerate(rows) if tokens[row][-1] not in stops]
        if not going or place == sampling.max_tokens - 1:
            break
        if len(going) < len(rows):
            kept = torch.tensor(going, device=logits.device)
            cache.reorder_cache(kept)
            rows, chosen, mask = [rows[number] for number in going], chosen[kept], mask[kept]
        mask = torch.cat([mask, mask.new_ones(len(rows), 1)], dim=1)
        logits = _forward(model, chosen, mask, cache).logits[:, -1]
    answers = [
        Sampled(ids, values, "stop" if ids[-1] in stops else "length")
        for ids, values in zip(tokens, logprobs, strict=True)
    ]
    return [answers[start : start + sampling.n] for start in range(0, len(answers), sampling.n)]


def _read(model: Any, prompts: Sequence[list[int]], pad: int) -> tuple[Any, torch.Tensor, torch.Tensor]:
    """The cache of the prompts, the logits (prompts, vocabulary) after them, and the mask of their tokens."""
    width = max(map(len, prompts))
    ids = torch.tensor([[pad] * (width - len(row)) + row for row in prompts], device=model.device)
    mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in prompts], device=model.device)
    output = _forward(model, ids, mask, None)
    return output.past_key_values, output.logits[:, -1], mask


def _forward(model: Any, ids: torch.Tensor, mask: torch.Tensor, cache: Any) -> Any:
    positions = (mask.cumsum(-1) - 1).clamp(min=0)[:, -ids.shape[1] :]
    return model(
        ids,
        attention_mask=mask,
        position_ids=positions,
        past_key_values=cache,
        use_cache=True,
        logits_to_keep=1,
    )


def _choose(spread: torch.Tensor, temperature: float, generator: torch.Generator) -> torch.Tensor:
    """A token of each row, (rows, 1), from the log-probabilities (rows, vocabulary)."""
    if temperature == 0:
        return spread.argmax(-1, keepdim=True)
    return torch.multinomial((spread / temperature).softmax(-1), 1, generator=generator)
