"""The padding token, on which tokenizer, model and generation agree, and what is saved for generation.

Padding may be the token that ends a turn: what is learnt goes by the places of tokens, never by their ids.
"""

import sys
from typing import Any

from stages.models.templates import special_tokens
from stages.shared.errors import BadInput


def set_padding(tokenizer: Any, wanted: str | None, name: str) -> None:
    """Gives `tokenizer` the padding token `wanted`; without it, one that has none gets a special token that
    is named for padding, or else the token that ends its texts, and a line on standard error says which.

    Raises BadInput, which names the model by `name`, where the vocabulary lacks the token.
    """
    if wanted is not None:
        if wanted not in tokenizer.get_vocab():
            raise BadInput(
                f"sft: pad_token {wanted!r} is not in the vocabulary of {name}; "
                "choose a token that the model has"
            )
        tokenizer.pad_token = wanted
    if tokenizer.pad_token is None:
        named = [token for token in special_tokens(tokenizer).values() if "pad" in token.lower()]
        tokenizer.pad_token = min(named, default=tokenizer.eos_token)
        if tokenizer.pad_token is None:
            raise BadInput(f"{name}: its tokenizer has no padding token; name one of its tokens in pad_token")
        print(
            f"{name}: its tokenizer has no padding token; {tokenizer.pad_token!r} pads "
            "(pad_token names another)",
            file=sys.stderr,
        )


def agree(model: Any, tokenizer: Any) -> None:
    """Has `model` pad as `tokenizer` does, and leaves of its settings for generation those alone with which a
    student is measured.

    Those are the tokens that end an answer: the samplers drop the temperature, the penalties and whatever
    else a base model's settings hold, so a student that is saved with them would answer otherwise elsewhere.
    """
    from transformers import GenerationConfig

    pad, settings = tokenizer.pad_token_id, model.generation_config
    if model.config.pad_token_id != pad:
        model.config.pad_token_id = pad
    ends = settings.eos_token_id if isinstance(settings.eos_token_id, list) else [settings.eos_token_id]
    embedded = model.get_input_embeddings()
    if getattr(embedded, "padding_idx", None) is not None and embedded.padding_idx in ends:
        embedded.padding_idx = None  # its vector would get no gradient, though it ends turns
    plain = GenerationConfig(
        bos_token_id=settings.bos_token_id,
        eos_token_id=settings.eos_token_id,
        pad_token_id=pad,
        use_cache=True,
    )
    if _in_force(settings) != _in_force(plain):
        model.generation_config = plain


def _in_force(settings: Any) -> dict[str, Any]:
    """What differs from the defaults of transformers and has a part in what is generated."""
    no_part = {
        "transformers_version",
        "_from_model_config",
        "use_cache",
        "output_attentions",
        "output_hidden_states",
    }
    return {name: value for name, value in settings.to_diff_dict().items() if name not in no_part}
