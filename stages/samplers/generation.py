"""Has a transformers model go on with rows of token ids, in one batch."""

import hashlib
from collections.abc import Sequence
from typing import Any, NamedTuple

from stages.samplers.memo import Stored
from stages.shared.rows import Ending


class Loaded(NamedTuple):
    """A model ready to answer; `params` are those of `hf`, `begun` is the prefill in its tokens."""

    model: Any
    tokenizer: Any
    params: Any
    begun: list[int]
    processors: list[Any]


def attempt(loaded: Loaded, rows: Sequence[list[int]], seed: str) -> list[Stored] | None:
    """The answers to `rows`; None where they do not fit into memory."""
    from accelerate.utils.memory import clear_device_cache, should_reduce_batch_size

    try:
        return _generate(loaded, rows, seed)
    except (RuntimeError, MemoryError) as error:
        if isinstance(error, RuntimeError) and not should_reduce_batch_size(error):
            raise
    clear_device_cache(garbage_collection=True)  # out here, where the error no longer holds what filled the memory
    return None


def _generate(loaded: Loaded, rows: Sequence[list[int]], seed: str) -> list[Stored]:
    import torch

    model, tokenizer, params = loaded.model, loaded.tokenizer, loaded.params
    inputs = tokenizer.pad({"input_ids": list(rows)}, return_tensors="pt").to(model.device)
    torch.manual_seed(int.from_bytes(hashlib.sha256(seed.encode()).digest()[:6], "big"))
    sampling = {"do_sample": True, "temperature": params.temperature, "top_p": params.top_p, "top_k": 0} if params.temperature else {}
    with torch.inference_mode():
        output = model.generate(**inputs, **sampling, max_new_tokens=params.max_new_tokens, logits_processor=loaded.processors)
    new = output[:, inputs["input_ids"].shape[1] :].tolist()
    return [_answer(loaded, ids) for ids in new]


def _answer(loaded: Loaded, ids: list[int]) -> Stored:
    stops = loaded.model.generation_config.eos_token_id
    stops = set(stops if isinstance(stops, list) else [stops])
    end = next((place for place, token in enumerate(ids) if token in stops), None)
    words = loaded.begun + (ids if end is None else ids[:end])
    text = loaded.tokenizer.decode(words, skip_special_tokens=True, clean_up_tokenization_spaces=False)
    return Stored(text, Ending.LENGTH if end is None else Ending.STOP, len(words), cost_usd=0.0, model=loaded.params.model)
