"""How a student is trained, as params. Nothing here imports torch: a fault in params is reported at once."""

from importlib.util import find_spec
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from stages.shared.errors import unknown
from stages.shared.params import Strict
from stages.students.losses import LOSSES
from stages.students.training.row_counts import RowCounts

FIRST_STEPS = (0, 10, 25, 50, 100, 150, 200, 250, 500, 750)  # then every 500 steps, from 5000 on every 1000
OWN_METRICS = ("loss", "exact_match", "ended")


class Validation(Strict):
    """How a training is measured while it goes on, by problems that are neither trained nor tested on.

    Its metrics are `loss` (cross-entropy of the supervised tokens of the validation chats), `exact_match`
    (share of answers that are a chat's last turn to the letter), `ended` (share of answers that end by
    themselves), `tokens` (mean length of an answer) and, for each of the graders, the share of answers with a
    grade of 1.
    """

    # steps after which it is measured, before the first (0) and after the last in any case; null: 0, 10, 25,
    # 50, 100, 150, 200, 250, 500, 750, 1000, then every 500 steps, and from 5000 on every 1000
    at: list[Annotated[int, Field(ge=0)]] | None = None
    # measured besides after every so many steps; null: at no others
    every: int | None = Field(default=None, ge=1)
    # how many of the validation problems are asked, drawn by the seed; null: all
    problems: int | None = Field(default=32, ge=1)
    # an answer that reaches this length is cut off
    max_new_tokens: int = Field(ge=1)
    # problems that a process computes at once
    batch_size: int = Field(default=32, ge=1)
    # the graders of the answers, by name, with their params; none: the loss and exact matches alone
    graders: dict[str, Any] = Field(default_factory=dict)
    # best: the student is the model of the step with the best `metric`, the model before the training among
    # them; of equal ones the earliest
    choose: Literal["last", "best"] = "last"
    # loss (the lower the better), exact_match, ended, or the name of one of the graders (the higher the
    # better)
    metric: str = "loss"

    @model_validator(mode="after")
    def _measured(self) -> "Validation":
        names = [*OWN_METRICS, *self.graders]
        if self.metric not in names:
            raise ValueError(f"metric: {unknown('metric', self.metric, names)}")
        return self

    def steps(self, last: int) -> set[int]:
        """The steps after which a training of `last` steps is measured."""
        later = [*range(1000, 5000, 500), *range(5000, last + 1, 1000)]
        at = [*FIRST_STEPS, *later] if self.at is None else self.at
        every = range(0, last, self.every) if self.every else ()
        return {0, last, *(step for step in (*at, *every) if step < last)}


class Curriculum(Strict):
    """What is learnt first (Bengio et al. 2009, https://doi.org/10.1145/1553374.1553380)."""

    # the first rows of the chats, which are learnt first and no more afterwards
    rows: int = Field(ge=1)
    # optimizer steps on these rows, of all steps
    steps: int = Field(ge=1)


class Steps(Strict):
    """The params of every training that is made of optimizer steps; give `epochs` or `steps`, not both."""

    # passes over the chats
    epochs: float | None = Field(default=None, gt=0)
    # optimizer steps
    steps: int | None = Field(default=None, ge=1)
    # rows that a process computes at once
    batch_size: int = Field(ge=1)
    # batches whose gradients are added up for a step
    accumulate: int = Field(default=1, ge=1)
    # how the learning rate falls after the warm-up: to 0, or not at all
    schedule: Literal["cosine", "linear", "constant"] = "cosine"
    # steps in which the learning rate rises from 0
    warmup_steps: int = Field(default=0, ge=0)
    # decoupled weight decay
    weight_decay: float = Field(default=0.0, ge=0)
    # gradients with a larger norm are scaled down to it
    max_grad_norm: float = Field(default=1.0, gt=0)
    # muon: Muon for the matrices inside the transformer, AdamW for the rest
    optimizer: Literal["adamw", "adamw_8bit", "muon"] = "adamw"
    # whether the forward pass computes in bfloat16; weights keep their precision; auto: where the device has
    # instructions for it, since without them it is several times slower than float32
    bf16: bool | Literal["auto"] = "auto"
    # whether activations are computed anew in the backward pass, which saves memory and costs time
    gradient_checkpointing: bool = False
    # tokens of question and answer together; longer chats are left out
    max_tokens: int = Field(ge=8)
    # the largest share of the chats (0 to 1) that may be left out since they are longer than max_tokens, and
    # the largest that may be left out for a fault; above it the training stops before its first step
    max_dropped: float = Field(default=0.05, ge=0, le=1)
    # what becomes of a chat that may not be trained on, such as one that holds the text of a special token:
    # refuse stops the training, drop leaves the chat out and counts it in metrics/<student>_train/rows.json
    faulty_rows: Literal["refuse", "drop"] = "refuse"
    # steps between checkpoints
    checkpoint_steps: int = Field(default=200, ge=1)
    # auto takes CUDA where it is there
    device: Literal["auto", "cpu", "cuda"] = "auto"
    # threads of a training on the CPU; null leaves torch's choice, and then the result depends on the machine
    threads: int | None = Field(default=1, ge=1)

    def resolved(self) -> Self:
        """The same params with `bf16` true or false, as the device has it."""
        from stages.models.loading import choose_device, native_bf16

        if self.bf16 != "auto":
            return self
        return self.model_copy(update={"bf16": native_bf16(choose_device(self.device))})

    def row_counts(self) -> RowCounts:
        """What adds up the chats of a training with these params."""
        return RowCounts(self.faulty_rows, self.max_dropped)

    @model_validator(mode="after")
    def _one_length(self) -> Self:
        if (self.epochs is None) == (self.steps is None):
            raise ValueError("give either epochs or steps")
        return self


class Training(Steps):
    """The params that all students share."""

    # what is minimised: a name in students/losses
    loss: str = "supervised"
    # the highest learning rate of the schedule
    learning_rate: float = Field(gt=0, le=1)
    # null: every step learns from all chats, in an order that the seed draws
    curriculum: Curriculum | None = None
    # whether rows share a line instead of being padded; false suits a model that cannot keep them apart
    packed: bool = True
    # how the training is measured while it goes on; null: it is not
    validation: Validation | None = None
    # the trackers that get the curves while it trains; each needs its package
    report_to: list[Literal["wandb", "mlflow", "trackio", "tensorboard"]] = Field(default_factory=list)
    # what dvc.yaml makes the training depend on: stages/graders where `validation.graders` names some, or
    # else their registry alone, so that a grader that changes makes no other training stale
    grading: Literal["stages/graders", "stages/graders/__init__.py"] = "stages/graders/__init__.py"

    @field_validator("loss")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in LOSSES:
            raise ValueError(unknown("loss", name, LOSSES))
        return name

    @field_validator("report_to")
    @classmethod
    def _installed(cls, trackers: list[str]) -> list[str]:
        for name in trackers:
            if find_spec(name) is None:
                raise ValueError(
                    f"{name}: the package is not installed: `pip install {name}`, or leave it out"
                )
        return trackers

    @model_validator(mode="after")
    def _graders_are_deps(self) -> "Training":
        if self.validation and self.validation.graders and self.grading != "stages/graders":
            raise ValueError("grading: expected stages/graders, since validation.graders names some")
        return self
