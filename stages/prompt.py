"""Puts every train problem to the teacher and to the base model, each in its own style, or in several; every
validation problem as well, where params ask for it."""

from itertools import chain
from pathlib import Path

from stages.shared import params
from stages.shared.cli import progress, run
from stages.shared.files import read, write
from stages.shared.params import Rows
from stages.shared.rows import Problem
from stages.styles.prompting.prompts import Asked, Styles, prompts


class Params(Rows):
    """The style in which each is asked, of the teacher also several ({styles, n, draw}); without `probe` the
    base model is not asked, and no problem gets a pass rate."""

    teacher: Styles
    probe: Asked | None = None
    # whether the validation problems are put to both as well: a training is then validated on answers made as
    # its own chats are
    validation: bool = False


def main(system: str) -> None:
    """data/S/train.jsonl (and data/validation/S.jsonl, where params ask for it) -> data/S/prompts.jsonl; the
    prompts of a problem stand next to each other."""
    mine, data = params.read(system, "prompt", Params), Path("data", system)
    styles = {
        by: asked for by, asked in (("teacher", mine.teacher), ("probe", mine.probe)) if asked is not None
    }
    files = [data / "train.jsonl"] + [Path("data/validation", f"{system}.jsonl")] * mine.validation
    problems = chain.from_iterable(read(file, Problem, key=lambda problem: problem.id) for file in files)
    rows = prompts(progress(problems, "prompt"), styles, params.seed())
    write(data / "prompts.jsonl", rows, shard_rows=mine.shard_rows)


if __name__ == "__main__":
    run(main)
