"""The flow without a model, each stage a process of its own as DVC starts it: what it loads is what it needs, and nothing heavy."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from ruamel.yaml import YAML

from project_tree import ROOT, SCRIPTS, SECTIONS, family_of, is_code, named, needs

HEAVY = {
    "torch",
    "transformers",
    "peft",
    "accelerate",
    "datasets",
    "huggingface_hub",
    "pandas",
    "pyarrow",
    "scipy",
    "sklearn",
    "sympy",
    "dvclive",
}
FLOW = (
    "collect",
    "corpus",
    "prompt",
    "respond",
    "grade",
    "judge",
    "enrich",
    "filter",
    "format",
    "generate",
    "evaluate",
)  # in the order in which they run
SCRIPTED = {"sampler": "scripted", "wrong": 0.3}
ENTRIES = {"bases": "glyph", "systems": "glyph", "students": "glyph_selective"}


class Ended(NamedTuple):
    """What became of a stage that ran as a program."""

    status: int
    modules: list[str]  # that it had loaded
    errors: str
    output: str


def start(script: str, folder: Path, *args: str) -> Ended:
    """Runs a stage script as a program."""
    code = (
        f"import json, runpy, sys\nsys.argv = ['stages/{script}.py', *{list(args)!r}]\n"
        f"try: runpy.run_module('stages.{script}', run_name='__main__')\n"
        "finally: print('\\n' + json.dumps(sorted(sys.modules)))\n"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=folder, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False)
    return Ended(done.returncode, json.loads(done.stdout.splitlines()[-1]), done.stderr, done.stdout)


def heavy(modules: list[str]) -> set[str]:
    return {module.split(".")[0] for module in modules} & HEAVY


@pytest.mark.parametrize("script", SCRIPTS)
def test_help_loads_nothing_heavy(script: str, tmp_path: Path) -> None:
    """Of the stages that need a model as well; it says of which family the stage wants a name."""
    ended = start(script, tmp_path, "--help")
    assert (ended.status, ended.errors, heavy(ended.modules)) == (0, "", set())
    family = family_of(script)
    assert f"a section of params.yaml: {family}.<{family.removesuffix('s')}>" in " ".join(ended.output.split())


@pytest.fixture(scope="module")
def params() -> Any:
    """The project's params, with a scripted model in the place of each real one, and few problems."""
    found = YAML(typ="safe", pure=True).load(ROOT / "params.yaml")
    found["systems"] = {"glyph": found["systems"]["glyph"]}  # the corpus is sieved against the held-out problems of all systems
    glyph = found["systems"]["glyph"]
    glyph["collect"] |= {"tasks": {"word_problems": {"train": 30, "test": 12, "levels": [1, 1, 1]}}}
    found["bases"]["glyph"]["corpus"]["tasks"] = {"word_problems": {"pretrain": 30, "levels": [1]}}
    glyph["respond"] |= {"probe": SCRIPTED | {"n": 4}}
    for arm in glyph["generate"]["arms"].values():
        arm["ask"] = SCRIPTED
    return found


@pytest.fixture(scope="module")
def flow(params: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Ended]]:
    """What became of each stage, one after the other in one folder."""
    folder = tmp_path_factory.mktemp("flow")
    (folder / "data/hub").mkdir(parents=True)
    with (folder / "params.yaml").open("w") as file:
        YAML().dump(params, file)
    yield {script: start(script, folder, ENTRIES[family_of(script)]) for script in FLOW}


@pytest.mark.parametrize("script", FLOW)
def test_a_stage_without_a_model_loads_nothing_heavy(script: str, flow: dict[str, Ended]) -> None:
    assert flow[script].status == 0, flow[script].errors
    assert heavy(flow[script].modules) == set()


def source(module: str) -> str:
    path = Path(module.replace(".", "/"))
    return (path / "__init__.py" if (ROOT / path).is_dir() else path.with_suffix(".py")).as_posix()


@pytest.mark.parametrize("script", FLOW)
def test_a_stage_loads_the_code_that_reading_it_tells(script: str, params: Any, flow: dict[str, Ended]) -> None:
    """So the closures that test_packages.py compares with dvc.yaml are the truth."""
    family = family_of(script)
    section = params[family][ENTRIES[family]][SECTIONS.get(script, script)]
    loaded = {source(module) for module in flow[script].modules if module.startswith("stages.")}
    starts = {f"stages/{script}.py"} | named(script, section)
    files = {file for start in starts for file in needs(start)} - {f"stages/{script}.py"}  # which runs as __main__
    assert {file for file in loaded if is_code(file)} == files
