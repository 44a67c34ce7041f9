"""The divergence of two students' distributions over one vocabulary."""

import torch
from torch import nn
from torch.nn.functional import kl_div

from stages.shared.errors import BadInput
from stages.students.peers import States
from stages.students.peers.terms.row_weights import weighted_mean


class Divergence(nn.Module):
    """KL(peer || student) of both students over the whole vocabulary, the mean over a row's answer tokens,
    times the square of the temperature. The peer's distribution is taken as a figure."""

    reads = "logits"

    def __init__(self, vocabulary: int, temperature: float, weight: float) -> None:
        super().__init__()
        self.vocabulary, self.temperature, self.weight = vocabulary, temperature, weight

    def forward(
        self, first: States, second: States, losses: torch.Tensor, weights: torch.Tensor
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """The term and, as scalars, the divergence of each student. The tokens of an answer are compared in
        their order, so the questions may be rendered differently. Raises BadInput where the answers have not
        as many tokens."""
        counts = first.answer.sum(1)
        if not torch.equal(counts, second.answer.sum(1)):
            raise BadInput(
                f"peer kl: answers of {counts.tolist()} and {second.answer.sum(1).tolist()} tokens: expected "
                "as many for both students, who have one vocabulary"
            )
        logs = [self._logs(states) for states in (first, second)]
        rows = first.answer.nonzero()[:, 0]
        by_row = torch.stack(
            [self._by_row(logs[0], logs[1], rows, counts), self._by_row(logs[1], logs[0], rows, counts)]
        )
        scalars = {"kl_first": by_row[0].detach().mean(), "kl_second": by_row[1].detach().mean()}
        return self.weight * weighted_mean(by_row, weights * (counts > 0)), scalars

    def _logs(self, states: States) -> torch.Tensor:
        """The log-probabilities of the answer's tokens of all rows, (tokens, vocabulary)."""
        if states.logits is None:
            raise TypeError("logits: expected a tensor, got None")
        # the logits at a place are for the token after it
        chosen: torch.Tensor = states.logits[:, :-1][states.answer[:, 1:]]
        return (chosen[:, : self.vocabulary].float() / self.temperature).log_softmax(-1)

    def _by_row(
        self, student: torch.Tensor, peer: torch.Tensor, rows: torch.Tensor, counts: torch.Tensor
    ) -> torch.Tensor:
        apart = kl_div(student, peer.detach(), reduction="none", log_target=True).sum(-1)
        sums = apart.new_zeros(len(counts)).scatter_add(0, rows, apart)
        return self.temperature**2 * sums / counts.clamp(min=1)
