"""Hidden states of two students in one space, and the weights by which their mean is formed."""

from typing import Any

import torch
from torch import nn
from torch.nn.functional import normalize

from stages.students.peers import States
from stages.students.peers.terms.competence import Competence
from stages.students.peers.terms.process_means import process_mean
from stages.students.peers.terms.projection import Projection
from stages.students.peers.terms.row_weights import weighted_mean
from stages.students.peers.terms.shared_segments import means, shared_segments


class SharedSpace(nn.Module):
    """The squared distance of each student's projected states to their mean, weighted by competence.

    In https://arxiv.org/abs/2508.16861 the projections are free. They can then make every distance 0 by
    projecting all states to one point, while no student learns anything. Here they cannot: a projection is an
    orthogonal matrix, which keeps the distances between the states of a student (all of them where the space
    is as wide as the student), and the projected states have length 1, so that they do not shrink either.

    The mean is of the states as they are: gradients reach a student by its own projection only. So each
    student moves towards the other by the other's weight, the less competent one more. With gradients through
    the mean both would move by the same amount, whatever the weights. Gradients do reach the weights through
    the mean, where they draw both weights to a half; what tells the students apart is the term of
    `Competence`.
    """

    reads = "hidden"

    def __init__(
        self,
        widths: tuple[int, int],
        width: int,
        by_span: bool,
        temperature: float,
        weight: float,
        seed: int,
    ) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.projections = nn.ModuleList(Projection(size, width, generator) for size in widths)
        self.competence = Competence(temperature, generator)
        self.by_span, self.weight = by_span, weight

    def forward(
        self, first: States, second: States, losses: torch.Tensor, weights: torch.Tensor
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """The term and, as scalars, the mean squared distance of the two students' states (0 to 4) and the
        mean competence weight of each student."""
        pooled, present = self._pooled(first, second)
        states = [
            normalize(project(one), dim=-1) for project, one in zip(self.projections, pooled, strict=True)
        ]
        competence = self.competence(losses)  # (2, rows)
        share = competence[:, :, None, None]
        target = share[0] * states[0].detach() + share[1] * states[1].detach()
        distances = torch.stack([(one - target).square().sum(-1) for one in states])  # (2, rows, stretches)
        counts = present.sum(1)
        by_row = (distances * present).sum(-1) / counts.clamp(min=1)
        pull = weighted_mean(by_row, weights * (counts > 0))
        apart = ((states[0] - states[1]).detach().square().sum(-1) * present).sum()
        scalars = {
            "distance": apart / process_mean(present.sum().float()).clamp(min=1),
            "competence_first": competence[0].detach().mean(),
            "competence_second": competence[1].detach().mean(),
        }
        return self.weight * (pull + self.competence.term(competence, losses, weights)), scalars

    def _pooled(self, first: States, second: States) -> tuple[list[torch.Tensor], torch.Tensor]:
        """Both students' mean states (rows, stretches, width), and which of them there are (rows,
        stretches)."""
        hidden = [self._in_precision(states) for states in (first, second)]
        if not self.by_span:
            places = [states.answer.long() - 1 for states in (first, second)]
            present = (first.answer.any(1) & second.answer.any(1))[:, None]
            return [means(one, place, 1) for one, place in zip(hidden, places, strict=True)], present
        segments = shared_segments(first.spans, second.spans)
        count = segments.present.shape[1]
        return [
            means(one, place, count) for one, place in zip(hidden, segments.of, strict=True)
        ], segments.present

    def _in_precision(self, states: States) -> Any:
        return states.hidden.to(next(self.competence.parameters()).dtype)
