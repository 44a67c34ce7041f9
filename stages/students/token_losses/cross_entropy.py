"""The negative log-likelihood of the tokens, each times its weight."""

import torch

from stages.students.token_losses import Clip, Tokens


def loss(logprobs: torch.Tensor, tokens: Tokens, clip: Clip) -> torch.Tensor:
    """The sum of -weight * logprob; the ratio has no part in it."""
    total: torch.Tensor = (tokens.weights * logprobs).sum()
    return -total
