"""From the rewards of a group of answers to what is learnt from them.

Sources: Z. Shao et al., "DeepSeekMath", 2024, https://arxiv.org/abs/2402.03300 (advantages within a group);
Q. Yu et al., "DAPO", 2025, https://arxiv.org/abs/2503.14476 (groups of equal rewards left out, the mean taken
over tokens).
"""

from collections.abc import Sequence
from math import sqrt
from typing import NamedTuple

from stages.students.backends import Datum, Sampled

EPS = 1e-6  # a smaller spread of rewards is rounding


class Group(NamedTuple):
    """The answers to one problem."""

    # the tokens of the prompt
    prompt: list[int]
    answers: list[Sampled]
    rewards: list[float]

    def advantages(self) -> list[float]:
        """How many standard deviations each answer is better than the mean of its group; all 0 where the
        rewards are equal."""
        mean = sum(self.rewards) / len(self.rewards)
        spread = sqrt(sum((reward - mean) ** 2 for reward in self.rewards) / len(self.rewards))
        return [(reward - mean) / spread if spread > EPS else 0.0 for reward in self.rewards]

    def equal(self) -> bool:
        """Whether all rewards are equal: there is nothing to learn from the group."""
        return not any(self.advantages())


def data(groups: Sequence[Group], penalties: Sequence[Sequence[Sequence[float]]]) -> list[Datum]:
    """A datum for each answer of `groups`; groups of equal rewards give none.

    `penalties` holds, for each group and answer, what is taken from the advantage of each token. The
    advantages are divided by the number of all tokens that are learnt: a loss that is a sum becomes a mean.
    """
    kept = [(group, taken) for group, taken in zip(groups, penalties, strict=True) if not group.equal()]
    count = sum(len(answer.tokens) for group, _ in kept for answer in group.answers)
    return [
        _datum(group.prompt, answer, [(advantage - value) / count for value in values])
        for group, taken in kept
        for answer, advantage, values in zip(group.answers, group.advantages(), taken, strict=True)
    ]


def sequence(prompt: list[int], answer: Sampled) -> list[int]:
    """Prompt and answer as one."""
    return prompt + answer.tokens


def _datum(prompt: list[int], answer: Sampled, advantages: list[float]) -> Datum:
    tokens, before = sequence(prompt, answer), [0.0] * (len(prompt) - 1)
    return Datum(tokens[:-1], tokens[1:], logprobs=before + answer.logprobs, advantages=before + advantages)


def penalties(
    groups: Sequence[Group], start: Sequence[Sequence[float]], weight: float
) -> tuple[list[list[list[float]]], float]:
    """What is taken from the advantages for leaving the start, and the mean divergence from the start.

    `start` holds, for each answer of all groups, the log-probabilities of its tokens under the start. A
    token loses `weight` times the difference of its log-probabilities, less the mean difference of all
    tokens. The mean difference estimates the divergence KL(policy, start) per token, in nats. So the penalty
    moves probability between tokens and leaves the sum of all advantages as it is. Source:
    https://github.com/thinking-machines-lab/tinker-cookbook, rl/metrics.py, incorporate_kl_penalty.
    """
    at_start = iter(start)
    differences = [
        [
            [now - then for now, then in zip(answer.logprobs, next(at_start), strict=True)]
            for answer in group.answers
        ]
        for group in groups
    ]
    flat = [value for group in differences for answer in group for value in answer]
    mean = sum(flat) / len(flat)
    taken = [[[weight * (value - mean) for value in answer] for answer in group] for group in differences]
    return taken, mean


def parts(groups: Sequence[Group], count: int) -> list[list[int]]:
    """The indices of the groups, divided among `count` updates; groups of equal rewards are left out, and so
    are updates without a group."""
    wanted = [number for number, group in enumerate(groups) if not group.equal()]
    divided = [wanted[start::count] for start in range(count)]
    return [part for part in divided if part]
