"""A local transformers model: a base model, a trained student, or a teacher on your own GPU.

With `labels` every answer carries the probability of each label of a classification, after the answer's own
reasoning or after none (local/label_scores.py).

Prompts are sorted by length within a window, left-padded and answered in batches; the answers come back in
the order of the prompts. Each batch draws from a seed of its own and is stored as soon as it is answered. So
the same prompts give the same answers, however often a run is killed, and however many processes share them
(`accelerate launch`). A batch that does not fit into memory is halved, and so are the batches after it: drawn
answers then differ from those of a machine with more memory.
"""

import sys
from collections.abc import Generator, Iterable, Iterator, Sequence
from itertools import count, islice
from typing import Any

from tqdm import tqdm

from stages.samplers import Answer
from stages.samplers.local.answering import Local
from stages.samplers.local.answering import Params as Params
from stages.samplers.local.stored_batches import Batch, settle
from stages.samplers.memo.store import Memo
from stages.shared.rows import Prompt

WINDOW = 4096  # prompts sorted together; bounds the memory, whatever the number of prompts


def answer(
    prompts: Iterable[Prompt], params: Params, seed: int
) -> Generator[list[Answer], None, dict[str, Any]]:
    """`params.n` answers to each prompt, in order. Answers that reach `max_new_tokens` end with `length`.

    Returns what steering changed in this run (`steered`), where anything was steered.
    """
    local = Local(params)
    waiting = iter(prompts)
    with Memo() as memo:
        for number in count():
            window = list(islice(waiting, WINDOW))
            if not window:
                break
            yield from _answer_window(memo, local, window, f"{seed} {window[0].by} {number}")
    _report(local)
    return {"steered": dict(sorted(local.steered.items()))} if local.steered else {}


def _report(local: Local) -> None:
    """Says on standard error what the logits processors changed in this run, those of stored answers left
    out."""
    for name in dict.fromkeys(name for step in local.params.steer for name in step):
        answers, changed, tokens = (
            local.steered[f"{name}.{what}"] for what in ("answers", "changed_answers", "changed_tokens")
        )
        if answers:
            counts = f"steer.{name} changed {tokens} tokens, in {changed} of {answers} answers"
            print(f"{local.params.model}: {counts}", file=sys.stderr)


def _answer_window(memo: Memo, local: Local, window: Sequence[Prompt], seed: str) -> Iterator[list[Answer]]:
    params = local.params
    ids = local.encode(window)
    places = [place for place in range(len(window)) for _ in range(params.draws)]
    # stable, longest first: what does not fit into memory fails at once
    places.sort(key=lambda place: -len(ids[place]))
    starts = range(0, len(places), params.batch_size)
    plan = [(start, places[start : start + params.batch_size]) for start in starts]
    batches = [
        Batch(
            part,
            [ids[place] for place in part],
            f"{seed} {start}",
            [window[place].messages for place in part],
        )
        for start, part in plan
    ]
    settled = {}
    with tqdm(total=len(places), desc=f"answers of {params.model}", unit="answer") as bar:
        for batch, stored in settle(memo, batches, local.identity, local.generate):
            settled[batch.seed] = stored
            bar.update(len(stored))
    answers: list[list[Answer]] = [[] for _ in window]
    for batch in batches:
        for place, answer in zip(batch.places, settled[batch.seed], strict=True):
            answers[place].append(answer._replace(model=params.model))
    yield from (
        (_averaged(drawn, params.draws // params.n) for drawn in answers)
        if params.draws > params.n
        else answers
    )


def _averaged(drawn: Sequence[Answer], samples: int) -> list[Answer]:
    """One answer for each `samples` drawn ones: the first of them, with the mean of their probabilities and
    the sum of their tokens."""
    answers = []
    for start in range(0, len(drawn), samples):
        part = drawn[start : start + samples]
        probs = [answer.label_probs or {} for answer in part]
        means = {name: sum(each[name] for each in probs) / samples for name in probs[0]}
        answers.append(part[0]._replace(label_probs=means, tokens=sum(answer.tokens for answer in part)))
    return answers
