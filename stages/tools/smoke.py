"""Runs every stage of every system, cut down, in a temporary copy of the working tree; it claims nothing.

    python -m stages.tools.smoke                       scale=smoke of conf/
    python -m stages.tools.smoke ~systems.glyph ...    further overrides, as `dvc exp run -S` takes them

For those who change code. The copy holds the files that git tracks, and those that it neither tracks nor
ignores. The params are composed from conf/. The stages and their order are those that DVC reads in dvc.yaml;
as many run at once as there are cores. Nothing of the working tree changes. The copy is deleted, unless
`--keep` names a folder for it.

DVC itself does not run the stages: it takes two seconds a stage to read and write dvc.lock. Nor does each
stage import torch and transformers, which takes five seconds: one process imports both and forks for each
stage.
"""

import argparse
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic

from stages.shared.cli import cores, guard
from stages.shared.errors import BadInput
from stages.tools.forks import Stage, run_all

SCALE = "scale=smoke"
LEFT_OUT = ("dvc.lock", "metrics/")  # results of another scale


def copy(folder: Path) -> None:
    """The files of the working tree in `folder`, which becomes a git repository: DVC needs one."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode:
        raise BadInput(f"{Path.cwd()}: expected a git repository; git says: {listed.stderr.strip()}")
    for name in filter(None, listed.stdout.split("\0")):
        if name.startswith(LEFT_OUT) or not Path(name).is_file():  # a deleted file is still listed
            continue
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(name, folder / name)
    (folder / "metrics").mkdir(exist_ok=True)
    # dvclive refuses a repository without a commit
    user = ["-c", "user.name=smoke", "-c", "user.email=smoke@localhost"]
    commands = (["init", "--quiet"], ["add", "--all"], [*user, "commit", "--quiet", "--message", "a copy"])
    for command in commands:
        subprocess.run(["git", *command], cwd=folder, check=True)


def stages(folder: Path) -> list[Stage]:
    """The stages of dvc.yaml in `folder` as DVC reads them.

    Raises BadInput where params lack what one needs.
    """
    from dvc.dependency import ParamsDependency
    from dvc.dependency.param import MissingParamsError
    from dvc.repo import Repo

    with Repo(str(folder)) as repo:
        graph = repo.index.graph
        for dep in (dep for stage in graph for dep in stage.deps if isinstance(dep, ParamsDependency)):
            try:
                dep.get_hash()
            except MissingParamsError as error:
                raise BadInput(f"dvc.yaml: {dep.stage.name}: {error}") from None
        return [
            Stage(
                name=stage.name,
                command=stage.cmd if isinstance(stage.cmd, str) else " && ".join(stage.cmd),
                needs=frozenset(needed.name for needed in graph.successors(stage) if needed.cmd),
                deps=tuple(dep.fs_path for dep in stage.deps if not isinstance(dep, ParamsDependency)),
                outs=tuple(out.fs_path for out in stage.outs),
            )
            for stage in graph
            if stage.cmd
        ]


def smoke(folder: Path, overrides: Sequence[str]) -> None:
    """Runs the flow in `folder`; raises BadInput where a stage fails."""
    from dvc.utils.hydra import compose_and_dump

    start = monotonic()
    copy(folder)
    conf = str((folder / "conf").resolve())
    compose_and_dump(folder / "params.yaml", conf, None, "config", str(folder), [SCALE, *overrides])
    every = stages(folder)
    run_all(every, folder, cores())
    print(f"smoke: {len(every)} stages ran in {monotonic() - start:.0f} s", flush=True)


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(prog="python -m stages.tools.smoke", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("overrides", nargs="*", help="of params, as `dvc exp run -S` takes them")
    parser.add_argument("--keep", type=Path, help="a new folder, in which the copy stays")
    given = parser.parse_args()

    def run() -> None:
        if given.keep:
            if given.keep.exists():
                raise BadInput(f"--keep: {given.keep} exists already; name a new folder")
            given.keep.mkdir(parents=True)
            smoke(given.keep, given.overrides)
            return
        with TemporaryDirectory(prefix="smoke-") as folder:
            smoke(Path(folder), given.overrides)

    guard("smoke", run)


if __name__ == "__main__":
    main()
