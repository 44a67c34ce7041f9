"""What a training minimises: `loss(model, head, batch, total)` returns the loss and named scalars to log.

`model` is the model as the trainer wraps it, and `head` its layer that makes logits.
`batch` holds int64 tensors of shape (rows, tokens): `input_ids`, `labels` (-100 where nothing is learnt) and
what else the model takes; and `weights` (float32) where the examples have weights.
`total` is what the loss is divided by: the supervised tokens of all batches and all processes of a step, or
the sum of their weights; None: those of this batch.
The loss is a tensor without dimensions, with gradients. A scalar, such as {"kl": tensor}, is a figure of this
batch; the curves show its mean over the batches since the last point.
May import: shared.
"""

from collections.abc import Callable
from typing import Any

from stages.shared.registry import load_member

LOSSES = {
    "supervised": "cross-entropy of the supervised tokens",
}

IGNORED = -100  # the label that a loss leaves out

Loss = Callable[[Any, Any, dict[str, Any], Any], tuple[Any, dict[str, Any]]]


def loss(name: str) -> Loss:
    """The loss called `name`."""
    member: Loss = load_member(__name__, LOSSES, name).loss
    return member


def rounded(size: int) -> int:
    """`size` rounded up, by less than an eighth: so the batches of a training have few sizes.

    On the CPU oneDNN compiles a kernel for each shape of a matrix product and keeps it. With exact sizes
    nearly every batch has shapes of its own. At the tiny size that took a twentieth of the time, and 0.7 MiB
    of memory for each shape.
    """
    step = 1 << max(0, size.bit_length() - 4)
    return -(-size // step) * step
