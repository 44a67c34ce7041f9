"""Supervised fine-tuning of a base model: of all its weights, or of low-rank adapters.

Adapters: LoRA, https://arxiv.org/abs/2106.09685. Adapters on a base in 4 bits: QLoRA,
https://arxiv.org/abs/2305.14314.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from stages.models.folders import locate
from stages.models.loading import Precision, load_model
from stages.models.templates import load_tokenizer
from stages.shared.errors import BadInput
from stages.shared.params import Strict
from stages.shared.rows import Chat
from stages.students import Job
from stages.students.training.audit import audit
from stages.students.training.checkpoints import fingerprint
from stages.students.training.describe import describe_base, hash_of_chats
from stages.students.training.packing import fitting
from stages.students.training.settings import Training


class Adapters(Strict):
    """Low-rank adapters: a matrix W becomes W + (alpha / r) B A, and only A and B are trained."""

    # rank of A and B
    r: int = Field(default=8, ge=1)
    # the adapters' share is scaled by alpha / r
    alpha: int = Field(default=16, ge=1)
    # share of the adapters' inputs that a training step leaves out
    dropout: float = Field(default=0.05, ge=0, lt=1)
    # which modules get adapters: all-linear, or a list of module names
    targets: str | list[str] = "all-linear"


class Params(Training):
    """Supervised fine-tuning, full or with adapters."""

    student: Literal["sft"]
    # what dvc.yaml starts the stage with, e.g. accelerate launch --config_file ...
    launcher: str = "python"
    # null: full fine-tuning, every weight is trained
    adapters: Adapters | None = None
    # whether the base is loaded in 4 bits; needs adapters
    four_bit: bool = False
    # the precision that the weights are held in
    weights: Precision = "float32"
    # the padding token, for a tokenizer that has none
    pad_token: str | None = None

    @model_validator(mode="after")
    def _four_bit_needs_adapters(self) -> "Params":
        if self.four_bit and self.adapters is None:
            raise ValueError("four_bit: weights in 4 bits cannot be trained; give adapters as well")
        return self


def train(chats: Sequence[Chat], job: Job, params: Params) -> None:
    """Trains on `chats` from the model in `job.base` and saves the student.

    Raises BadInput where the stop-token audit fails.
    """
    from transformers import set_seed

    from stages.students.training.fit import fit

    if job.base is None:
        raise BadInput("sft: needs a base model to start from; the stage base makes or pins one")
    if locate(str(job.base)).adapter:
        raise BadInput(f"{job.base}: adapters on top of another model; merge them into it first")
    params = params.resolved()
    set_seed(job.seed)
    tokenizer = _tokenizer(job.base, params)
    model = load_model(str(job.base), params.device, params.weights, params.four_bit)
    examples, too_long = fitting(audit(chats, tokenizer, model, str(job.base)), params.max_tokens)
    base, data = describe_base(job.base), hash_of_chats(chats)
    model = _adapt(model, params)
    trained = sum(weight.numel() for weight in model.parameters() if weight.requires_grad)
    facts = {"base": base, "data_sha256": data, "seed": job.seed, "weights": trained, "too_long": too_long}
    fit(model, tokenizer, examples, params, job, fingerprint(params.model_dump(), facts), facts)


def _tokenizer(base: Path, params: Params) -> Any:
    tokenizer = load_tokenizer(str(base))
    if params.pad_token is not None:
        if params.pad_token not in tokenizer.get_vocab():
            raise BadInput(
                f"sft: pad_token {params.pad_token!r} is not in the vocabulary of {base}; "
                "choose a token that the model has"
            )
        tokenizer.pad_token = params.pad_token
    return tokenizer


def _adapt(model: Any, params: Params) -> Any:
    """`model` with what is to be trained unfrozen: all of it, or new adapters."""
    if params.adapters is None:
        return model
    from peft import LoraConfig, get_peft_model, prepare_model_for_kbit_training

    if params.four_bit:
        model = prepare_model_for_kbit_training(
            model, params.gradient_checkpointing, {"use_reentrant": False}
        )
    chosen = params.adapters
    config = LoraConfig(
        r=chosen.r,
        lora_alpha=chosen.alpha,
        lora_dropout=chosen.dropout,
        target_modules=chosen.targets,
        task_type="CAUSAL_LM",
    )
    try:
        return get_peft_model(model, config)
    except ValueError as error:  # PEFT names the targets that the model does not have
        reason = str(error).strip().splitlines()[0]
        raise BadInput(f"sft: adapters.targets {chosen.targets!r}: {reason}") from None
