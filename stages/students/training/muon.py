"""Muon with the orthogonalisation of all matrices of one shape at once, in a precision of choice.

Muon: Jordan et al. 2024, https://kellerjordan.github.io/posts/muon/. torch.optim.Muon orthogonalises in
bfloat16, one matrix after the other. A processor without bfloat16 arithmetic spends two thirds of a small
model's training step on that.
"""

from collections import defaultdict
from typing import Any

import torch

EPSILON = 1e-7  # below the norm of any gradient that is not zero


class Muon(torch.optim.Muon):
    """As torch.optim.Muon with Nesterov momentum, but for the order of the sums; the update of a matrix of
    shape (rows, columns) is scaled by 0.2 sqrt(max(rows, columns)).

    That scale gives updates of about the size of AdamW's: Liu et al. 2025, https://arxiv.org/abs/2502.16982.
    `precision` is that of the orthogonalisation; the state stays in the precision of the weights.
    """

    def __init__(self, matrices: Any, lr: float, weight_decay: float, precision: torch.dtype) -> None:
        super().__init__(matrices, lr=lr, weight_decay=weight_decay, adjust_lr_fn="match_rms_adamw")
        self.precision = precision

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """One step; a matrix without a gradient stays as it is. Calls no `closure`."""
        for group in self.param_groups:
            shapes: defaultdict[torch.Size, list[torch.Tensor]] = defaultdict(list)
            for weight in group["params"]:
                if weight.grad is not None:
                    shapes[weight.shape].append(weight)
            for shape, weights in shapes.items():
                updates = torch.stack([self._momentum(weight, group["momentum"]) for weight in weights])
                updates = orthogonal(updates, group["ns_coefficients"], group["ns_steps"], self.precision)
                scale = group["lr"] * 0.2 * max(shape) ** 0.5
                for weight, update in zip(weights, updates, strict=True):
                    weight.mul_(1 - group["lr"] * group["weight_decay"])
                    weight.add_(update.to(weight.dtype), alpha=-scale)

    def _momentum(self, weight: torch.Tensor, momentum: float) -> torch.Tensor:
        """The gradient of `weight` with Nesterov momentum; updates the state."""
        assert weight.grad is not None
        state = self.state[weight]
        if "momentum_buffer" not in state:
            state["momentum_buffer"] = torch.zeros_like(weight.grad)
        mean: torch.Tensor = state["momentum_buffer"]
        mean.lerp_(weight.grad, 1 - momentum)
        return weight.grad.lerp(mean, momentum)


def orthogonal(
    matrices: torch.Tensor, coefficients: tuple[float, float, float], steps: int, precision: torch.dtype
) -> torch.Tensor:
    """Each of `matrices` (shape (matrices, rows, columns)) with its singular values moved towards 1.

    `steps` of a Newton-Schulz iteration of fifth order, after which the singular values lie between about 0.7
    and 1.2. The result has the same shape, in `precision`.
    """
    wide = matrices.shape[1] <= matrices.shape[2]
    result = (matrices if wide else matrices.mT).to(precision)
    result = result / result.norm(dim=(1, 2), keepdim=True).clamp(min=EPSILON)
    linear, cubic, quintic = coefficients
    for _ in range(steps):
        gram = result @ result.mT
        result = linear * result + (cubic * gram + quintic * (gram @ gram)) @ result
    return result if wide else result.mT
