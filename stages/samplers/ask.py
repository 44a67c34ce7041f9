"""Has samplers answer the prompts that are put to them, and joins their answers into one stream of
responses."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from typing import Any

from stages.samplers import sampler
from stages.samplers.asking.streams import AnswerStream, Prompts, PromptStream, responses
from stages.samplers.asking.totals import Totals
from stages.samplers.asking.tries import Acceptance, Question, answer_until_accepted
from stages.shared.errors import BadInput
from stages.shared.rows import Prompt, Response


def ask(
    prompts: Prompts,
    samplers: Mapping[str, Any],
    seed: int,
    totals: Totals | None = None,
    accept: Mapping[str, Acceptance] | None = None,
) -> Iterator[Response]:
    """The responses to all prompts, in the order of the prompts, the samples of one prompt counted from 0.

    `samplers` gives, for each `by`, the params of its sampler (whose name is their field `sampler`).
    `prompts()` starts the same stream anew each time: it is called once for each `by`, once to check who is
    asked and once for the order, so no prompt is held in memory. A sampler starts when its first prompt is
    due, and gets its own prompts only. `totals` counts the answers, and takes what the sampler counted once
    it has ended.

    `accept` says, for each `by` whose answers may be rejected, which are accepted and how the others are
    asked for again (see `answer_until_accepted`; `prompts()` is then called twice for each try).

    Raises BadInput, before anyone is asked, where the prompts, the samplers and `accept` do not name the same
    people.
    """
    accept = accept or {}
    questions = _questions(prompts, samplers, accept)
    with ExitStack() as stack:
        answers = {by: _start(question, seed, accept.get(by), totals) for by, question in questions.items()}
        for stream in answers.values():
            stack.callback(stream.close)  # a sampler stores what it has bought, also where another one fails
        for prompt in prompts():
            given = answers[prompt.by].take(prompt)
            if totals and prompt.by not in accept:
                totals.add(prompt.by, given)
            yield from responses(prompt, given, samplers[prompt.by].sampler)
        for by, stream in answers.items():
            counts = stream.end()
            if totals:
                totals.set_run(by, counts)


def _start(
    question: Question, seed: int, acceptance: Acceptance | None, totals: Totals | None
) -> AnswerStream:
    if acceptance:
        lists = answer_until_accepted(question, seed, acceptance, totals)
        return AnswerStream(lists, *question.names)
    stream = PromptStream(question.prompts(), question.size)
    return AnswerStream(question.sampler.answer(stream, question.params, seed), *question.names)


def _questions(
    prompts: Prompts, samplers: Mapping[str, Any], accept: Mapping[str, Acceptance]
) -> dict[str, Question]:
    """By `by`, in the order of `samplers`."""
    counts = Counter(prompt.by for prompt in prompts())
    _check(counts, samplers, accept)
    for by, acceptance in accept.items():
        acceptance.check(by, samplers[by])
    return {
        by: Question(by, _prompts_of(prompts, by), counts[by], sampler(params.sampler), params)
        for by, params in samplers.items()
    }


def _prompts_of(prompts: Prompts, by: str) -> Prompts:
    def start() -> Iterable[Prompt]:
        return (prompt for prompt in prompts() if prompt.by == by)

    return start


def _check(counts: Mapping[str, int], samplers: Mapping[str, Any], accept: Mapping[str, Acceptance]) -> None:
    if unknown := sorted(set(counts) - set(samplers)):
        raise BadInput(
            f"prompts: no sampler for {', '.join(unknown)}; there is one for: {', '.join(sorted(samplers))}"
        )
    if idle := sorted(set(samplers) - set(counts)):
        raise BadInput(
            f"prompts: none is put to {', '.join(idle)}, who has a sampler; "
            f"there are prompts for: {', '.join(sorted(counts))}"
        )
    if strangers := sorted(set(accept) - set(samplers)):
        raise BadInput(
            f"accept: no sampler for {', '.join(strangers)}; there is one for: {', '.join(sorted(samplers))}"
        )
