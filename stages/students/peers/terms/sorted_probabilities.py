"""The distance of two students' sorted probabilities."""

import torch
from torch import nn
from torch.nn.functional import pad

from stages.students.peers import States
from stages.students.peers.terms.row_weights import weighted_mean
from stages.students.peers.terms.shared_segments import first_tokens, shared_segments


class SortedProbabilities(nn.Module):
    """The sum of absolute differences (0 to 2) of the sorted probabilities of the next token, the shorter
    list filled up with zeros, where both students have read the same characters of the answer: the mean over
    these places of a row. The peer's probabilities are taken as figures."""

    reads = "logits"

    def __init__(self, weight: float) -> None:
        super().__init__()
        self.weight = weight

    def forward(
        self, first: States, second: States, losses: torch.Tensor, weights: torch.Tensor
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """The term and, as scalars, the distance and the number of compared places of a row."""
        segments = shared_segments(first.spans, second.spans)
        count = segments.present.shape[1]
        ours, theirs = (
            _sorted(states, first_tokens(places, count))
            for states, places in zip((first, second), segments.of, strict=True)
        )
        longest = max(ours.shape[-1], theirs.shape[-1])
        ours, theirs = (pad(one, (0, longest - one.shape[-1])) for one in (ours, theirs))
        apart = torch.stack([(ours - theirs.detach()).abs().sum(-1), (theirs - ours.detach()).abs().sum(-1)])
        counts = segments.present.sum(1)
        by_row = (apart * segments.present).sum(-1) / counts.clamp(min=1)
        scalars = {"uld": by_row[0].detach().mean(), "places": counts.float().mean()}
        return self.weight * weighted_mean(by_row, weights * (counts > 0)), scalars


def _sorted(states: States, tokens: torch.Tensor) -> torch.Tensor:
    """The probabilities of the token at each of `tokens` (rows, places), largest first: (rows, places,
    vocabulary)."""
    if states.logits is None:
        raise TypeError("logits: expected a tensor, got None")
    before = (tokens - 1).clamp(min=0)
    chosen = states.logits.gather(1, before[..., None].expand(-1, -1, states.logits.shape[-1]))
    probabilities: torch.Tensor = chosen.float().softmax(-1).sort(-1, descending=True).values
    return probabilities
