"""Cross-entropy of the supervised tokens, each with its weight where the examples have weights."""

from typing import Any

import torch
from torch.nn.functional import cross_entropy, pad

from stages.students.losses import IGNORED, rounded


def loss(
    model: Any, head: torch.nn.Module, batch: dict[str, Any], total: Any = None
) -> tuple[torch.Tensor, dict[str, Any]]:
    """The mean loss of the supervised tokens of `batch`, or their sum over `total`; no scalars.

    Logits are made at the supervised positions only: with a vocabulary of 150 000 the logits of a question
    weigh more than all its activations, and none of them enters the loss. What a model does to its logits
    afterwards (scaling, capping) stays as it is.
    """
    logits, targets, places = learnt_logits(model, head, batch)
    if "weights" not in batch:
        value = cross_entropy(logits, targets, reduction="mean" if total is None else "sum")
        return value if total is None else value / total, {}
    weights = batch["weights"].roll(-1, dims=1).flatten()[places].masked_fill(targets == IGNORED, 0.0)
    weighted = (cross_entropy(logits, targets, reduction="none") * weights).sum()
    return weighted / (weights.sum() if total is None else total), {}


def learnt_logits(
    model: Any, head: torch.nn.Module, batch: dict[str, Any]
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """The logits of `batch` where the next token is learnt, of shape (places, vocabulary); those next tokens;
    and the places in the flattened (rows, tokens). A target that only fills up is IGNORED."""
    places, targets = _learnt(batch["labels"])
    inputs = {name: value for name, value in batch.items() if name not in ("labels", "weights")}
    hook = head.register_forward_pre_hook(lambda _, hidden: (hidden[0].flatten(0, 1)[places],))
    try:
        logits = model(**inputs, use_cache=False).logits.float()
    finally:
        hook.remove()
    return logits, targets, places


def _learnt(labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Where the next token is learnt, as places in the flattened (rows, tokens), and those next tokens.

    Their number is rounded up, as the width of a batch is; the targets that fill it up are ignored.
    """
    following = labels.roll(-1, dims=1)
    following[:, -1] = IGNORED
    following = following.flatten()
    places = (following != IGNORED).nonzero().squeeze(1)
    empty = rounded(len(places)) - len(places)
    return pad(places, (0, empty)), pad(following[places], (0, empty), value=IGNORED)
