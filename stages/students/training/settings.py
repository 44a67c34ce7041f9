"""How a student is trained, as params. Nothing here imports torch: a fault in params is reported at once."""

from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from stages.shared.errors import unknown
from stages.shared.params import Strict
from stages.students.losses import LOSSES


class Training(Strict):
    """The params that all students share; give `epochs` or `steps`, not both."""

    # passes over the chats
    epochs: float | None = Field(default=None, gt=0)
    # optimizer steps
    steps: int | None = Field(default=None, ge=1)
    # rows that a process computes at once
    batch_size: int = Field(ge=1)
    # batches whose gradients are added up for a step
    accumulate: int = Field(default=1, ge=1)
    # what is minimised: a name in students/losses
    loss: str = "supervised"
    # the highest learning rate of the schedule
    learning_rate: float = Field(gt=0, le=1)
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
    # whether rows share a line instead of being padded; false suits a model that cannot keep them apart
    packed: bool = True
    # whether activations are computed anew in the backward pass, which saves memory and costs time
    gradient_checkpointing: bool = False
    # tokens of question and answer together; longer chats are left out
    max_tokens: int = Field(ge=8)
    # steps between checkpoints
    checkpoint_steps: int = Field(default=200, ge=1)
    # auto takes CUDA where it is there
    device: Literal["auto", "cpu", "cuda"] = "auto"
    # threads of a training on the CPU; null leaves torch's choice, and then the result depends on the machine
    threads: int | None = Field(default=1, ge=1)

    @field_validator("loss")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in LOSSES:
            raise ValueError(unknown("loss", name, LOSSES))
        return name

    def resolved(self) -> Self:
        """The same params with `bf16` true or false, as the device has it."""
        from stages.models.loading import choose_device, native_bf16

        if self.bf16 != "auto":
            return self
        return self.model_copy(update={"bf16": native_bf16(choose_device(self.device))})

    @model_validator(mode="after")
    def _one_length(self) -> "Training":
        if (self.epochs is None) == (self.steps is None):
            raise ValueError("give either epochs or steps")
        return self
