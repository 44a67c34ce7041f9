"""How two students are trained together, as params. Nothing here imports torch."""

from typing import Annotated, Literal, Protocol

from pydantic import Field, model_validator

from stages.models.loading import Precision
from stages.shared.params import Strict, member
from stages.students.peers import PEERS
from stages.students.router.route_settings import Params as Router
from stages.students.training.adapters import Adapters
from stages.students.training.settings import Steps


class PeerSection(Protocol):
    """Of a peer term: its name."""

    kind: str


class Rates(Strict):
    """A learning rate for each student."""

    # of the first student, the highest of the schedule
    first: float = Field(gt=0, le=1)
    # of the second student, likewise
    second: float = Field(gt=0, le=1)


class Evaluation(Strict):
    """How both students are evaluated while they are trained, on calibration problems that are set aside: the
    router is not calibrated by them. Test problems are never asked."""

    # training steps between two evaluations; one comes before the first step and one after the last; null:
    # once an epoch
    every: int | None = Field(default=None, ge=1)
    # problems of each task that are set aside, each asked under the tag of every style
    problems: int = Field(ge=1)
    # an answer that reaches this length is cut off
    max_new_tokens: int = Field(ge=1)
    # answers that are drawn at once
    batch_size: int = Field(default=256, ge=1)

    def due(self, step: int, steps: int, epoch_steps: int) -> bool:
        """Whether there is an evaluation after `step` of `steps`, where an epoch has `epoch_steps`."""
        return step in (0, steps) or step % (self.every or epoch_steps) == 0


class Settings(Steps):
    """The training of a pair."""

    # what dvc.yaml starts the stage with
    launcher: str = "python"
    # the highest learning rates of the schedule
    learning_rates: Rates
    # null: full fine-tuning, every weight is trained; of a pair on one GPU mostly adapters
    adapters: Adapters | None = None
    # whether the bases are loaded in 4 bits; needs adapters
    four_bit: bool = False
    # the precision of the weights below adapters. Without adapters, bfloat16 has the forward pass compute in
    # it
    weights: Precision = "float32"
    # the student that is not trained; null: both are
    freeze: Literal["first", "second"] | None = None
    # which path goes to whom
    router: Router
    # what the students learn from each other
    peer: Annotated[PeerSection, member("stages.students.peers", PEERS, "kind")]
    # of what the peer term learns itself, the same in every step
    peer_learning_rate: float = Field(default=0.001, gt=0, le=1)
    # a rate of routes over fewer paths than this is not reported
    least_paths: int = Field(default=20, ge=1)
    # how the students are evaluated while they are trained; null: they are not
    evaluation: Evaluation | None = None

    def resolved(self) -> "Settings":
        """The same params with `bf16` true or false."""
        if self.bf16 == "auto" and self.adapters is None and self.weights == "bfloat16":
            return self.model_copy(update={"bf16": True})
        return super().resolved()

    @model_validator(mode="after")
    def _four_bit_needs_adapters(self) -> "Settings":
        if self.four_bit and self.adapters is None:
            raise ValueError("four_bit: weights in 4 bits cannot be trained; give adapters as well")
        return self
