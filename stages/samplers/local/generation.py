"""Has a transformers model go on with rows of token ids, in one batch."""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from stages.samplers.local.label_scores import answer_tokens, before_label, label_probs
from stages.samplers.local.steering import Chats
from stages.samplers.local.steering.batch_state import Start
from stages.samplers.local.token_probs import Recorder, token_probs
from stages.samplers.memo.sampled_answers import Answer
from stages.shared.rows import Ending


class Loaded(NamedTuple):
    """A model ready to answer."""

    model: Any
    tokenizer: Any
    # those of the sampler `hf`
    params: Any
    # the tokens that every answer begins with
    prefill: list[int]
    # each makes a logits processor for one batch
    processors: list[Start]
    # what the processors of all batches changed so far
    steered: Counter[str]
    # by the ids of a prompt: its text; filled where labels are scored
    texts: Mapping[tuple[int, ...], str] = MappingProxyType({})


def attempt(loaded: Loaded, rows: Sequence[list[int]], seed: str, chats: Chats) -> list[Answer] | None:
    """The answers to `rows`, whose prompts have the messages `chats`; None where they do not fit into
    memory."""
    from accelerate.utils.memory import clear_device_cache, should_reduce_batch_size

    try:
        answers = _generate(loaded, rows, seed, chats) if loaded.params.generates else _empty(loaded, rows)
        return _labelled(loaded, rows, answers) if loaded.params.labels else answers
    except (RuntimeError, MemoryError) as error:
        if isinstance(error, RuntimeError) and not should_reduce_batch_size(error):
            raise
    # after the `except`, where the error no longer holds what filled the memory
    clear_device_cache(garbage_collection=True)
    return None


def _generate(loaded: Loaded, rows: Sequence[list[int]], seed: str, chats: Chats) -> list[Answer]:
    import torch

    model, tokenizer, params = loaded.model, loaded.tokenizer, loaded.params
    inputs = tokenizer.pad({"input_ids": list(rows)}, return_tensors="pt").to(model.device)
    torch.manual_seed(int.from_bytes(hashlib.sha256(seed.encode()).digest()[:6], "big"))
    sampling = (
        {"do_sample": True, "temperature": params.temperature, "top_p": params.top_p, "top_k": 0}
        if params.temperature
        else {}
    )
    processors = [start(chats) for start in loaded.processors]
    recorder = [Recorder()] if params.probs else []
    with torch.inference_mode():
        read = _read_once(model, rows, inputs)
        output = model.generate(
            **inputs,
            **read,
            **sampling,
            max_new_tokens=params.max_new_tokens,
            logits_processor=[*recorder, *processors],
        )
    for processor in processors:
        loaded.steered.update(processor.counts())
    new = output[:, inputs["input_ids"].shape[1] :].tolist()
    logprobs = recorder[0].logprobs(output) if recorder else [None] * len(new)
    return [_answer(loaded, ids, values) for ids, values in zip(new, logprobs, strict=True)]


def _empty(loaded: Loaded, rows: Sequence[list[int]]) -> list[Answer]:
    """Answers that say nothing but the prefill."""
    params = loaded.params
    return [Answer(params.prefill, Ending.STOP, 0, cost_usd=0.0, model=params.model) for _ in rows]


def _labelled(loaded: Loaded, rows: Sequence[list[int]], answers: Sequence[Answer]) -> list[Answer]:
    """The answers with the probabilities of the labels; an answer without reasoning becomes its likeliest
    label."""
    labels, tokenizer = loaded.params.labels, loaded.tokenizer
    prompts = [loaded.texts[tuple(row)].removesuffix(loaded.params.prefill) for row in rows]
    before = [
        before_label(answer.text, labels.opening) if loaded.params.generates else answer.text + labels.opening
        for answer in answers
    ]
    texts = [prompt + text for prompt, text in zip(prompts, before, strict=True)]
    scored = [
        answer._replace(label_probs=probs)
        for answer, probs in zip(
            answers, label_probs(loaded.model, tokenizer, texts, labels, len(rows)), strict=True
        )
    ]
    if loaded.params.generates:
        return scored
    return [
        _named(answer, prompt, text, tokenizer, labels.closing)
        for answer, prompt, text in zip(scored, prompts, before, strict=True)
    ]


def _named(answer: Answer, prompt: str, before: str, tokenizer: Any, closing: str) -> Answer:
    """`answer` as the text of its likeliest label; of several, the first."""
    probs = answer.label_probs or {}
    text = before + max(probs, key=lambda name: probs[name]) + closing
    return answer._replace(text=text, tokens=answer_tokens(tokenizer, prompt, text))


def _read_once(model: Any, rows: Sequence[list[int]], inputs: Any) -> dict[str, Any]:
    """The cache of all but the last token of each prompt, where some prompts stand in `rows` several times.

    A prompt with several answers is read once, and what was read is copied.
    """
    import torch

    numbers: dict[tuple[int, ...], int] = {}
    places = [numbers.setdefault(tuple(row), len(numbers)) for row in rows]
    if len(numbers) == len(rows) or max(map(len, rows)) == 1:
        return {}
    first = [places.index(number) for number in range(len(numbers))]
    seen = inputs["attention_mask"][first, :-1]
    positions = (seen.cumsum(-1) - 1).clamp(min=0)
    cache = model(
        inputs["input_ids"][first, :-1], attention_mask=seen, position_ids=positions, logits_to_keep=1
    ).past_key_values
    if not hasattr(cache, "batch_select_indices"):  # a recurrent model's state
        return {}
    cache.batch_select_indices(torch.tensor(places, device=seen.device))
    return {"past_key_values": cache}


def stop_ids(model: Any) -> list[int]:
    """The ids that end an answer of `model`."""
    stops = model.generation_config.eos_token_id
    return list(stops) if isinstance(stops, list) else [stops]


def _answer(loaded: Loaded, ids: list[int], logprobs: list[float] | None = None) -> Answer:
    """The answer of the new tokens `ids` of a row; what stands behind its end token only fills the row up."""
    stops = stop_ids(loaded.model)
    end = next((place for place, token in enumerate(ids) if token in stops), None)
    words = loaded.prefill + (ids if end is None else ids[:end])
    text = loaded.tokenizer.decode(words, skip_special_tokens=True, clean_up_tokenization_spaces=False)
    probs = None
    if logprobs is not None:
        size = len(ids) if end is None else end + 1
        probs = token_probs(loaded.tokenizer, ids[:size], logprobs[:size])
    return Answer(
        text,
        Ending.LENGTH if end is None else Ending.STOP,
        len(words),
        cost_usd=0.0,
        model=loaded.params.model,
        probs=probs,
    )
