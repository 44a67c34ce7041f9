"""Muon for the matrices inside the transformer, AdamW for embeddings, norms and biases, as one optimizer.

Muon: Jordan et al. 2024, https://kellerjordan.github.io/posts/muon/. Both parts share a learning rate by the
scaling of Liu et al. 2025, https://arxiv.org/abs/2502.16982.
"""

from typing import Any

import torch

from stages.students.training.muon import Muon


class MuonAdamW(torch.optim.Optimizer):
    """Two optimizers behind the interface of one: two groups of weights, and one state for both.

    `precision` is that of Muon's orthogonalisation.
    """

    def __init__(self, model: Any, learning_rate: float, weight_decay: float, precision: torch.dtype) -> None:
        weights = [weight for weight in model.parameters() if weight.requires_grad]
        outer = {
            id(layer.weight)
            for layer in (model.get_input_embeddings(), model.get_output_embeddings())
            if layer is not None
        }
        matrices = [weight for weight in weights if weight.ndim == 2 and id(weight) not in outer]
        chosen = {id(weight) for weight in matrices}
        rest = [weight for weight in weights if id(weight) not in chosen]
        self.parts: list[torch.optim.Optimizer] = [
            Muon(matrices, lr=learning_rate, weight_decay=weight_decay, precision=precision)
        ]
        if rest:  # adapters are matrices all
            self.parts.append(torch.optim.AdamW(rest, lr=learning_rate, weight_decay=0.0, betas=(0.9, 0.95)))
        super().__init__([part.param_groups[0] for part in self.parts], {})
        self._share()

    def _share(self) -> None:
        for part, group in zip(self.parts, self.param_groups, strict=True):
            part.param_groups, part.state = [group], self.state

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Called with every state that is loaded; the parts then share the loaded state."""
        super().__setstate__(state)
        self._share()

    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """One step of both parts."""
        for part in self.parts:
            part.step(closure)
