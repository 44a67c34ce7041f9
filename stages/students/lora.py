"""A base model, fine-tuned whole or through low-rank adapters (LoRA, https://arxiv.org/abs/2106.09685), in 4
bits if asked for (QLoRA, https://arxiv.org/abs/2305.14314).
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
    """Low-rank adapters of rank `r`, scaled by `alpha / r`, on `targets` (`all-linear`, or names of modules)."""

    r: int = Field(default=8, ge=1)
    alpha: int = Field(default=16, ge=1)
    dropout: float = Field(default=0.05, ge=0, lt=1)
    targets: str | list[str] = "all-linear"


class Params(Training):
    """`adapters` null trains every weight; `weights` is the precision they are held in; `pad_token` serves a
    tokenizer without one."""

    student: Literal["lora"]
    launcher: str = "python"  # what dvc.yaml starts the stage with, e.g. accelerate launch --config_file ...
    adapters: Adapters | None = None
    four_bit: bool = False
    weights: Precision = "float32"
    pad_token: str | None = None

    @model_validator(mode="after")
    def _four_bit_needs_adapters(self) -> "Params":
        if self.four_bit and self.adapters is None:
            raise ValueError("four_bit: weights in 4 bits cannot be trained; give adapters as well")
        return self


def train(chats: Sequence[Chat], job: Job, params: Params) -> None:
    """Trains on `chats` from the model in `job.base` and saves the student; raises BadInput where the
    stop-token audit fails."""
    from transformers import set_seed

    from stages.students.training.fit import fit

    if job.base is None:
        raise BadInput("lora: needs a base model to start from; a base is made by scratch or pinned")
    if locate(str(job.base)).adapter:
        raise BadInput(f"{job.base}: adapters on top of another model; merge them into it first")
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
                f"lora: pad_token {params.pad_token!r} is not in the vocabulary of {base}; choose a token that the model has"
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
    except ValueError as error:  # PEFT names the targets that it did not find
        raise BadInput(
            f"lora: adapters.targets {chosen.targets!r}: {str(error).strip().splitlines()[0]}"
        ) from None
