"""How a sampler tells the answers to one prompt apart: by the number of the sample and the number of the
try."""

from stages.shared.rows import Prompt


class RepeatedPrompt(Prompt, kw_only=True):
    """A prompt that is put once more because one of its answers was rejected.

    `sample` is the number of that answer. `attempt` is the number of the try, from 1 (the first answers were
    try 0).
    """

    sample: int
    attempt: int


def samples_of(prompt: Prompt, n: int) -> list[tuple[int, int]]:
    """The numbers (sample, try) of the answers that `prompt` wants: one for a repeated prompt, `n` for any
    other."""
    if isinstance(prompt, RepeatedPrompt):
        return [(prompt.sample, prompt.attempt)]
    return [(sample, 0) for sample in range(n)]


def memo_numbers(sample: int, attempt: int) -> dict[str, int]:
    """The numbers of an answer as a part of what is asked. Try 0 has no number, so that the keys of the first
    answers stay what they are without further tries."""
    return {"sample": sample} | ({"try": attempt} if attempt else {})
