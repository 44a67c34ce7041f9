"""Counts the tokens of an answer whose server does not say how many it billed."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from stages.samplers.cost.prices import Usage
from stages.samplers.cost.token_counts import Counter, by_length, counter
from stages.samplers.http.completions import Completion


class MissingUsage:
    """`tokenizer` names what tokens are counted with (None: they are estimated by length). Raises BadInput
    where it names nothing: before anything is bought, not at the first answer that needs it."""

    def __init__(self, tokenizer: str | None) -> None:
        self.given = counter("", tokenizer) if tokenizer else None

    @cached_property
    def counter(self) -> Counter:
        """What tokens are counted with."""
        return self.given or by_length("the server does not say how many tokens it billed")

    def complete(self, asked: Mapping[str, Any], completion: Completion) -> tuple[Completion, bool]:
        """`completion` with its usage, and whether the server said all of it. A count of zero for a text that
        is not empty says nothing."""
        usage = completion.usage or Usage(0, 0)
        written = (completion.reasoning or "") + completion.text
        if completion.usage and ((usage.prompt and (usage.completion or not written)) or not written):
            return completion, True
        prompt = usage.prompt or self.counter.count(asked["messages"])
        answer = usage.completion
        if written and not answer:
            answer = self.counter.count([{"role": "assistant", "content": written}])
        return completion._replace(usage=Usage(prompt, answer, usage.cached)), False
