"""Checks params.yaml before anything runs: every section, every name in one section that another has to hold,
and what the samplers need.

    python -m stages.tools.check                          exit status 1 where something is wrong
    python -m stages.tools.check --compose scale=gpu24    writes params.yaml as conf/ composes it, then checks

`make repro` begins with it. `dvc exp run` does not: run `--compose` with the same overrides before.
"""

import argparse
import re
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from difflib import get_close_matches
from hashlib import sha256
from importlib import import_module
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any

from stages.models.folders import hash_of_folder
from stages.samplers.http.keys import Keys
from stages.shared import params
from stages.shared.cli import guard, working_directory
from stages.shared.errors import BadInput, unknown
from stages.shared.routes import STUDENTS
from stages.shared.rows import PROBE

CONF, PIPELINE = Path("conf"), Path("dvc.yaml")
FAMILY = re.compile(r"\$\{(\w+)\}\Z")
SECTION = re.compile(r"(\w+)\.\$\{key\}\.(\w+)\Z")
SCRIPT = re.compile(r"-m stages\.(\w+)")
HUB_ID = re.compile(r"[\w.-]+/[\w.-]+\Z")
AGREED = "composed"  # holds the hash of params.yaml and conf/ that agreed
COMPOSE = "python -m stages.tools.check --compose"
# by the stage that asks: where its sampler stands in the system's section of that name, and what comes before
ASKING = {
    "respond": ("collect", "prompt", "respond"),
    "judge": ("collect", "prompt", "respond", "grade", "judge"),
}
# the stages of a system, its students and pairs after which no arm answers anew
AFTER_ANSWERS = ("enrich", "evaluate", "calibrate", "report", "evaluate_pair")


def stages_of(path: Path = PIPELINE) -> Iterator[tuple[str, str, str]]:
    """Of each stage of dvc.yaml its script, its family of params.yaml and the section that it reads."""
    from ruamel.yaml import YAML

    try:
        stages = YAML(typ="safe").load(path)["stages"]
    except FileNotFoundError:
        raise BadInput(f"{path}: no such file; run from the project's root") from None
    for body in stages.values():
        family = FAMILY.match(str(body.get("foreach", "")))
        script = SCRIPT.search(str(body.get("do", {}).get("cmd", "")))
        sections = (SECTION.match(str(name)) for name in body.get("do", {}).get("params", []))
        section = next((match for match in sections if match), None)
        if family and script and section and section[1] == family[1]:
            yield script[1], family[1], section[2]


def faults() -> list[str]:
    """What is wrong with the params, a line each."""
    told: list[str] = []
    good: dict[tuple[str, str], Any] = {}
    _try(told, params.seed)
    for family in ("systems", "students"):
        for name in _names(family):
            _try(told, lambda: params.refers(family, name, "base"))  # noqa: B023
    for family in ("students", "pairs", "classifiers", "practice"):
        for name in _names(family):
            _try(told, lambda: params.refers(family, name, "system"))  # noqa: B023
    for name in _names("pairs"):
        for student in STUDENTS:
            _try(told, lambda: params.refers("pairs", name, student))  # noqa: B023
    for script, family, section in _try(told, lambda: list(stages_of())) or ():
        model: Any = getattr(import_module(f"stages.{script}"), "Params", None)
        for name in _names(family) if model else ():
            read = _try(told, lambda: params.read(name, section, model, family=family))  # noqa: B023
            if read is not None:
                good[name, script] = read
    for system in _names("systems"):
        told += _names_of(system, {script: read for (name, script), read in good.items() if name == system})
    return list(dict.fromkeys(told))


def _try(told: list[str], act: Callable[[], Any]) -> Any:
    """What `act` returns; None where it raises BadInput, whose message is then among those told."""
    try:
        return act()
    except BadInput as error:
        told.append(str(error))
        return None


def _names(family: str) -> list[str]:
    """The entries of a family, which may be empty."""
    try:
        return list(params.entries(family))
    except BadInput:
        return []


def _names_of(system: str, read: Mapping[str, Any]) -> Iterator[str]:
    """Names in the sections of a system that no other section has. A section with a fault is passed over."""
    where = f"{params.PARAMS}: systems.{system}"
    prompt, respond, grade = (read.get(name) for name in ("prompt", "respond", "grade"))
    if prompt and respond:
        asked = {by for by in ("teacher", PROBE) if getattr(prompt, by)}
        for by in sorted(asked ^ respond.samplers().keys()):
            yield f"{where}: prompt and respond must name the same: {by} stands in one of them alone"
    if read.get("filter") and prompt:
        asked = {by for by in ("teacher", PROBE) if getattr(prompt, by)}
        for by, rules in read["filter"].rules.items():
            if by not in asked:
                yield f"{where}.filter.rules: {unknown('name', by, asked)}"
            known = {*(grade.graders if grade else rules.grades), "valid_reasoning"}
            for name in sorted(set(rules.grades) - known):
                yield f"{where}.filter.rules.{by}.grades: {unknown('grader', name, known)}"
    if read.get("evaluate") and read.get("generate"):
        yield from _evaluated(
            system, read["evaluate"], [arm for arm in read["generate"].arms if arm != PROBE]
        )


def _evaluated(system: str, section: Any, arms: list[str]) -> Iterator[str]:
    """What the evaluation names and no arm is."""
    try:
        import_module("stages.evaluate").check_names(section, arms, system)
    except BadInput as error:
        yield str(error)
    known = (*arms, *section.compare)
    for name, metric in section.headline.items():
        parts = metric.split(".")[1:]
        near = [part for part in parts if get_close_matches(part, known)]
        if near and not set(parts) & set(known):
            where = f"{params.PARAMS}: systems.{system}.evaluate.headline.{name}"
            yield f"{where}: {unknown('arm or comparison', near[-1], known)}"


def needs(systems: Iterable[str], stale: Collection[str] | None = None) -> list[str]:
    """What the samplers of `systems` lack, a line each: keys that are not in the environment, models and
    files that are not there.

    `stale` are the names of the stages that DVC calls stale (None: all are): a sampler that has nothing to do
    needs nothing.
    """
    told: list[str] = []
    for system in systems:
        entry = params.entries("systems")[system]
        for stage, before in ASKING.items():
            if stale is None or any(f"{each}@{system}" in stale for each in before):
                section = entry.get(stage) or {}
                for key in ("teacher", PROBE, "ask"):
                    told += _lacks(system, f"systems.{system}.{stage}.{key}", section.get(key))
        arms = (entry.get("generate") or {}).get("arms") or {}
        for name, arm in arms.items() if _answers_anew(system, stale) else ():
            told += _lacks(system, f"systems.{system}.generate.arms.{name}.ask", arm.get("ask"))
    return told


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
    made = {PurePosixPath("models/bases"): _names("bases")}
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


def composed(overrides: Iterable[str] = ()) -> bytes:
    """params.yaml as conf/ composes it; raises BadInput where the overrides do not fit."""
    from dvc.utils.hydra import compose_and_dump
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    with TemporaryDirectory() as folder:
        path = Path(folder, "params.yaml")
        try:
            compose_and_dump(str(path), str(CONF.resolve()), None, "config", str(Path.cwd()), list(overrides))
        except (HydraException, OmegaConfBaseException, ValueError) as error:
            raise BadInput(f"conf/: {' '.join(str(error).split())[:400]}") from None
        return path.read_bytes()


def difference() -> str:
    """A line where params.yaml is not what conf/ composes, else empty.

    Composing takes a second, so a file remembers the hash of the last files that agreed.
    """
    if not CONF.is_dir():
        return ""
    digest, known = _hash_of_params(), working_directory() / AGREED
    if known.is_file() and known.read_text() == digest:
        return ""
    if composed() == params.PARAMS.read_bytes():
        known.parent.mkdir(parents=True, exist_ok=True)
        known.write_text(digest)
        return ""
    return (
        f"{params.PARAMS} is not what conf/ composes without overrides, and is used as it lies; to compose "
        f"it: {COMPOSE}. `dvc exp run` composes it anew each time, but for --no-hydra"
    )


def _hash_of_params() -> str:
    digest = hash_of_folder(CONF)
    return sha256(digest.encode() + params.PARAMS.read_bytes()).hexdigest()


def check(overrides: list[str] | None) -> None:
    """Checks all; raises BadInput with a line for each fault."""
    if overrides is not None:
        content = composed(overrides)
        params.PARAMS.write_bytes(content)
    if told := faults():
        raise BadInput("\n".join(told))
    if overrides is None and (line := difference()):
        print(f"check: {line}", file=sys.stderr)
    if told := needs(params.entries("systems")):
        raise BadInput("\n".join(told))
    print(f"{params.PARAMS}: nothing is wrong")


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(prog="python -m stages.tools.check", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument(
        "--compose",
        nargs="*",
        metavar="OVERRIDE",
        help="write params.yaml first, from conf/ and these overrides",
    )
    given = parser.parse_args()
    guard("check", lambda: check(given.compose))


if __name__ == "__main__":
    main()
