"""CISPO: the bounded ratio weighs the log-probability and is a constant, so every token keeps a gradient.

Source: MiniMax, "MiniMax-M1", 2025, https://arxiv.org/abs/2506.13585, section 3.1.
"""

import torch

from stages.students.token_losses import Clip, Tokens


def loss(logprobs: torch.Tensor, tokens: Tokens, clip: Clip) -> torch.Tensor:
    """The sum of -bounded ratio * advantage * logprob, with no gradient through the ratio."""
    ratio = (logprobs.detach() - tokens.logprobs).exp().clamp(clip.low, clip.high)
    total: torch.Tensor = (ratio * tokens.advantages * logprobs).sum()
    return -total
