"""Has every arm of the evaluation answer the held-out problems: the student, the base model and whatever they
are compared with."""

from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from pydantic import Field

from stages.samplers import SAMPLERS
from stages.samplers.ask import ask
from stages.shared import params
from stages.shared.cli import is_main_process, progress, run
from stages.shared.member_params import SamplerParams
from stages.shared.params import Strict, member
from stages.shared.rows import Problem, Prompt, read, write
from stages.styles.prompting.prompts import StyleName, prompts


class Arm(Strict):
    """One arm: the style in which the problem is put, and who is asked."""

    style: StyleName
    ask: Annotated[SamplerParams, member("stages.samplers", SAMPLERS, "sampler")]


class Params(Strict):
    """The arms by name; the name is the `by` of their rows. dvc.yaml starts the stage with `launcher`."""

    launcher: str = "python"  # accelerate launch ...: the GPUs share the batches of the sampler hf
    arms: dict[str, Arm] = Field(min_length=1)


def main(system: str) -> None:
    """data/held_out/S.jsonl -> data/S/generations.jsonl, the answers of all arms to one problem next to each
    other."""
    arms = params.read(system, "generate", Params).arms
    styles = {by: arm.style for by, arm in arms.items()}

    def put() -> Iterator[Prompt]:
        held_out = read(Path("data", "held_out", f"{system}.jsonl"), Problem, key=lambda problem: problem.id)
        return prompts(held_out, styles)

    responses = progress(ask(put, {by: arm.ask for by, arm in arms.items()}, params.seed()), "generate")
    if not is_main_process():
        deque(responses, maxlen=0)
        return
    write(Path("data", system, "generations.jsonl"), responses, empty="no arm answered any problem")


if __name__ == "__main__":
    run(main)
