"""Low-rank adapters (LoRA, https://arxiv.org/abs/2106.09685) as params, and put on a model."""

import re
from typing import Any

from pydantic import Field

from stages.shared.errors import BadInput
from stages.shared.params import Strict


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


def adapt(model: Any, adapters: Adapters | None, who: str) -> Any:
    """`model` with new adapters, which alone are to be trained; without `adapters` it stays as it is.

    Raises BadInput, which begins with `who`, where the model has none of the targets, and where a target is
    one of two layers with the same weights.
    """
    if adapters is None:
        return model
    from peft import LoraConfig, get_peft_model

    _check_tied(model, adapters.targets, who)

    config = LoraConfig(
        r=adapters.r,
        lora_alpha=adapters.alpha,
        lora_dropout=adapters.dropout,
        target_modules=adapters.targets,
        task_type="CAUSAL_LM",
    )
    try:
        return get_peft_model(model, config)
    except ValueError as error:  # PEFT names the targets that the model does not have
        reason = str(error).strip().splitlines()[0]
        raise BadInput(f"{who}: adapters.targets {adapters.targets!r}: {reason}") from None


def _check_tied(model: Any, targets: str | list[str], who: str) -> None:
    """Raises BadInput where `targets` name the embeddings or the layer that makes logits, and both have the
    same weights: an adapter of one would not hold for the other, and merging it would change both."""
    if not model.config.get_text_config().tie_word_embeddings:
        return
    tied = {id(model.get_input_embeddings()), id(model.get_output_embeddings())}
    for name, module in model.named_modules():
        if id(module) in tied and _is_target(name, targets):
            raise BadInput(
                f"{who}: adapters.targets {targets!r}: {name} shares its weights with another layer "
                "(tie_word_embeddings): take other targets, such as all-linear, or set adapters to null"
            )


def _is_target(name: str, targets: str | list[str]) -> bool:
    """As PEFT reads targets: a text is a pattern of whole names, a list holds the ends of names."""
    if isinstance(targets, str):
        return targets != "all-linear" and re.fullmatch(targets, name) is not None
    return any(name == target or name.endswith(f".{target}") for target in targets)


def quantised(model: Any, gradient_checkpointing: bool) -> Any:
    """`model`, whose weights are in 4 bits, made ready for adapters (QLoRA,
    https://arxiv.org/abs/2305.14314)."""
    from peft import prepare_model_for_kbit_training

    return prepare_model_for_kbit_training(model, gradient_checkpointing, {"use_reentrant": False})
