"""The policy gradient, corrected by importance sampling for answers that an earlier policy drew.

Source: R. Williams, "Simple statistical gradient-following algorithms", 1992,
https://doi.org/10.1007/BF00992696.
"""

import torch

from stages.students.token_losses import Clip, Tokens


def loss(logprobs: torch.Tensor, tokens: Tokens, clip: Clip) -> torch.Tensor:
    """The sum of -ratio * advantage; the ratio is not bounded."""
    ratio = (logprobs - tokens.logprobs).exp()
    total: torch.Tensor = (ratio * tokens.advantages).sum()
    return -total
