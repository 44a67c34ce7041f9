"""What the tokens of an answer cost: `loss(logprobs, tokens, clip)` returns the sum over the tokens.

`logprobs` holds the log-probabilities that the model gives to the tokens now, a tensor of shape (tokens,)
with gradients. `tokens` holds what is known of the same tokens. `clip` bounds the ratio of the probability
now to the probability when the token was drawn. The sum has no dimensions and is divided by nothing: who
wants a mean divides the weights or the advantages, since every loss is linear in them. The names, the sums
and the default bounds are those of the service Tinker, https://tinker-docs.thinkingmachines.ai/losses.
May import: shared.
"""

from typing import Any, NamedTuple, Protocol

from stages.shared.registry import load_member

TOKEN_LOSSES = {
    "cross_entropy": "the weighted negative log-likelihood",
    "importance_sampling": "the policy gradient, each token weighted by its ratio",
    "ppo": "the policy gradient with the ratio clipped where it went too far already",
    "cispo": "the policy gradient with the clipped ratio as a constant weight: no token loses its gradient",
}


class Clip(NamedTuple):
    """The bounds of the ratio."""

    low: float = 0.8
    high: float = 1.2


class Tokens(NamedTuple):
    """Tensors of shape (tokens,)."""

    # how much each token counts in `cross_entropy`
    weights: Any
    # the log-probabilities (natural logarithm) with which the tokens were drawn
    logprobs: Any
    # how much better the answer of each token was than expected
    advantages: Any


class TokenLoss(Protocol):
    """The contract of a member."""

    def __call__(self, logprobs: Any, tokens: Tokens, clip: Clip) -> Any: ...


def token_loss(name: str) -> TokenLoss:
    """The loss called `name`."""
    member: TokenLoss = load_member(__name__, TOKEN_LOSSES, name).loss
    return member
