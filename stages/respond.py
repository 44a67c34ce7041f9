"""Has the teacher answer its prompts, and the base model its own, which measures how hard each problem is."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from stages.samplers import SAMPLERS
from stages.samplers.ask import ask
from stages.samplers.estimate import estimates, told
from stages.shared import params
from stages.shared.cli import progress, run
from stages.shared.params import Strict, member
from stages.shared.rows import Prompt, read, write


class Params(Strict):
    """Who answers for whom; without `probe` the base model is not asked. `root` is the folder of recorded answers: dvc.yaml makes this
    stage depend on it."""

    root: str
    teacher: member("stages.samplers", SAMPLERS, "sampler")  # type: ignore[valid-type]
    probe: member("stages.samplers", SAMPLERS, "sampler") | None = None  # type: ignore[valid-type]

    def samplers(self) -> dict[str, Any]:
        """By `by`."""
        return {by: sampler for by, sampler in (("teacher", self.teacher), ("probe", self.probe)) if sampler}


def main(system: str) -> None:
    """data/S/prompts.jsonl -> data/S/responses.jsonl, in the same order, the answers to one prompt numbered from 0."""
    samplers = params.read(system, "respond", Params).samplers()
    responses = ask(lambda: _prompts(system), samplers, params.seed())
    path = Path("data", system, "responses.jsonl")
    write(path, progress(responses, "respond"), empty="no prompt was answered by any sampler")


def estimate(system: str) -> None:
    """say what would be bought, without a call: new and stored requests, tokens, cost"""
    found = [told(one) for one in estimates(_prompts(system), params.read(system, "respond", Params).samplers())]
    print("\n".join(found) or "nothing would be bought: no sampler of this system costs anything")


def _prompts(system: str) -> Iterator[Prompt]:
    return read(Path("data", system, "prompts.jsonl"), Prompt, key=lambda prompt: f"{prompt.id}/{prompt.by}")


if __name__ == "__main__":
    run(main, estimate=estimate)
