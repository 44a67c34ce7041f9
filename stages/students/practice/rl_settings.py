"""How a student practises, as params. Nothing here imports torch."""

from typing import Annotated, Literal, Protocol

from pydantic import Field, field_validator, model_validator

from stages.shared.errors import unknown
from stages.shared.params import Strict, member
from stages.students.backends import BACKENDS
from stages.students.token_losses import TOKEN_LOSSES

LOSSES = tuple(name for name in TOKEN_LOSSES if name != "cross_entropy")


class BackendParams(Protocol):
    """Of a backend: its name."""

    backend: str


class Validation(Strict):
    """How it is seen whether practice helps."""

    # so many problems, the first of data/validation/<system>.jsonl
    problems: int = Field(default=200, ge=1)
    # steps between two validations; a checkpoint is written at each
    every: int = Field(default=5, ge=1)
    # what is compared: the mean reward, the share of right answers, or macro-F1 over the gold labels
    metric: Literal["reward", "accuracy", "macro_f1"] = "accuracy"
    # practice ends after so many validations without a better one; null: never early
    patience: int | None = Field(default=None, ge=1)


class Settings(Strict):
    """Reinforcement learning in groups (GRPO, https://arxiv.org/abs/2402.03300)."""

    # where the policy is trained
    backend: Annotated[BackendParams, member("stages.students.backends", BACKENDS, "backend")]
    # what is minimised: importance_sampling, ppo or cispo
    loss: str = "ppo"
    # bounds of the ratio in the losses ppo and cispo
    clip_low: float = Field(default=0.8, gt=0, le=1)
    # the upper bound
    clip_high: float = Field(default=1.2, ge=1)
    # steps, each with new answers
    steps: int = Field(ge=1)
    # problems of a step
    problems: int = Field(ge=1)
    # answers to each problem, which are compared with each other
    group: int = Field(ge=2)
    # optimizer steps in which the answers of a step are learnt from; the groups are divided among them
    updates: int = Field(default=1, ge=1)
    # the same in every step
    learning_rate: float = Field(gt=0, le=1)
    # decoupled weight decay
    weight_decay: float = Field(default=0.0, ge=0)
    # gradients with a larger norm are scaled down to it
    max_grad_norm: float = Field(default=1.0, gt=0)
    # how much each token loses for being likelier than under the start; 0: the start is not asked
    kl: float = Field(default=0.0, ge=0)
    # of the answers that are learnt from; 1 draws from the policy as it is
    temperature: float = Field(default=1.0, gt=0)
    # an answer that reaches this length is cut off
    max_new_tokens: int = Field(ge=1)
    # how often practice is tested
    validation: Validation

    @field_validator("loss")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in LOSSES:
            raise ValueError(unknown("loss", name, LOSSES))
        return name

    @model_validator(mode="after")
    def _enough_groups(self) -> "Settings":
        if self.updates > self.problems:
            raise ValueError(
                f"updates: {self.problems} problems cannot be divided among {self.updates} updates"
            )
        return self
