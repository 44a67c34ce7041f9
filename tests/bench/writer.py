"""One run of generation in a process of its own: `ours` (samplers/hf.py) or `plain` (`model.generate` in file order); figures as JSON.

Both answer the same prompts greedily on the CPU with the same batch size and limit; loading and a first small batch are not timed.
"""

import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any
from unittest.mock import patch

from child import peak
from stages.models.loading import load_model, prepare_cpu
from stages.models.templates import load_tokenizer, render
from stages.samplers import Answer, hf
from stages.shared.files import read
from stages.shared.rows import Ending, Problem, Prompt
from stages.styles.prompting.prompts import prompts


def answers(who: str, model: str, asked: list[Prompt], batch: int, limit: int) -> Iterator[Answer]:
    """One answer to each prompt, in order."""
    if who == "ours":
        params = hf.Params(sampler="hf", model=model, max_new_tokens=limit, batch_size=batch, device="cpu")
        yield from (given[0] for given in hf.answer(asked, params, 0))
    else:
        yield from plain(model, asked, batch, limit)


def plain(name: str, asked: list[Prompt], batch: int, limit: int) -> Iterator[Answer]:
    """As the documentation of transformers shows it: each batch padded as it comes, and over when its longest answer is."""
    import torch

    tokenizer, model = _load(name)
    end = tokenizer.eos_token_id
    for start in range(0, len(asked), batch):
        texts = [render(tokenizer, prompt.messages, prompt=True) for prompt in asked[start : start + batch]]
        inputs = tokenizer(texts, add_special_tokens=False, padding=True, return_tensors="pt")
        with torch.inference_mode():
            output = model.generate(**inputs, do_sample=False, max_new_tokens=limit, eos_token_id=end, pad_token_id=tokenizer.pad_token_id)
        for ids in output[:, inputs["input_ids"].shape[1] :].tolist():
            words = ids[: ids.index(end)] if end in ids else ids
            yield Answer(tokenizer.decode(words, skip_special_tokens=True), Ending.STOP if end in ids else Ending.LENGTH, len(words), name)


@cache
def _load(name: str) -> tuple[Any, Any]:
    tokenizer, model = load_tokenizer(name), load_model(name, "cpu", "float32").eval()
    tokenizer.padding_side = "left"
    return tokenizer, model


def main(who: str, model: str, problems: Path, rows: int, batch: int, limit: int) -> dict[str, Any]:
    """Figures of one run: seconds, answers, tokens (the end left out), peak memory in MiB."""
    prepare_cpu("cpu", 1)  # for both: one thread, and an allocator that keeps freed memory
    asked = list(prompts(islice(read(problems, Problem), rows), {"student": "plain"}))
    # an empty memo: what an earlier run has stored would not be generated
    with tempfile.TemporaryDirectory(prefix="athanor-bench-") as memo, patch.dict(os.environ, {"DVC_ROOT": memo}):
        list(answers(who, model, asked[:2], batch, 4))
        started = time.perf_counter()
        given = list(answers(who, model, asked, batch, limit))
        seconds = time.perf_counter() - started
    most = peak()
    texts = [answer.text for answer in given]
    return {"seconds": seconds, "answers": len(given), "tokens": sum(answer.tokens for answer in given), "peak": most, "texts": texts}


if __name__ == "__main__":
    who, model, problems, *sizes = sys.argv[1:]
    print(json.dumps(main(who, model, Path(problems), *map(int, sizes))))
