"""The streams that `ask` joins: the prompts of one `by`, the answers of one sampler, the responses of
both."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import msgspec

from stages.samplers.memo.sampled_answers import Answer
from stages.shared.rows import Prompt, Response

Prompts = Callable[[], Iterable[Prompt]]  # starts the same stream anew each time


class PromptStream:
    """Prompts to be read once. Their number is known, so a sampler can say how long it will take."""

    def __init__(self, prompts: Iterable[Prompt], count: int) -> None:
        self.prompts, self.count = prompts, count

    def __iter__(self) -> Iterator[Prompt]:
        return iter(self.prompts)

    def __length_hint__(self) -> int:
        return self.count


class AnswerStream:
    """The lists of answers that the sampler called `sampler` gives, one for each prompt of `by`."""

    def __init__(self, lists: Iterator[list[Answer]], sampler: str, by: str) -> None:
        self.lists, self.sampler, self.by = lists, sampler, by

    def take(self, prompt: Prompt) -> list[Answer]:
        """The answers to the next prompt, which is `prompt`. RuntimeError where the sampler has no more."""
        try:
            return next(self.lists)
        except StopIteration:
            raise RuntimeError(
                f"sampler {self.sampler!r} gave no list of answers for {prompt.id!r}, by {self.by!r}"
            ) from None

    def end(self) -> Mapping[str, Any]:
        """Lets the sampler end after its last prompt. Returns what it counted in this run: the value that its
        generator returns ({}: none). RuntimeError where the sampler has more answers."""
        try:
            next(self.lists)
        except StopIteration as end:
            return end.value or {}
        raise RuntimeError(
            f"sampler {self.sampler!r} gave more lists of answers than it had prompts, by {self.by!r}"
        )

    def close(self) -> None:
        """Ends the sampler, also before its last prompt. It stores what it has bought."""
        getattr(self.lists, "close", list)()


def responses(prompt: Prompt, answers: Iterable[Answer], sampler: str) -> Iterator[Response]:
    """The answers to one prompt as rows, their samples counted from 0."""
    fields = msgspec.structs.asdict(prompt)
    for sample, answer in enumerate(answers):
        yield Response(
            **fields,
            sampler=sampler,
            model=answer.model,
            sample=sample,
            text=answer.text,
            ending=answer.ending,
            tokens=answer.tokens,
            reasoning=answer.reasoning,
            probs=answer.probs,
            label_probs=answer.label_probs,
        )
