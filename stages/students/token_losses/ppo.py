"""The clipped objective of PPO: no gradient where a ratio left the bounds in the direction of its advantage.

Source: J. Schulman et al., "Proximal Policy Optimization Algorithms", 2017, https://arxiv.org/abs/1707.06347,
equation 7.
"""

import torch

from stages.students.token_losses import Clip, Tokens


def loss(logprobs: torch.Tensor, tokens: Tokens, clip: Clip) -> torch.Tensor:
    """The sum of -min(ratio * advantage, bounded ratio * advantage)."""
    ratio = (logprobs - tokens.logprobs).exp()
    bounded = ratio.clamp(clip.low, clip.high)
    return -torch.minimum(ratio * tokens.advantages, bounded * tokens.advantages).sum()
