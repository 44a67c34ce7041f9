"""The heads of the router, and the gates that are drawn from them. All of it is computed on the CPU."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import nn

NEAR = 1e-6  # from 0 and 1 on
HALVINGS = 40  # of the interval that the threshold of a rate lies in


class Features(NamedTuple):
    """What the encoders made of questions or paths, a row each: (rows, width of the encoder)."""

    first: torch.Tensor
    second: torch.Tensor

    def at(self, rows: torch.Tensor) -> "Features":
        """The features of these rows."""
        return Features(self.first[rows], self.second[rows])


class Heads(nn.Module):
    """A head of two layers for each student, with two logits (take, leave) for a text and a style."""

    def __init__(
        self, widths: tuple[int, int], styles: int, style_width: int, hidden: int, seed: int
    ) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.styles = nn.Embedding(styles, style_width)
            self.heads = nn.ModuleList(
                nn.Sequential(nn.Linear(width + style_width, hidden), nn.GELU(), nn.Linear(hidden, 2))
                for width in widths
            )
        # what the log-odds of each student's gates are above those that the head predicts (signal loss)
        self.offset = nn.Parameter(torch.zeros(2))
        for name, width in zip(("first", "second"), widths, strict=True):
            self.register_buffer(f"{name}_mean", torch.zeros(width))
            self.register_buffer(f"{name}_deviation", torch.ones(width))

    @torch.no_grad()
    def standardise(self, features: Features) -> None:
        """Has each number of the features count in units of its standard deviation in `features`."""
        for name, values in features._asdict().items():
            getattr(self, f"{name}_mean").copy_(values.mean(0))
            getattr(self, f"{name}_deviation").copy_(values.std(0, correction=0).clamp(min=1e-6))

    def log_odds(
        self,
        features: Features,
        styles: torch.Tensor,
        dropout: float = 0.0,
        generator: torch.Generator | None = None,
    ) -> torch.Tensor:
        """The log-odds of `take` for each student, (2, rows); `styles` are numbers, (rows,). The share
        `dropout` of the features, drawn by `generator`, is 0, and the others are larger for it."""
        embedded, rows = self.styles(styles), []
        for name, head in zip(("first", "second"), self.heads, strict=True):
            values = getattr(features, name) - getattr(self, f"{name}_mean")
            values = values / getattr(self, f"{name}_deviation")
            if dropout:
                kept = torch.rand(values.shape, generator=generator) >= dropout
                values = values * kept / (1 - dropout)
            logits = head(torch.cat([values, embedded], -1))
            rows.append(logits[:, 0] - logits[:, 1])
        return torch.stack(rows)


def threshold(log_odds: torch.Tensor, rate: float) -> torch.Tensor:
    """What the log-odds (2, paths) of each student have to be lowered by for a mean probability of `rate`,
    (2, 1)."""
    low = log_odds.min(-1, keepdim=True).values - 20
    high = log_odds.max(-1, keepdim=True).values + 20
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        above = (log_odds - middle).sigmoid().mean(-1, keepdim=True) > rate
        low, high = torch.where(above, middle, low), torch.where(above, high, middle)
    return (low + high) / 2


def centred(values: torch.Tensor, groups: torch.Tensor, across: bool = False) -> torch.Tensor:
    """`values` (2, rows) less the mean of their group, of each student or, where `across`, of both; `groups`
    (rows,) are numbers."""
    _, numbers = groups.unique(return_inverse=True)
    count = int(numbers.max()) + 1
    sizes = torch.zeros(count).index_add(0, numbers, torch.ones(len(numbers)))
    sums = torch.zeros(len(values), count).index_add(1, numbers, values)
    means: torch.Tensor = sums / sizes
    if across:
        means = means.mean(0, keepdim=True).expand_as(means)
    return values - means[:, numbers]


def straight_through(
    log_odds: torch.Tensor, temperature: float, generator: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Gates that are 0 or 1 and have the gradient of a Gumbel-softmax at `temperature`; and the same gates
    without a gradient, as booleans. Both have the shape of `log_odds`.

    A gate is open with the probability sigmoid(log_odds), whatever the temperature.
    """
    logits = torch.stack([log_odds, torch.zeros_like(log_odds)], -1)
    uniform = torch.rand(logits.shape, generator=generator).clamp(1e-9, 1 - 1e-7)
    soft = ((logits - (-uniform.log()).log()) / temperature).softmax(-1)[..., 0]
    hard = soft > 0.5
    return hard.float() + soft - soft.detach(), hard


def entropy(probabilities: torch.Tensor) -> torch.Tensor:
    """The entropy of each gate in nats, of the same shape as `probabilities`."""
    # the slope at 0 and 1 is infinite, and no gradient could be computed through a closed gate
    inside = probabilities.clamp(NEAR, 1 - NEAR)
    result: torch.Tensor = torch.special.entr(inside) + torch.special.entr(1 - inside)
    return result


def decisions(log_odds: torch.Tensor, rate: float, balance: float, weight: float) -> torch.Tensor:
    """What the router pays for a mean rate of each student other than `rate`, and for undecided paths."""
    probabilities = log_odds.sigmoid()
    apart = (probabilities.mean(-1) - rate).square().mean()
    return balance * apart + weight * entropy(probabilities).mean()


def information(probabilities: torch.Tensor, groups: Sequence[str]) -> float:
    """The mutual information of a route with the group of its path in nats; `probabilities` (rows,)."""
    names = sorted(set(groups))
    numbers = torch.tensor([names.index(group) for group in groups])
    total = entropy(probabilities.mean())
    for number in range(len(names)):
        within = probabilities[numbers == number]
        total = total - entropy(within.mean()) * len(within) / len(groups)
    return max(0.0, float(total))
