"""Checks params.yaml before anything runs: every section, every name in one section that another has to hold,
and what the samplers need.

    python -m stages.tools.check                          exit status 1 where something is wrong
    python -m stages.tools.check --compose scale=gpu24    writes params.yaml as conf/ composes it, then checks

`make repro` begins with it. `dvc exp run` does not: run `--compose` with the same overrides before.
"""

import argparse
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from difflib import get_close_matches
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from stages.models.folders import hash_of_folder
from stages.shared import params
from stages.shared.cli import guard, working_directory
from stages.shared.errors import BadInput, unknown
from stages.shared.routes import STUDENTS
from stages.shared.rows import PROBE
from stages.tools.sampler_needs import entries_of, needs

CONF, PIPELINE = Path("conf"), Path("dvc.yaml")
FAMILY = re.compile(r"\$\{(\w+)\}\Z")
SECTION = re.compile(r"(\w+)\.\$\{key\}\.(\w+)\Z")
SCRIPT = re.compile(r"-m stages\.(\w+)")
AGREED = "composed"  # holds the hash of params.yaml and conf/ that agreed
COMPOSE = "python -m stages.tools.check --compose"


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
    wrong: list[str] = []
    good: dict[tuple[str, str], Any] = {}
    _try(wrong, params.seed)
    for family in ("systems", "students"):
        for name in entries_of(family):
            _try(wrong, lambda: params.refers(family, name, "base"))  # noqa: B023
    for family in ("students", "pairs", "classifiers", "practice"):
        for name in entries_of(family):
            _try(wrong, lambda: params.refers(family, name, "system"))  # noqa: B023
    for name in entries_of("pairs"):
        for student in STUDENTS:
            _try(wrong, lambda: params.refers("pairs", name, student))  # noqa: B023
    for script, family, section in _try(wrong, lambda: list(stages_of())) or ():
        model: Any = getattr(import_module(f"stages.{script}"), "Params", None)
        for name in entries_of(family) if model else ():
            read = _try(wrong, lambda: params.read(name, section, model, family=family))  # noqa: B023
            if read is not None:
                good[name, script] = read
    for system in entries_of("systems"):
        wrong += _names_of(system, {script: read for (name, script), read in good.items() if name == system})
    return list(dict.fromkeys(wrong))


def _try(wrong: list[str], act: Callable[[], Any]) -> Any:
    """What `act` returns; None where it raises BadInput, whose message then stands in `wrong`."""
    try:
        return act()
    except BadInput as error:
        wrong.append(str(error))
        return None


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
    if wrong := faults():
        raise BadInput("\n".join(wrong))
    if overrides is None and (line := difference()):
        print(f"check: {line}", file=sys.stderr)
    if wrong := needs(params.entries("systems")):
        raise BadInput("\n".join(wrong))
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
