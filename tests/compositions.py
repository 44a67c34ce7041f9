"""What conf/ composes and what DVC makes of it, each once for all tests of a run.

Composing takes 0.7 s of CPU time, resolving dvc.yaml 0.4 s, and there are more than a hundred combinations of the groups.
"""

import json
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from dvc.repo import Repo
from ruamel.yaml import YAML

from project_tree import FAMILIES, ROOT, compose

REFERENCE = re.compile(r"\$\{([\w.]+)\}")


def load(path: Path) -> Any:
    return YAML(typ="safe").load(path)


class Compositions:
    """params.yaml by groups, in a folder that the processes of a run share."""

    def __init__(self, folder: Path, scratch: Path) -> None:
        """`scratch` belongs to this process alone."""
        self.folder, self.scratch = folder, scratch
        folder.mkdir(exist_ok=True)

    def __call__(self, **groups: str) -> Path:
        """params.yaml as DVC composes it with these groups: a file that all tests read, and none changes."""
        path = self.folder / f"{'-'.join(f'{group}={name}' for group, name in groups.items()) or 'default'}.yaml"
        if not path.exists():
            compose(self.scratch / path.name, **groups).replace(path)
        return path


class Resolved(NamedTuple):
    """A stage as DVC resolves it with some params."""

    command: str
    # the code that it depends on: packages and scripts
    code: frozenset[str]


@cache
def references() -> frozenset[str]:
    """What dvc.yaml takes from params.yaml: the families, `key`, and `item.` with a place in an entry of a family."""
    taken = frozenset(REFERENCE.findall((ROOT / "dvc.yaml").read_text()))
    assert {name for name in taken if not name.startswith("item.")} == {*FAMILIES, "updates", "key"}
    return taken


def _at(entry: Any, place: str) -> list[Any]:
    """The value at `model.steps`, alone in a list; an empty list where there is none."""
    for name in place.split("."):
        if not isinstance(entry, dict) or name not in entry:
            return []
        entry = entry[name]
    return [entry]


def resolver(scratch: Path) -> Callable[[Any], dict[str, Resolved]]:
    """A function from params to the stages, by name, that dvc.yaml has with them.

    Params that differ in nothing that dvc.yaml refers to have the same stages, so these are resolved once.
    """
    known: dict[str, dict[str, Resolved]] = {}
    places = sorted(name.removeprefix("item.") for name in references() if name.startswith("item."))

    def resolve(values: Any) -> dict[str, Resolved]:
        key = json.dumps(
            {
                family: {name: [_at(entry, place) for place in places] for name, entry in values[family].items()}
                for family in (*FAMILIES, "updates")
            }
        )
        if key not in known:
            known[key] = _resolved(values, scratch / str(len(known)))
        return known[key]

    return resolve


def _resolved(values: Any, folder: Path) -> dict[str, Resolved]:
    folder.mkdir()
    with (folder / "params.yaml").open("w") as file:
        YAML(typ="safe").dump(values, file)
    (folder / "dvc.yaml").write_bytes((ROOT / "dvc.yaml").read_bytes())
    with Repo.init(str(folder), no_scm=True) as repo:
        return {
            stage.name: Resolved(stage.cmd, frozenset(dep.def_path for dep in stage.deps if dep.def_path.startswith("stages")))
            for stage in repo.index.stages
        }
