"""Everybody who is asked answers the prompts that are put to them, in one stream."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from typing import Any

import msgspec

from stages.samplers import Answer, sampler
from stages.shared.errors import BadInput
from stages.shared.rows import Ending, Prompt, Response

RUN = ("stored", "bought", "retries", "faults", "failed")
Prompts = Callable[[], Iterable[Prompt]]


def ask(
    prompts: Prompts, samplers: Mapping[str, Any], seed: int, bill: "Bill | None" = None
) -> Iterator[Response]:
    """The responses to all prompts, in the order of the prompts, the samples of one prompt counted from 0.

    `samplers` gives, for each `by`, the params of its sampler (whose name is their field `sampler`).
    `prompts()` starts the same stream anew each time: it is called once for each `by`, once to check who is
    asked and once for the order, so no prompt is held in memory. A sampler starts when its first prompt is
    due; each sees its own prompts only. `bill` is told the answers to each prompt, and what the sampler has
    counted once it has ended. Raises BadInput, before anyone is asked, where the prompts and the samplers do
    not name the same people.
    """
    asked = _check(prompts(), samplers)
    answers = {
        by: sampler(params.sampler).answer(Only(prompts(), by, asked[by]), params, seed)
        for by, params in samplers.items()
    }
    with ExitStack() as stack:
        for given in answers.values():
            stack.callback(
                getattr(given, "close", list)
            )  # a generator stores what it has bought, also where another one fails
        for prompt in prompts():
            found = next(answers[prompt.by], None)
            if found is None:
                raise RuntimeError(
                    f"sampler {samplers[prompt.by].sampler!r} gave no list of answers for {prompt.id!r}, by {prompt.by!r}"
                )
            if bill:
                bill.add(prompt.by, found)
            yield from _responses(prompt, found, samplers[prompt.by].sampler)
        for by, rest in answers.items():
            counts = _end(
                rest,
                f"sampler {samplers[by].sampler!r} gave more lists of answers than it had prompts, by {by!r}",
            )
            if bill:
                bill.close(by, counts)


def _end(rest: Iterator[list[Answer]], surplus: str) -> Mapping[str, Any]:
    """What a sampler that has answered all counted of its work: the value that its generator returns, where
    it does."""
    try:
        next(rest)
    except StopIteration as end:
        return end.value or {}
    raise RuntimeError(surplus)


def _check(prompts: Iterable[Prompt], samplers: Mapping[str, Any]) -> Counter[str]:
    asked = Counter(prompt.by for prompt in prompts)
    if strangers := sorted(set(asked) - set(samplers)):
        raise BadInput(
            f"prompts: no sampler for {', '.join(strangers)}; there is one for: {', '.join(sorted(samplers))}"
        )
    if idle := sorted(set(samplers) - set(asked)):
        raise BadInput(
            f"prompts: none is put to {', '.join(idle)}, who has a sampler; there are prompts for: {', '.join(sorted(asked))}"
        )
    return asked


class Only:
    """The prompts of one `by`, to be read once; how many there are is known, so a sampler can say how long it
    will take."""

    def __init__(self, prompts: Iterable[Prompt], by: str, count: int) -> None:
        self.prompts, self.by, self.count = prompts, by, count

    def __iter__(self) -> Iterator[Prompt]:
        return (prompt for prompt in self.prompts if prompt.by == self.by)

    def __length_hint__(self) -> int:
        return self.count


def _responses(prompt: Prompt, answers: list[Answer], name: str) -> Iterator[Response]:
    fields = msgspec.structs.asdict(prompt)
    for sample, (text, ending, tokens, model, *_) in enumerate(answers):
        yield Response(
            **fields, sampler=name, model=model, sample=sample, text=text, ending=ending, tokens=tokens
        )


class Bill:
    """What the answers of one person come to: the same, whether they were bought just now or lay in the memo.
    Beside it, where somebody was paid, what this run did for them."""

    def __init__(self, by: str, n: int) -> None:
        self.by, self.n = by, n
        self.requests = self.tokens = self.prompt_tokens = self.unpriced = 0
        self.endings = dict.fromkeys(Ending, 0)
        self.cost = 0.0
        self.run: Mapping[str, Any] = {}

    def add(self, by: str, answers: list[Answer]) -> None:
        """Counts the answers to one prompt, if they are his."""
        if by != self.by:
            return
        self.requests += self.n
        for answer in answers:
            self.endings[answer.ending] += 1
            self.tokens += answer.tokens
            self.prompt_tokens += answer.prompt_tokens
            self.unpriced += answer.cost_usd is None
            self.cost += answer.cost_usd or 0.0

    def close(self, by: str, counts: Mapping[str, Any]) -> None:
        """Takes in what his sampler counted."""
        if by == self.by:
            self.run = counts

    def metrics(self) -> dict[str, Any]:
        """`requests` made, `answers` that came, by their ending; `unpriced` are those whose cost is not
        known. Of a paid sampler also what the run did: requests `stored` before, `bought`, `retries`, and
        `faults` (every failed call) and `failed` (given up) by kind."""
        answers = sum(self.endings.values())
        counts = {"requests": self.requests, "answers": answers, "missing": self.requests - answers}
        counts |= {f"ended_{ending}": count for ending, count in self.endings.items()}
        used = {"tokens": self.tokens, "prompt_tokens": self.prompt_tokens}
        run = {name: self.run[name] for name in RUN if name in self.run}
        return counts | used | {"cost_usd": round(self.cost, 6), "unpriced": self.unpriced} | run
