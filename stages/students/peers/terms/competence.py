"""How much each of two students counts on a row, by their losses on it."""

import torch
from torch import nn

from stages.students.peers.terms.process_means import process_mean

HIDDEN = 8  # units between the losses and the score: a function of two numbers needs few


class Competence(nn.Module):
    """A softmax over the two students of a learnt function of their losses.

    One function serves both students: it reads a student's own loss and that of the other, so the weights do
    not depend on which student is called the first. The losses are read as figures: a student is not led to
    raise its loss.
    """

    def __init__(self, temperature: float, generator: torch.Generator) -> None:
        super().__init__()
        # without a bias at the end: it would be the same for both, and change nothing
        self.layers = nn.Sequential(nn.Linear(2, HIDDEN), nn.Tanh(), nn.Linear(HIDDEN, 1, bias=False))
        self.temperature = temperature
        with torch.no_grad():
            for parameter in self.layers.parameters():
                parameter.copy_(
                    torch.randn(parameter.shape, generator=generator) / parameter.shape[-1] ** 0.5
                )

    def forward(self, losses: torch.Tensor) -> torch.Tensor:
        """The weights of both students, (2, rows), of losses of that shape; those of a row add up to 1."""
        figures = losses.detach().float()
        pairs = torch.stack([figures, figures.flip(0)], dim=-1)
        weights: torch.Tensor = self.layers(pairs).squeeze(-1).softmax(0)
        return weights

    def term(self, competence: torch.Tensor, losses: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        """What the weights learn by: the mean over rows of the loss of the weighted students, less the
        temperature times the entropy of the weights. It is least at softmax(-loss / temperature).

        A row counts by the mean of its `weights`, as a figure.
        """
        logarithms = competence.clamp(min=1e-9).log()
        by_row = (competence * (losses.detach() + self.temperature * logarithms)).sum(0)
        counts = weights.detach().mean(0)
        return (by_row * counts).sum() / process_mean(counts.sum()).clamp(min=1e-9)
