"""What each style turned out to be worth to each student, and heads that learn to predict it."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from stages.students.router.route_heads import Features, Heads

ROWS = 512  # observations of a step of the heads


class Observation(NamedTuple):
    """What answers of a student to a problem under one style are worth."""

    # counts from 0
    round: int
    # number of the problem among the calibration problems
    problem: int
    # number of the style
    style: int
    # 0: first, 1: second
    student: int
    # the share of right answers less the price of their tokens, from 0 to 1
    utility: float


def worth(right: Sequence[float], tokens: Sequence[int], price: float) -> float:
    """The utility of the answers to one prompt: their mean grade less `price` for each token, 0 at least."""
    return max(0.0, sum(right) / len(right) - price * sum(tokens) / len(tokens))


class Observations:
    """All observations so far; those of older rounds count less, by the factor `memory` for each round."""

    def __init__(self, rows: Sequence[Observation], memory: float) -> None:
        last = max(row.round for row in rows)
        self.problems = torch.tensor([row.problem for row in rows])
        self.styles = torch.tensor([row.style for row in rows])
        self.students = torch.tensor([row.student for row in rows])
        self.utilities = torch.tensor([row.utility for row in rows])
        self.weights = torch.tensor([memory ** (last - row.round) for row in rows])

    def loss(
        self, heads: Heads, features: Features, dropout: float, generator: torch.Generator
    ) -> torch.Tensor:
        """The cross-entropy of predicted and observed utilities, on observations that `generator` draws, as
        the features that it leaves out (`dropout`)."""
        count = len(self.problems)
        rows = torch.randperm(count, generator=generator)[:ROWS]
        odds = heads.log_odds(features.at(self.problems[rows]), self.styles[rows], dropout, generator)
        chosen = odds.gather(0, self.students[rows][None])[0]
        costs = binary_cross_entropy_with_logits(chosen, self.utilities[rows], reduction="none")
        weights = self.weights[rows]
        return (costs * weights).sum() / weights.sum()
