"""What the samplers of params.yaml need and do not have: keys, models, files."""

import re
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from stages.samplers.http.keys import Keys
from stages.shared import params
from stages.shared.errors import BadInput, unknown
from stages.shared.rows import PROBE

HUB_ID = re.compile(r"[\w.-]+/[\w.-]+\Z")
# by the stage that asks: where its sampler stands in the system's section of that name, and what comes before
ASKING = {
    "respond": ("collect", "prompt", "respond"),
    "judge": ("collect", "prompt", "respond", "grade", "judge"),
}
# the stages of a system, its students and pairs after which no arm answers anew
AFTER_ANSWERS = ("enrich", "evaluate", "calibrate", "report", "evaluate_pair")


def entries_of(family: str) -> list[str]:
    """The entries of a family, which may be empty."""
    try:
        return list(params.entries(family))
    except BadInput:
        return []


def needs(systems: Iterable[str], stale: Collection[str] | None = None) -> list[str]:
    """What the samplers of `systems` lack, a line each: keys that are not in the environment, models and
    files that are not there.

    `stale` are the names of the stages that DVC calls stale (None: all are): a sampler that has nothing to do
    needs nothing.
    """
    lacking: list[str] = []
    for system in systems:
        entry = params.entries("systems")[system]
        for stage, before in ASKING.items():
            if stale is None or any(f"{each}@{system}" in stale for each in before):
                section = entry.get(stage) or {}
                for key in ("teacher", PROBE, "ask"):
                    lacking += _lacks(system, f"systems.{system}.{stage}.{key}", section.get(key))
        arms = (entry.get("generate") or {}).get("arms") or {}
        for name, arm in arms.items() if _answers_anew(system, stale) else ():
            lacking += _lacks(system, f"systems.{system}.generate.arms.{name}.ask", arm.get("ask"))
    return lacking


def _answers_anew(system: str, stale: Collection[str] | None) -> bool:
    """Whether the arms of a system answer: where a stage is stale that comes before their answers."""
    own = {system, *params.models_of(system)}
    stages = (name.partition("@") for name in stale or ())
    return stale is None or any(entry in own and stage not in AFTER_ANSWERS for stage, _, entry in stages)


def _lacks(system: str, where: str, asked: Any) -> Iterator[str]:
    """What one sampler lacks."""
    if not isinstance(asked, dict):
        return
    if "api_key_env" in asked or "headers_env" in asked:
        try:
            Keys(asked.get("api_key_env"), asked.get("headers_env"))
        except BadInput as error:
            yield f"{where}.{error}"
    if asked.get("sampler") in ("hf", "classifier"):
        yield from _model(system, f"{where}.model", str(asked.get("model")))
    for file in asked.get("files") or [] if asked.get("sampler") == "recorded" else []:
        if not Path(file).exists():
            yield f"{where}.files: {file}: no such file"


def _model(system: str, where: str, model: str) -> Iterator[str]:
    """A model is made by a stage, lies in a folder, or has an id of the Hub."""
    folder = PurePosixPath(model)
    made = {PurePosixPath("models/bases"): entries_of("bases")}
    made[PurePosixPath("models/students", system)] = params.models_of(system)
    students = {PurePosixPath("models/students", system, name) for name in params.folders_of(system)}
    if folder in students:
        return
    if folder.parent in made:
        if folder.name not in made[folder.parent]:
            yield f"{where}: {unknown('model', folder.name, made[folder.parent])}"
    elif not Path(model).is_dir() and not (
        HUB_ID.match(model) and not model.startswith(("models/", "data/"))
    ):
        yield f"{where}: {model}: no such folder, nor an id of the Hub (owner/name)"
