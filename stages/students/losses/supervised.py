"""Cross-entropy of the supervised tokens, each with its weight where the examples have weights."""

from typing import Any

import torch
from torch.nn.functional import cross_entropy

from stages.students.training.packing import IGNORED


def loss(
    model: Any, head: torch.nn.Module, batch: dict[str, Any], total: Any = None
) -> tuple[torch.Tensor, dict[str, Any]]:
    """The mean loss of the supervised tokens of `batch`, or their sum over `total`; no scalars.

    Logits are made at the supervised positions only: with a vocabulary of 150 000 the logits of a question
    weigh more than all its activations, and none of them enters the loss. What a model does to its logits
    afterwards (scaling, capping) stays as it is.
    """
    targets = batch["labels"][:, 1:]
    learnt = targets != IGNORED
    inputs = {name: value for name, value in batch.items() if name not in ("labels", "weights")}
    hook = head.register_forward_pre_hook(lambda _, hidden: (hidden[0][:, :-1][learnt],))
    try:
        logits = model(**inputs, use_cache=False).logits
    finally:
        hook.remove()
    if "weights" not in batch:
        value = cross_entropy(logits.float(), targets[learnt], reduction="mean" if total is None else "sum")
        return value if total is None else value / total, {}
    weights = batch["weights"][:, 1:][learnt]
    weighted = (cross_entropy(logits.float(), targets[learnt], reduction="none") * weights).sum()
    return weighted / (weights.sum() if total is None else total), {}
