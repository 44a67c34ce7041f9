"""The tokenizer of a model folder as training uses it, with what the audit wants to be sure of."""

from typing import Any

from stages.models.folders import locate
from stages.models.templates import first_line, load_tokenizer
from stages.shared.errors import BadInput
from stages.students.training.audit import audit_tokenizer
from stages.students.training.padding import set_padding
from stages.students.validating.chat_checks import Student


def student_of(model: str, max_tokens: int, pad_token: str | None = None) -> Student:
    """For whom rows are checked: the tokenizer of the model folder `model`. `pad_token` is that of the params
    of the student `sft`. No weights are loaded.

    Raises BadInput where the model is missing, and where its template or its end-of-turn token rule training
    out.
    """
    tokenizer = load_tokenizer(model)
    set_padding(tokenizer, pad_token, model)
    return Student(tokenizer, audit_tokenizer(tokenizer, _stops(model), model), max_tokens)


def _stops(model: str) -> list[int]:
    """The ids that generation stops on, as the model's generation_config.json or config.json says."""
    from transformers import AutoConfig, GenerationConfig

    weights = locate(model)
    revision = weights.revision or "main"
    try:
        stops: Any = GenerationConfig.from_pretrained(weights.name, revision=revision).eos_token_id
    except OSError:
        try:
            config = AutoConfig.from_pretrained(weights.name, revision=revision)
        except (OSError, ValueError) as error:
            raise BadInput(f"{model}: its configuration could not be read: {first_line(error)}") from None
        stops = config.eos_token_id
    return stops if isinstance(stops, list) else [stops] if stops is not None else []
