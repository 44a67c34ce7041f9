"""The rows that practice leaves: every answer with its reward, and how practice went."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from stages.shared.rows import Prompt, Response


class Reward(NamedTuple):
    """What one answer is worth."""

    total: float
    # the terms that the total is the sum of, each with its weight
    terms: dict[str, float]
    # whether the final answer is right
    right: bool
    # the final answer as extracted; None: there is none
    pred: str | None


Grade = Callable[[Sequence[Response]], list[Reward]]
Metric = Callable[[Sequence[Response], Sequence[Reward]], float]


class Rollout(Response, kw_only=True):
    """An answer that was learnt from, at `step`. `rewards` are the terms of `reward`. `subset` is `hard`,
    `easy` or `all`, where nothing says how hard the problem is."""

    step: int
    subset: str
    pred: str | None
    rewards: dict[str, float]
    reward: float
    advantage: float


class Point(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A step (`split` is train) or a validation: means over its answers.

    `groups` counts the groups of a step, `equal` those whose rewards are all equal. `kl` is the divergence
    from the start in nats per token. `metric` is what validations are compared by. None: not measured.
    """

    step: int
    split: str
    answers: int
    reward: float
    rewards: dict[str, float]
    accuracy: float
    parsed: float
    cut_off: float
    tokens: float
    metric: float | None = None
    groups: int | None = None
    equal: int | None = None
    hard_reward: float | None = None
    easy_reward: float | None = None
    loss: float | None = None
    grad_norm: float | None = None
    kl: float | None = None


class Task(NamedTuple):
    """What is practised, as the stage hands it in."""

    prompts: Sequence[Prompt]
    # for each prompt `hard`, `easy` or `all`
    subsets: Sequence[str]
    validation: Sequence[Prompt]
    grade: Grade
    metric: Metric


class PracticeJob(NamedTuple):
    """Where practice reads and writes."""

    # the folder of the model that practice starts from
    start: Path
    # the model folder that is written
    out: Path
    # the folder of the curves that is written
    curves: Path
    # the file of Rollout rows that is written
    rollouts: Path
    # the file of Point rows that is written
    history: Path
    # the folder of checkpoints; outside every out of a stage, so that it outlives a killed run
    checkpoints: Path
    # what every random choice is drawn from
    seed: int


def point(
    step: int, split: str, responses: Sequence[Response], rewards: Sequence[Reward], cut_off: int
) -> Point:
    """The means over answers, of which `cut_off` reached the limit of tokens."""
    count = len(rewards)
    names = rewards[0].terms
    return Point(
        step=step,
        split=split,
        answers=count,
        reward=_rounded(sum(reward.total for reward in rewards) / count),
        rewards={name: _rounded(sum(reward.terms[name] for reward in rewards) / count) for name in names},
        accuracy=_rounded(sum(reward.right for reward in rewards) / count),
        parsed=_rounded(sum(reward.pred is not None for reward in rewards) / count),
        cut_off=_rounded(cut_off / count),
        tokens=_rounded(sum(response.tokens for response in responses) / count),
    )


def mean_of_subset(subset: str, subsets: Sequence[str], rewards: Sequence[Reward]) -> float | None:
    """The mean reward of the answers to the problems of a subset; None where there are none."""
    values = [reward.total for name, reward in zip(subsets, rewards, strict=True) if name == subset]
    return round(sum(values) / len(values), 6) if values else None


def _rounded(value: float) -> float:
    return round(value, 6)
