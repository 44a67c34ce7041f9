"""What is stale after a change: a table from everything that can change to exactly the stages that read it.

In a copy of the project whose outs are made up, so that no stage has to run; a stage that would only be stale because an earlier one is
is not named, since DVC finds that out once the earlier one has run.
"""

from collections.abc import Callable, Iterator
from contextlib import chdir
from pathlib import Path
from typing import Any

import pytest
from dvc.dependency import Dependency, ParamsDependency
from dvc.repo import Repo
from ruamel.yaml import YAML

from project_tree import FAMILIES, copy
from project_tree import SCRIPTS as EVERY_SCRIPT

SCRIPTS = [script for script in EVERY_SCRIPT if script not in FAMILIES["practice"]]  # no student practises by default
ALL = " ".join(SCRIPTS)
TRAINED = "base train train_pair"  # the stages that train a model
ASKED = "respond judge generate generate_pair"  # those that ask somebody

CODE = {  # a file of each dep on code
    **{f"stages/{script}.py": script for script in SCRIPTS},
    "stages/shared/rows.py": ALL,
    "stages/models/loading.py": "base respond judge train generate train_pair generate_pair",
    "stages/spread/processes.py": "grade",
    "stages/tools/repro.py": "",
    "stages/tasks/__init__.py": "collect corpus",  # the root where no file of data is read
    "stages/tasks/gsm8k.py": "collect corpus",
    "stages/tasks/reading/hub.py": "collect corpus",
    "stages/styles/careful.py": "corpus prompt judge filter format generate format_pair train_pair generate_pair",
    "stages/graders/__init__.py": "respond grade judge enrich filter train evaluate train_pair evaluate_pair",
    "stages/graders/answer.py": "respond grade judge enrich filter evaluate train_pair evaluate_pair",
    "stages/graders/mathematics/terms.py": "respond grade judge enrich filter evaluate train_pair evaluate_pair",
    "stages/formats/latent.py": "format format_pair",
    "stages/scores/accuracy.py": "enrich evaluate calibrate evaluate_pair",
    "stages/pages/page.py": "report",
    "stages/samplers/__init__.py": ASKED,
    "stages/samplers/ask.py": ASKED,
    "stages/samplers/asking/streams.py": ASKED,
    "stages/samplers/memo/store.py": ASKED,
    "stages/samplers/local/generation.py": ASKED,
    "stages/samplers/hf.py": ASKED,
    "stages/samplers/classifier.py": "judge generate",
    "stages/samplers/cost/prices.py": "respond judge",
    "stages/samplers/http/client.py": "respond judge",
    "stages/samplers/requests/engine.py": "respond judge",
    "stages/samplers/script/scripts.py": "respond judge",
    "stages/samplers/scripted.py": "respond judge",
    "stages/samplers/openai.py": "judge",  # and respond, where params ask it
    "stages/students/__init__.py": f"{TRAINED} generate_pair",
    "stages/students/training/trainer.py": TRAINED,
    "stages/students/losses/__init__.py": f"{TRAINED} generate_pair",
    "stages/students/losses/supervised.py": TRAINED,
    "stages/students/backends/local.py": "train_pair",
    "stages/students/token_losses/ppo.py": "train_pair",
    "stages/students/pairing/joint.py": "train_pair",
    "stages/students/peers/mse.py": "train_pair",
    "stages/students/router/route_heads.py": "train_pair generate_pair",
    "stages/students/scratch.py": "base",
    "stages/students/sft.py": "train",
}
INPUTS = {
    "conf/prices.yaml": "respond judge",
    "data/hub/tea.jsonl": "collect",
    "data/hub/README.md": "",  # a file beside the one that params name
    "data/recorded/README.md": "respond judge",
    "data/glyph/train.jsonl": "prompt generate",
    "data/glyph/leaks.jsonl": "",
    "data/held_out/glyph.jsonl": "corpus generate format_pair generate_pair",
    "data/validation/glyph.jsonl": "corpus prompt format generate format_pair generate_pair",
    "data/corpora/glyph.jsonl": "base format",
    "data/glyph/prompts.jsonl": "respond",
    "data/glyph/responses.jsonl": "grade",
    "data/glyph/traces.jsonl": "judge",
    "data/glyph/judged.jsonl": "enrich filter report",
    "data/glyph/paths/file": "",
    "data/glyph/kept.jsonl": "format format_pair report",
    "data/glyph/dropped.jsonl": "report",
    "data/glyph/chats/glyph_selective.jsonl": "train report",
    "data/glyph/validation/glyph_selective/file": "train",
    "data/glyph/generations.jsonl": "evaluate",
    "data/glyph/pair_chats/router_pair.jsonl": "train_pair",
    "data/glyph/calibration/router_pair.jsonl": "train_pair generate_pair",
    "data/glyph/pair_generations/router_pair.jsonl": "evaluate_pair",
    "data/glyph/routes/router_pair.jsonl": "evaluate_pair",
    "models/students/glyph/router_pair/file": "generate generate_pair report",
    "data/glyph/graded.jsonl": "report calibrate evaluate_pair",
    "models/bases/glyph/file": "respond train generate train_pair generate_pair",
    "models/students/glyph/glyph_selective/file": "generate report",
    "metrics/glyph.json": "report",
    "metrics/glyph_teacher.json": "report",
    "metrics/glyph_paths.csv": "report",
    "conf/config.yaml": "",  # composed into params.yaml, which the stages read
}
PARAMS: dict[str, tuple[Any, str]] = {
    "seed": (
        1,
        "collect corpus base prompt respond judge format train generate evaluate calibrate "
        "format_pair train_pair generate_pair evaluate_pair",
    ),
    "bases.glyph.corpus.near": (0.9, "corpus"),
    "bases.glyph.model.steps": (901, "base"),
    "systems.glyph.collect.near": (0.9, "collect"),
    "systems.glyph.collect.root": ("data/hub", "collect"),
    "systems.glyph.collect.tasks.word_problems.test": (1000, "collect"),
    "systems.glyph.prompt.teacher": ("plain", "prompt"),
    "systems.glyph.respond.probe.n": (9, "respond"),
    "systems.glyph.respond.teacher.wrong": (0.06, "respond"),
    "systems.glyph.grade.graders.answer": ({"relative_tolerance": 1e-6}, "grade"),
    "systems.glyph.judge.passing": (False, "judge"),
    "systems.glyph.enrich.by": ("probe", "enrich"),
    "systems.glyph.filter.rules.probe.per_problem": (2, "filter"),
    "systems.glyph.generate.arms.never.ask.max_new_tokens": (161, "generate"),
    "systems.glyph.evaluate.hard_below": (0.6, "evaluate"),
    "students.glyph_selective.format.selective": (False, "format"),
    "students.glyph_selective.train.learning_rate": (1e-4, "train"),
    "pairs.router_pair.format.sample": (5, "format_pair"),
    "pairs.router_pair.train.freeze": ("first", "train_pair"),
    "pairs.router_pair.generate.per_task.test": (5, "generate_pair"),
    "pairs.router_pair.evaluate.against": ({}, "evaluate_pair"),
    "systems.glyph.report.problems": (500, "report"),
    "classifiers.rules.calibrate.positive": ("deny", "calibrate"),
    # a switch that brings another file with it
    "systems.glyph.respond.teacher.sampler": ("recorded", "respond"),
    "students.glyph_selective.train.launcher": ("accelerate launch", "train"),
    "students.glyph_selective.train.grading": ("stages/graders", "train"),
    "systems.glyph.respond.launcher": ("accelerate launch", "respond"),
    "systems.glyph.generate.launcher": ("accelerate launch", "generate"),
    # a second entry of a family is new to the stages of its family, and costs the first one nothing
    "bases.other": (None, "corpus@other base@other"),
    "systems.other": (None, " ".join(f"{script}@other" for script in FAMILIES["systems"])),
    "students.other": (None, "format@other train@other"),
    "pairs.other": (None, " ".join(f"{script}@other" for script in FAMILIES["pairs"])),
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A copy of the project with one entry of each family, every out made up, dvc.lock written by DVC: nothing is stale."""
    folder = copy(tmp_path_factory.mktemp("project"))
    values = YAML().load(folder / "params.yaml")
    for family, entry in (("bases", "glyph"), ("systems", "glyph"), ("students", "glyph_selective")):
        values[family] = {entry: values[family][entry]}
    values["systems"]["glyph"]["collect"]["root"] = "data/hub/tea.jsonl"
    (folder / "data/hub/tea.jsonl").write_text('{"question": "?", "answer": "1"}\n')
    values["pairs"]["router_pair"] |= {"system": "glyph", "first": "glyph", "second": "glyph"}
    values["classifiers"] = {"rules": values["classifiers"]["rules"] | {"system": "glyph"}}
    YAML().dump(values, folder / "params.yaml")
    (folder / ".dvc/config").write_text("[core]\n    no_scm = true\n")
    (folder / "dvc.lock").unlink(missing_ok=True)
    with chdir(folder), Repo() as repo:
        for out in (Path(out.fs_path) for stage in repo.index.stages for out in stage.outs):
            path = out if out.suffix else out / "file"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{out.name}\n")
        repo.commit(force=True)
        yield folder


def stages(names: str) -> set[str]:
    """`grade train` as DVC names the two stages of the entries that lie here."""
    entry_of = {"students": "glyph_selective", "pairs": "router_pair", "classifiers": "rules"}
    entries = {script: entry_of.get(family, "glyph") for family, scripts in FAMILIES.items() for script in scripts}
    return {name if "@" in name else f"{name}@{entries[name]}" for name in names.split()}


@pytest.fixture(scope="module")
def readers(project: Path) -> Callable[[], set[str]]:
    """Gives the stages of which a dependency changed: what `dvc status` asks of each, without reading dvc.yaml and params.yaml anew.

    Stages that depend on the same file or folder recorded the same hash of it, so it is hashed once for all of them.
    """
    deps: dict[str, Dependency] = {}
    stages_of: dict[str, set[str]] = {}
    with Repo() as repo:
        for stage in repo.index.stages:
            for dep in (dep for dep in stage.deps if not isinstance(dep, ParamsDependency)):
                assert dep.hash_info == deps.setdefault(dep.def_path, dep).hash_info
                stages_of.setdefault(dep.def_path, set()).add(stage.name)
    return lambda: set().union(*(stages_of[path] for path, dep in deps.items() if dep.status()))


def status() -> dict[str, Any]:
    with Repo() as repo:
        found: dict[str, Any] = repo.status()
    return found


def test_nothing_is_stale_at_first(project: Path) -> None:
    assert status() == {}


def test_the_table_names_a_file_of_every_dep_on_code(project: Path) -> None:
    with Repo() as repo:
        deps = {dep.def_path for stage in repo.index.stages for dep in stage.deps if dep.def_path.startswith("stages")}
    assert {dep for dep in deps if not any(file == dep or file.startswith(f"{dep}/") for file in CODE)} == set()


def test_a_change_of_a_file_marks_the_stages_that_read_it(project: Path, readers: Callable[[], set[str]]) -> None:
    stale = {}
    assert readers() == set()
    for file in CODE | INPUTS:
        before = Path(file).read_bytes()
        Path(file).write_bytes(before + b"\n# changed\n")
        stale[file] = readers()
        Path(file).write_bytes(before)
    assert stale == {file: stages(names) for file, names in (CODE | INPUTS).items()}


NEW_MEMBER = {"tasks": "collect corpus", "samplers": "judge", "students": "", "scores": "enrich evaluate calibrate evaluate_pair"}


@pytest.mark.parametrize("package", NEW_MEMBER)
def test_a_new_member_marks_the_stages_that_depend_on_the_whole_package(
    package: str, project: Path, readers: Callable[[], set[str]]
) -> None:
    """Costly stages depend on the members that they use."""
    new = Path("stages", package, "new.py")
    new.write_text('"""New."""\n')
    stale = readers()
    new.unlink()
    assert stale == stages(NEW_MEMBER[package])


def test_what_python_leaves_behind_marks_nothing(project: Path) -> None:
    """The case that .dvcignore is for."""
    cache = Path("stages/tasks/__pycache__/gsm8k.cpython-311.pyc")
    cache.parent.mkdir()
    cache.write_bytes(b"compiled")
    assert status() == {}


@pytest.mark.parametrize("key", PARAMS)
def test_a_change_of_a_param_marks_the_stages_that_read_it(key: str, project: Path) -> None:
    value, names = PARAMS[key]
    path, yaml = Path("params.yaml"), YAML()
    before = path.read_bytes()
    section = params = yaml.load(before)
    for name in key.split(".")[:-1]:
        section = section[name]
    last = key.split(".")[-1]
    assert section.get(last) != value or last == "other"
    section[last] = next(iter(section.values())) if last == "other" else value
    with path.open("wb") as file:
        yaml.dump(params, file)
    found = status()
    path.write_bytes(before)
    assert set(found) == stages(names)


def test_the_table_holds_every_section_of_params(project: Path) -> None:
    values = YAML(typ="safe").load(Path("params.yaml"))
    sections = {
        f"{family}.{entry}.{name}"
        for family in FAMILIES
        for entry, held in values[family].items()
        for name in held
        if name not in ("base", "system", "first", "second")
    }
    assert sections == {".".join(key.split(".")[:3]) for key in PARAMS if key.count(".") > 1}
