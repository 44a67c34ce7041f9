"""A `dvc repro` with nothing to do, beside the same graph whose every command is `true`.

Both graphs stand in temporary git repositories: a copy of the project with all that its stages have made here (one line where they have
not run), and one with the same stages, deps, params and outs written out without templates, its data one line each. Bar: 1.5 times.
"""

import argparse
import shutil
import subprocess
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from measure import ROOT, Cost, load, middle, options, python, run, table

BAR = 1.5
NOTHING = Path("/nonexistent")


def main(arguments: list[str] | None = None) -> None:
    """Prints a line for each graph, and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="how often both are run")
    parser.add_argument("--empty", action="store_true", help="one line in place of all that the stages have made")
    given = options(parser, arguments, rounds=1, empty=True)
    note = load()
    with tempfile.TemporaryDirectory(prefix="athanor-bench-") as name:
        project, plain = Path(name, "project"), Path(name, "plain")
        stages = _copy(project, given.empty)
        _flatten(project, plain, stages)
        for folder in (project, plain):
            _git(folder, "init", "--quiet")
            _dvc(folder, "commit", "--quiet", "--force")
        sizes = [_size(_stages(folder)) for folder in (project, plain)]
        seconds: dict[Path, list[float]] = {project: [], plain: []}
        for turn in range(given.rounds + 1):  # the first one fills caches
            for folder in (project, plain) if turn % 2 == 0 else (plain, project):
                seconds[folder].append(_repro(folder))
    ours, bare = seconds[project][1:], seconds[plain][1:]
    ratios = [one / other for one, other in zip(ours, bare, strict=True)]
    lines = [
        ("this project", *sizes[0], median(ours), middle(ratios), BAR),
        ("`true` as every command", *sizes[1], median(bare), "1", BAR),
    ]
    header = ("graph", "stages", "deps", "seconds", "ratio", "at most")
    table(f"No-op `dvc repro` ({note}, {given.rounds} rounds)", header, lines)


def _dvc(folder: Path, *arguments: str) -> Cost:
    """With DVC's notes on files in the temporary folder too: by default they are kept in the system's for ever."""
    return run(python("dvc", *arguments), folder, {"DVC_SITE_CACHE_DIR": str(folder.parent / "notes")})


def _repro(folder: Path) -> float:
    cost = _dvc(folder, "repro")
    if "up to date" not in cost.output or "Running stage" in cost.output:
        raise SystemExit(f"noop: `dvc repro` had something to do:\n{cost.output}")
    return cost.seconds


def _copy(folder: Path, empty: bool) -> list[Any]:
    """The project with its outs in `folder`, or with empty ones; gives its stages, resolved."""
    listed = _git(ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    for file in filter(None, listed.split("\0")):
        if (ROOT / file).is_file():
            _put(ROOT / file, folder / file)
    stages = _stages(folder)
    for stage in stages:
        for out in stage.outs:
            if not (folder / out.def_path).exists():
                _put(NOTHING if empty else ROOT / out.def_path, folder / out.def_path)
    return stages


def _stages(folder: Path) -> list[Any]:
    from dvc.repo import Repo

    with Repo(str(folder), uninitialized=True) as repo:
        return list(repo.index.stages)


def _size(stages: list[Any]) -> tuple[int, int]:
    """The number of stages, and of all that they depend on: files, folders and params."""
    return len(stages), sum(len(getattr(dep, "params", ())) or 1 for stage in stages for dep in stage.deps)


def _put(source: Path, target: Path) -> None:
    """Copies a file or a folder; a file with one line where there is none."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target)
    elif source.exists():
        shutil.copy2(source, target)
    else:
        target.write_text(f"{target.name}\n")


def _flatten(project: Path, folder: Path, stages: list[Any]) -> None:
    """The same graph in `folder`: code and params as they are, every out one line, every command `true`."""
    from dvc.dependency.param import ParamsDependency
    from ruamel.yaml import YAML

    outs = {out.def_path for stage in stages for out in stage.outs}
    written: dict[str, Any] = {}
    for stage in stages:
        deps = [dep.def_path for dep in stage.deps if not isinstance(dep, ParamsDependency)]
        keys = [{dep.def_path: list(dep.params)} for dep in stage.deps if isinstance(dep, ParamsDependency)]
        made = [out.def_path if out.use_cache else {out.def_path: {"cache": False}} for out in stage.outs]
        written[stage.name.replace("@", "-")] = {"cmd": "true", "deps": deps, "params": keys, "outs": made}
        for path in {*deps, "params.yaml"} - outs:
            if not (folder / path).exists():
                _put(project / path, folder / path)
    for path in outs:
        _put(NOTHING, folder / path)
    for path in (".dvc/config", ".dvc/.gitignore", ".dvcignore", ".gitignore"):
        _put(project / path, folder / path)
    YAML().dump({"stages": written}, folder / "dvc.yaml")


def _git(folder: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout


if __name__ == "__main__":
    main()
