"""Supervised fine-tuning of a base model: of all its weights, or of low-rank adapters.

Adapters: LoRA, https://arxiv.org/abs/2106.09685. Adapters on a base in 4 bits: QLoRA,
https://arxiv.org/abs/2305.14314.
"""

import fnmatch
from collections.abc import Sequence
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from stages.models.folders import locate
from stages.models.loading import Precision, load_model
from stages.models.templates import load_tokenizer
from stages.shared.errors import BadInput, unknown
from stages.shared.rows import Chat
from stages.students import Job
from stages.students.training.adapters import Adapters, adapt, quantised
from stages.students.training.audit import audit
from stages.students.training.checkpoints import fingerprint, shared_out
from stages.students.training.describe import describe_base, hash_of_chats
from stages.students.training.padding import agree, set_padding
from stages.students.training.row_counts import Row, RowCounts, fitting, row_report
from stages.students.training.settings import Training
from stages.students.training.text_fitting import fit_texts
from stages.students.training.token_weights import TokenWeights, weigh


class Params(Training):
    """Supervised fine-tuning, full or with adapters."""

    student: Literal["sft"]
    # what dvc.yaml starts the stage with, e.g. accelerate launch --config_file ...
    launcher: str = "python"
    # null: full fine-tuning, every weight is trained
    adapters: Adapters | None = None
    # weights that full fine-tuning leaves as they are, as patterns of their names in the model: with
    # "*.embed_tokens.*" a symbol that no chat holds keeps the embedding that the base model knows
    frozen: list[str] = Field(default_factory=list)
    # whether the base is loaded in 4 bits; needs adapters
    four_bit: bool = False
    # the precision of the weights below adapters. Without adapters, bfloat16 has the forward pass compute in
    # it where `bf16` is auto; the weights, which are trained then, are held in float32 all the same
    weights: Precision = "float32"
    # the padding token; null: that of the tokenizer, and where it has none, one is chosen and told
    pad_token: str | None = None
    # how much the reasoning and the label of a classification count in the loss; null: all tokens the same
    token_weights: TokenWeights | None = None
    # whether the order of the rows keeps the shares of the labels all along, so that each batch has them
    stratified: bool = False
    # whether of a classification that exceeds max_tokens the text is cut, so that it fits; false: such a chat
    # is left out
    cut_texts: bool = False

    def resolved(self) -> Self:
        """The same params with `bf16` true or false."""
        if self.bf16 == "auto" and self.adapters is None and self.weights == "bfloat16":
            return self.model_copy(update={"bf16": True})
        return super().resolved()

    @model_validator(mode="after")
    def _four_bit_needs_adapters(self) -> "Params":
        if self.four_bit and self.adapters is None:
            raise ValueError("four_bit: weights in 4 bits cannot be trained; give adapters as well")
        return self

    @model_validator(mode="after")
    def _stratified_without_curriculum(self) -> "Params":
        if self.stratified and self.curriculum:
            raise ValueError("stratified: a curriculum has an order of its own; leave one of the two out")
        return self

    @model_validator(mode="after")
    def _frozen_without_adapters(self) -> "Params":
        if self.frozen and self.adapters is not None:
            raise ValueError("frozen: with adapters every weight of the base is frozen; leave frozen empty")
        return self


def train(chats: Sequence[Chat], job: Job, params: Params) -> None:
    """Trains on `chats` from the model in `job.base` and saves the student.

    Raises BadInput where the stop-token audit fails.
    """
    from transformers import set_seed

    from stages.students.training.fit import fit
    from stages.students.training.validation_rows import measured

    if job.base is None:
        raise BadInput("sft: needs a base model to start from; the stage base makes or pins one")
    if locate(str(job.base)).adapter:
        raise BadInput(f"{job.base}: adapters on top of another model; merge them into it first")
    params = params.resolved()
    set_seed(job.seed)
    tokenizer = load_tokenizer(str(job.base))
    set_padding(tokenizer, params.pad_token, str(job.base))
    # bfloat16 rounds most updates away: what is trained is held in float32, the adapters by PEFT
    precision = params.weights if params.adapters else "float32"
    model = load_model(str(job.base), params.device, precision, params.four_bit)
    agree(model, tokenizer)

    def encode(chats: Sequence[Chat], counts: RowCounts | None = None) -> list[Row]:
        audited = audit(chats, tokenizer, model, str(job.base), counts or params.row_counts())
        return _classified(audited, tokenizer, params)

    counts = params.row_counts()
    shown, cuts = fit_texts(chats, tokenizer, params.max_tokens) if params.cut_texts else (chats, {})
    rows = encode(shown, counts)
    kept = fitting(rows, params.max_tokens, params.max_dropped)
    rows_to_measure = measured(job, params, encode)
    base, data = describe_base(job.base), hash_of_chats(chats)
    learner = _adapt(model, params)
    trained = sum(weight.numel() for weight in learner.parameters() if weight.requires_grad)
    facts = {"base": base, "data_sha256": data, "seed": job.seed, "weights": trained}
    facts |= {"too_long": len(rows) - len(kept)}
    facts |= {"texts": cuts} if cuts else {}
    parts = [shared_out(params.model_dump()), facts, *([job.held.key] if job.held else [])]
    key = fingerprint(*parts, any_count=True)
    report, examples = row_report(rows, params.max_tokens, counts), [row.example for row in kept]
    fit(learner, tokenizer, examples, params, job, key, facts, report, rows_to_measure=rows_to_measure)


def _classified(rows: Sequence[Row], tokenizer: Any, params: Params) -> list[Row]:
    """The rows with what params ask of a classification: weights of their tokens, labels to order by.

    Raises BadInput on a chat without a label where params ask for either.
    """
    classified = list(rows)
    if params.token_weights:
        classified = [
            Row(chat, weigh(chat, example, tokenizer, params.token_weights)) for chat, example in classified
        ]
    if params.stratified:
        for chat, _ in classified:
            if chat.label is None:
                raise BadInput(f"sft: stratified: chat {chat.id!r} has no label; set stratified to false")
        classified = [Row(chat, example._replace(label=chat.label)) for chat, example in classified]
    return classified


def _adapt(model: Any, params: Params) -> Any:
    """`model` with what is to be trained unfrozen: all of it but for `frozen`, or new adapters.

    Raises BadInput where a pattern of `frozen` names no weight, or all of them.
    """
    if params.four_bit:
        model = quantised(model, params.gradient_checkpointing)
    _freeze(model, params.frozen)
    return adapt(model, params.adapters, "sft")


def _freeze(model: Any, patterns: Sequence[str]) -> None:
    weights = dict(model.named_parameters())  # of tied weights the first name alone
    for pattern in patterns:
        names = fnmatch.filter(weights, pattern)
        if not names:
            raise BadInput(f"sft: frozen: {unknown('weight', pattern, sorted(weights))}")
        for name in names:
            weights[name].requires_grad_(False)
    if patterns and not any(weight.requires_grad for weight in weights.values()):
        raise BadInput(f"sft: frozen: {list(patterns)} leave no weight to train")
