"""Makes the paths that two students learn from together, each with the tag of its style, and chooses the
problems by which their router is calibrated."""

import hashlib
from collections.abc import Iterator, Sequence
from heapq import nsmallest
from pathlib import Path
from typing import Any

import msgspec
from pydantic import Field

from stages.formats.mixing import mixture
from stages.formats.mixing.mixture import Report, mix
from stages.formats.mixing.mixture_summary import summary
from stages.shared import params
from stages.shared.cli import progress, run
from stages.shared.errors import BadInput
from stages.shared.files import as_json, put, read, replacing
from stages.shared.rows import VALIDATION, Chat, Problem, Trace
from stages.shared.shards import has_rows
from stages.styles import Put
from stages.styles.prompting.prompts import Tagged


class Params(mixture.Params, params.Rows):
    """The mixture, the tags, and what is set aside for the router."""

    # the style in which both students are asked: `tagged`, with a text for each style
    student_style: Tagged
    # the share of the validation problems of each task by which the router is calibrated; the others are for
    # choosing what the pair is compared with
    calibration: float = Field(default=0.5, ge=0, le=1)
    # so many train problems, drawn by the seed; null: all
    sample: int | None = Field(default=None, ge=1)


def main(name: str) -> None:
    """data/S/kept.jsonl, data/validation/S.jsonl, data/held_out/S.jsonl -> data/S/pair_chats/N.jsonl,
    data/S/calibration/N.jsonl and metrics/N_format_pair.json."""
    section = params.read(name, "format", Params, family="pairs")
    system, seed, report = params.refers("pairs", name, "system"), params.seed(), Report()
    data = Path("data", system)
    tasks: dict[str, str] = {}
    chosen = _sampled(data / "kept.jsonl", section.sample, seed)

    def kept() -> Iterator[Trace]:
        for trace in read(data / "kept.jsonl", Trace, key=lambda trace: trace.trace_id):
            if trace.split != VALIDATION and (chosen is None or trace.id in chosen):
                tasks[trace.id] = trace.task
                yield trace

    def chats() -> Iterator[Chat]:
        for chat in mix(kept, section, section.student_style.render, seed, report):
            yield msgspec.structs.replace(chat, task=tasks[chat.problem])

    paths = (data / "pair_chats" / f"{name}.jsonl", data / "calibration" / f"{name}.jsonl")
    metrics = Path("metrics", f"{name}_format_pair.json")
    with replacing(*paths, metrics, shard_rows=section.shard_rows) as files:
        if not put(files[0], progress(chats(), "format_pair")):
            raise BadInput(f"{data / 'kept.jsonl'}: no kept trace fits the format of its problem")
        _check_tags(section.student_style, report)
        validation = _problems(Path("data/validation", f"{system}.jsonl"))
        tested = list(read(Path("data/held_out", f"{system}.jsonl"), Problem, key=lambda problem: problem.id))
        _check_apart(validation, tested, tasks, system)
        asked = {problem.task for problem in (*validation, *tested)}
        calibration = calibrating(validation, section.calibration, seed)
        put(files[1], calibration)
        counts = {
            "calibration_problems": len(calibration),
            "choosing_problems": len(validation) - len(calibration),
            "tasks_without_paths": sorted(asked - set(tasks.values())),
        }
        files[2].write(as_json(summary(report, section) | counts))


def _sampled(path: Path, count: int | None, seed: int) -> set[str] | None:
    """The ids of `count` problems, those with the lowest hashes; None: all."""
    if count is None:
        return None
    ids = {trace.id for trace in read(path, Trace) if trace.split != VALIDATION}
    if len(ids) < count:
        raise BadInput(
            f"format.sample: asks for {count} problems, {path} has {len(ids)}; lower it, or set null"
        )
    return set(nsmallest(count, ids, key=lambda id: _hash("sample", seed, id)))


def calibrating(problems: Sequence[Problem], share: float, seed: int) -> list[Problem]:
    """Of each task the share of the problems whose ids have the lowest hashes, in their order."""
    tasks: dict[str, list[str]] = {}
    for problem in problems:
        tasks.setdefault(problem.task, []).append(problem.id)
    chosen = {
        id
        for ids in tasks.values()
        for id in nsmallest(round(share * len(ids)), ids, key=lambda id: _hash("calibration", seed, id))
    }
    return [problem for problem in problems if problem.id in chosen]


def _hash(what: str, seed: int, id: str) -> bytes:
    return hashlib.blake2b(f"{what}/{seed}/{id}".encode("utf-8", "surrogatepass"), digest_size=8).digest()


def _problems(path: Path) -> list[Problem]:
    """The problems of a file; a system need not have any for validation."""
    if not has_rows(path):
        return []
    return list(read(path, Problem, key=lambda problem: problem.id))


def _check_tags(style: Put, report: Report) -> None:
    """Raises BadInput on a tag of a style without any path: no student would learn what it asks for."""
    tags: dict[str, Any] = style.params.tags
    learnt = {name for _, name in report.styles}
    if idle := [name for name in tags if name not in learnt]:
        raise BadInput(
            f"format.student_style.tagged.tags: no path in the style {idle[0]!r}: take its tag out, or have "
            f"the teacher asked in it; there are paths in: {', '.join(sorted(learnt))}"
        )


def _check_apart(
    validation: Sequence[Problem], held_out: Sequence[Problem], trained: dict[str, str], system: str
) -> None:
    """Raises BadInput where a problem that choices are made by is tested or trained on as well."""
    tested = {problem.id for problem in held_out}
    for problem in validation:
        fault = ""
        if problem.id in tested:
            fault = "tested on as well"
        elif problem.id in trained:
            fault = "trained on as well"
        elif problem.split != VALIDATION:
            fault = "no validation problem"
        if fault:
            raise BadInput(
                f"data/validation/{system}.jsonl: problem {problem.id!r} of split {problem.split!r} is "
                f"{fault}; make the splits anew (stage collect)"
            )


if __name__ == "__main__":
    run(main, family="pair")
