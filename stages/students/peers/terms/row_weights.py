"""From a term of each row and student to one number."""

import torch

from stages.students.peers.terms.process_means import process_mean


def weighted_mean(by_row: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """The mean of `by_row` (2, rows) over rows and students, each with its weight of the same shape.

    Gradients reach the weights as well: the gates of a router are some. What the sum is divided by is taken
    as a figure. 0 where all weights are 0. Of several processes the mean of what they return is that over the
    rows of all.
    """
    return (by_row * weights).sum() / process_mean(weights.detach().sum()).clamp(min=1e-9)
