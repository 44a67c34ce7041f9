"""Has the teacher answer its prompts, and the base model its own, which measures how hard each problem is."""

import argparse
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, model_validator

from stages.graders import GRADERS
from stages.graders.grading.acceptance import Acceptances
from stages.samplers import SAMPLERS
from stages.samplers.ask import ask
from stages.samplers.asking.stored import stored_responses
from stages.samplers.asking.totals import Totals
from stages.samplers.asking.tries import Acceptance
from stages.samplers.cost.estimate_command import print_estimate
from stages.shared import params
from stages.shared.cli import is_main_process, progress, run
from stages.shared.errors import BadInput, unknown
from stages.shared.files import read, write, write_json
from stages.shared.member_params import SamplerParams
from stages.shared.params import Rows, Strict, member, members
from stages.shared.rows import Prompt

LOCAL = "hf"  # the sampler whose batches the processes of a launch share


class Accept(Strict):
    """Which answers of the teacher are accepted; one that is not is asked for again."""

    # by name, the params of the graders that must each give an answer a 1
    graders: Annotated[dict[str, Any], members("stages.graders", GRADERS)]
    # the temperature of each further try (null: that of the sampler, which must be null where the sampler has
    # none); the tries end with the first answer that is accepted
    temperatures: list[float | None] = Field(min_length=1)


class Params(Rows):
    """Who answers."""

    # the folder that the teacher reads, which dvc.yaml makes a dep of this stage: recorded answers, or the
    # base model that a local teacher is
    root: str
    # what dvc.yaml starts the stage with; accelerate launch ...: the GPUs share the batches of the sampler hf
    launcher: str = "python"
    # the teacher's sampler
    teacher: Annotated[SamplerParams, member("stages.samplers", SAMPLERS, "sampler")]
    # the base model's sampler; null: the base model is not asked, and no problem gets a pass rate
    probe: Annotated[SamplerParams, member("stages.samplers", SAMPLERS, "sampler")] | None = None
    # null: whatever the teacher answers is taken
    accept: Accept | None = None

    @model_validator(mode="after")
    def _reads_its_dep(self) -> "Params":
        served = getattr(self.teacher, "serves", None)
        if served and not Path(served).is_relative_to(self.root):
            raise ValueError(
                f"teacher.serves: {served!r} is not in root, {self.root!r}: DVC would not see it change"
            )
        return self

    def samplers(self) -> dict[str, Any]:
        """By `by`."""
        return {by: sampler for by, sampler in (("teacher", self.teacher), ("probe", self.probe)) if sampler}


def main(system: str) -> None:
    """data/S/prompts.jsonl -> data/S/responses.jsonl, in the same order, the answers to one prompt numbered
    from 0.

    metrics/S_teacher.json says what the teacher's answers come to, and what a paid teacher was asked in this
    run.
    """
    mine = params.read(system, "respond", Params)
    _check_probe(system, mine)
    if not is_main_process():
        _share_local_batches(system, mine)
        return
    totals, accept = Totals("teacher", mine.teacher.n), {}
    accepts = Acceptances(mine.accept.graders) if mine.accept else None
    if mine.accept and accepts:
        accept = {"teacher": Acceptance(accepts, mine.accept.temperatures)}
    responses = ask(lambda: _prompts(system), mine.samplers(), params.seed(), totals, accept)
    rows = progress(responses, "respond")
    out, empty = Path("data", system, "responses.jsonl"), "no prompt was answered by any sampler"
    write(out, rows, empty, mine.shard_rows)
    accepted = {"accept": accepts.metrics()} if accepts else {}
    write_json(Path("metrics", f"{system}_teacher.json"), totals.metrics() | accepted)


def _check_probe(system: str, section: Params) -> None:
    """Raises BadInput where the probe is a served folder that dvc.yaml does not make this stage depend on."""
    served = getattr(section.probe, "serves", None)
    if served:
        base = f"models/bases/{params.refers('systems', system, 'base')}"
        if not any(Path(served).is_relative_to(dep) for dep in (base, section.root)):
            raise BadInput(f"systems.{system}.respond.probe.serves: {unknown('model', served, [base])}")


def _share_local_batches(system: str, section: Params) -> None:
    """What the other processes of a launch do: they answer batches of local models. Whatever costs money is
    asked by the main process alone, so that bounds and rate limits hold once."""
    local = {by: sampler for by, sampler in section.samplers().items() if sampler.sampler == LOCAL}

    def prompts() -> Iterator[Prompt]:
        return (prompt for prompt in _prompts(system) if prompt.by in local)

    if local:
        deque(ask(prompts, local, params.seed()), maxlen=0)


def estimate(arguments: list[str]) -> None:
    """SYSTEM: what would be bought, without a call: new and stored requests, tokens, cost"""
    print_estimate("respond", arguments, lambda system: (_prompts(system), _samplers(system)))


def so_far(arguments: list[str]) -> None:
    """SYSTEM FILE: writes what a run that stopped has bought so far, without a call"""
    parser = argparse.ArgumentParser(
        prog="python -m stages.respond --so-far", description="The answers that are stored, without a call."
    )
    parser.add_argument("system", help="a section of params.yaml: systems.<system>")
    parser.add_argument("file", type=Path, help="the responses, as JSON lines")
    given = parser.parse_args(arguments)
    rows = stored_responses(_prompts(given.system), _samplers(given.system))
    write(given.file, rows, empty="no answer to what this system asks is stored")


def _samplers(system: str) -> dict[str, Any]:
    return params.read(system, "respond", Params).samplers()


def _prompts(system: str) -> Iterator[Prompt]:
    return read(
        Path("data", system, "prompts.jsonl"),
        Prompt,
        key=lambda prompt: f"{prompt.id}/{prompt.by}/{prompt.style}",
    )


if __name__ == "__main__":
    run(main, {"--estimate": estimate, "--so-far": so_far})
