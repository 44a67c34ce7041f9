"""How a student is trained, as params: nothing here imports torch, so that a fault in them is told at once."""

from typing import Literal

from pydantic import Field, model_validator

from stages.shared.params import Strict


class Training(Strict):
    """How a student is trained; give `epochs` or `steps`, not both. Learning rates are peaks, `max_tokens`
    counts question and answer. `packed` lays the rows of a batch end to end instead of padding them; false
    suits a model that cannot keep them apart."""

    epochs: float | None = Field(default=None, gt=0)
    steps: int | None = Field(default=None, ge=1)
    batch_size: int = Field(ge=1)
    accumulate: int = Field(default=1, ge=1)
    learning_rate: float = Field(gt=0, le=1)
    schedule: Literal["cosine", "linear", "constant"] = "cosine"
    warmup_steps: int = Field(default=0, ge=0)
    weight_decay: float = Field(default=0.0, ge=0)
    max_grad_norm: float = Field(default=1.0, gt=0)
    optimizer: Literal["adamw", "adamw_8bit", "muon"] = "adamw"
    bf16: bool = True
    packed: bool = True
    gradient_checkpointing: bool = False
    max_tokens: int = Field(ge=8)
    checkpoint_steps: int = Field(default=200, ge=1)
    device: Literal["auto", "cpu", "cuda"] = "auto"

    @model_validator(mode="after")
    def _one_length(self) -> "Training":
        if (self.epochs is None) == (self.steps is None):
            raise ValueError("give either epochs or steps")
        return self
