"""Everybody who is asked answers the prompts that are put to them, in one stream."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import msgspec

from stages.samplers import Answer, sampler
from stages.shared.errors import BadInput
from stages.shared.rows import Prompt, Response

Prompts = Callable[[], Iterable[Prompt]]


def ask(prompts: Prompts, samplers: Mapping[str, Any], seed: int) -> Iterator[Response]:
    """The responses to all prompts, in the order of the prompts, the samples of one prompt counted from 0.

    `samplers` gives, for each `by`, the params of its sampler (whose name is their field `sampler`). `prompts()` starts the same stream
    anew each time: it is called once for each `by`, once to check who is asked and once for the order, so no prompt is held in memory.
    A sampler starts when its first prompt is due; each sees its own prompts only. Raises BadInput, before anyone is asked, where the
    prompts and the samplers do not name the same people.
    """
    _check(prompts(), samplers)
    answers = {by: sampler(params.sampler).answer(_only(prompts(), by), params, seed) for by, params in samplers.items()}
    for prompt in prompts():
        given = next(answers[prompt.by], None)
        if given is None:
            raise RuntimeError(f"sampler {samplers[prompt.by].sampler!r} gave no list of answers for {prompt.id!r}, by {prompt.by!r}")
        yield from _responses(prompt, given, samplers[prompt.by].sampler)
    for by, rest in answers.items():
        if next(rest, None) is not None:
            raise RuntimeError(f"sampler {samplers[by].sampler!r} gave more lists of answers than it had prompts, by {by!r}")


def _check(prompts: Iterable[Prompt], samplers: Mapping[str, Any]) -> None:
    asked = {prompt.by for prompt in prompts}
    if strangers := sorted(asked - set(samplers)):
        raise BadInput(f"prompts: no sampler for {', '.join(strangers)}; there is one for: {', '.join(sorted(samplers))}")
    if idle := sorted(set(samplers) - asked):
        raise BadInput(f"prompts: none is put to {', '.join(idle)}, who has a sampler; there are prompts for: {', '.join(sorted(asked))}")


def _only(prompts: Iterable[Prompt], by: str) -> Iterator[Prompt]:
    return (prompt for prompt in prompts if prompt.by == by)


def _responses(prompt: Prompt, answers: list[Answer], name: str) -> Iterator[Response]:
    fields = msgspec.structs.asdict(prompt)
    for sample, (text, ending, tokens, model, *_) in enumerate(answers):
        yield Response(**fields, sampler=name, model=model, sample=sample, text=text, ending=ending, tokens=tokens)
