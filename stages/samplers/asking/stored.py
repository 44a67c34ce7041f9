"""The answers that are stored so far, without a call: what a run that a bound stopped has bought."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from stages.samplers import sampler
from stages.samplers.asking.streams import responses
from stages.samplers.memo.smaller_limits import SmallerLimits
from stages.samplers.memo.store import Memo, key
from stages.shared.rows import Prompt, Response


def stored_responses(prompts: Iterable[Prompt], samplers: Mapping[str, Any]) -> Iterator[Response]:
    """The responses to those prompts whose sampler buys its answers, as `ask` gives them, where they are
    stored. The samples of one prompt are counted from 0 among those that are there. `samplers` are as for
    `ask`."""
    asked_of = {by: sampler(params.sampler) for by, params in samplers.items() if hasattr(params, "max_usd")}
    with Memo() as memo:
        smaller = {by: SmallerLimits(memo, samplers[by].model) for by in asked_of}
        for prompt in prompts:
            if prompt.by not in asked_of:
                continue
            asked = asked_of[prompt.by].asked(prompt, samplers[prompt.by])  # type: ignore[attr-defined]
            wanted = {key(request): request for request in asked}
            stored_answers = memo.get(wanted)
            stored_answers |= smaller[prompt.by].get(
                {name: wanted[name] for name in wanted.keys() - stored_answers.keys()}
            )
            answers = [stored_answers[name] for name in wanted if name in stored_answers]
            yield from responses(prompt, answers, samplers[prompt.by].sampler)
