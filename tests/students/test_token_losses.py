"""What tokens cost: each loss against values worked out by hand, its gradients, and its bounds."""

from math import exp, log
from typing import Any

import pytest
from stages.shared.errors import BadInput
from stages.students.token_losses import TOKEN_LOSSES, Clip, Tokens, token_loss

# Three tokens: drawn with probability 1/2, 1/4 and 1/2; now they have 3/4, 1/5 and 1/4: the ratios are 1.5, 0.8 and 0.5.
NOW = [log(3 / 4), log(1 / 5), log(1 / 4)]
THEN = [log(1 / 2), log(1 / 4), log(1 / 2)]
ADVANTAGES = [2.0, -1.0, 4.0]
WEIGHTS = [1.0, 0.0, 0.5]
CLIP = Clip(0.9, 1.2)

# loss -> its value, and its derivatives by the three log-probabilities
BY_HAND: dict[str, tuple[float, list[float]]] = {
    # -(1 ln(3/4) + 0 + 0.5 ln(1/4))
    "cross_entropy": (0.9808292530117262, [-1.0, 0.0, -0.5]),
    # -(1.5*2 + 0.8*-1 + 0.5*4); the derivative of a ratio by the log-probability is the ratio
    "importance_sampling": (-4.2, [-3.0, 0.8, -2.0]),
    # -(min(3, 1.2*2) + min(-0.8, 0.9*-1) + min(2, 0.9*4)): the first two are clipped, the third pulls back to the bounds
    "ppo": (-(2.4 - 0.9 + 2.0), [0.0, 0.0, -2.0]),
    # -(1.2*2*ln(3/4) + 0.9*-1*ln(1/5) + 0.9*4*ln(1/4)): the ratios are weights, every token has a gradient
    "cispo": (-(2.4 * log(3 / 4) - 0.9 * log(1 / 5) + 3.6 * log(1 / 4)), [-2.4, 0.9, -3.6]),
}


def cost(name: str, now: list[float], advantages: list[float] = ADVANTAGES, clip: Clip = CLIP) -> tuple[float, list[float]]:
    import torch

    logprobs = torch.tensor(now, dtype=torch.float64, requires_grad=True)
    columns: list[Any] = [torch.tensor(values, dtype=torch.float64) for values in (WEIGHTS, THEN, advantages)]
    value = token_loss(name)(logprobs, Tokens(*columns), clip)
    value.backward()
    assert logprobs.grad is not None
    return value.item(), logprobs.grad.tolist()


def test_every_loss_has_a_value_by_hand() -> None:
    assert BY_HAND.keys() == TOKEN_LOSSES.keys()


@pytest.mark.parametrize("name", BY_HAND)
def test_a_loss_is_what_was_worked_out_by_hand(name: str) -> None:
    value, slopes = cost(name, NOW)
    assert value == pytest.approx(BY_HAND[name][0], abs=1e-6)
    assert slopes == pytest.approx(BY_HAND[name][1], abs=1e-6)


@pytest.mark.parametrize("name", ["importance_sampling", "ppo", "cispo"])
def test_the_first_step_is_the_plain_policy_gradient(name: str) -> None:
    """Where nothing has been learnt since the answers were drawn, the derivatives are the negative advantages."""
    assert cost(name, THEN)[1] == pytest.approx([-value for value in ADVANTAGES])


@pytest.mark.parametrize("name", ["importance_sampling", "ppo", "cispo"])
def test_advantages_of_zero_give_no_gradient(name: str) -> None:
    value, slopes = cost(name, NOW, [0.0, 0.0, 0.0])
    assert abs(value) == 0.0
    assert list(map(abs, slopes)) == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("name", TOKEN_LOSSES)
def test_losses_are_linear_in_weights_and_advantages(name: str) -> None:
    """So who divides these by a number of tokens gets a mean."""
    if name == "cross_entropy":
        return
    assert cost(name, NOW, [value / 7 for value in ADVANTAGES])[0] == pytest.approx(cost(name, NOW)[0] / 7)


def test_ppo_and_cispo_keep_to_their_bounds() -> None:
    far = [log(0.5) + 3, log(0.25), log(0.5)]
    assert cost("importance_sampling", far)[0] == pytest.approx(-(exp(3) * 2 - 1 + 4))
    assert cost("ppo", far)[0] == pytest.approx(-(1.2 * 2 - 1 + 4))
    assert cost("cispo", far)[1][0] == pytest.approx(-2.4)


def test_an_unknown_loss_is_refused() -> None:
    with pytest.raises(BadInput, match=r"'pppo' .*choose from: .*ppo"):
        token_loss("pppo")
