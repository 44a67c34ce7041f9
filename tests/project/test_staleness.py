"""What is stale after a change: a table from everything that can change to exactly the stages that read it.

In a copy of the project whose outs are made up, so that no stage has to run; a stage that would only be stale because an earlier one is
is not named, since DVC finds that out once the earlier one has run.
"""

from collections.abc import Callable, Iterator
from contextlib import chdir
from pathlib import Path
from typing import Any

import pytest
from dvc.dependency import ParamsDependency
from dvc.repo import Repo
from ruamel.yaml import YAML
from test_rooms import ENGINE

from house import SCRIPTS, TOOLS, copy, sources

ALL = " ".join(SCRIPTS)
TRAINED = "base train"  # the stages that train a model
LOADED = "base respond grade train generate"  # those that load one
ASKED = "respond grade generate"  # those that ask: grade asks the judge, if there is one
MARKS = "base prompt respond grade enrich filter format train generate evaluate"

SCRIPT_FILES = {f"stages/{script}.py": script for script in SCRIPTS}
SCRIPT_FILES |= {f"stages/{tool}.py": "" for tool in TOOLS}
SHARED_FILES = {
    "stages/shared/cli.py": ALL,
    "stages/shared/registry.py": ALL,
    "stages/shared/errors.py": ALL,
    "stages/shared/marks.py": MARKS,
    "stages/models/loading.py": LOADED,
    "stages/spread/processes.py": "grade",
    "stages/shared/enriched.py": "enrich evaluate",
    "stages/shared/params.py": ALL,
    "stages/shared/rows.py": ALL,
}
# Cheap stages depend on a room as a whole; costly ones (respond, train, generate) on the files that they use.
ROOM_FILES = {
    "stages/tasks/*.py": "collect base",
    "stages/styles/__init__.py": "base prompt grade filter format generate",
    "stages/styles/plain.py": "base prompt grade format generate",
    "stages/styles/prompting/prompts.py": "prompt grade filter format generate",
    "stages/styles/glyph.py": "prompt grade format generate",
    "stages/styles/no_symbols.py": "prompt grade format generate",
    "stages/styles/judge_reasoning.py": "prompt grade format",
    "stages/styles/prompting/core.py": "prompt grade format",
    "stages/styles/plain_reasoning.py": "prompt grade format",
    "stages/styles/chain_of_thought.py": "prompt grade format",
    "stages/styles/tree_of_thought.py": "prompt grade format",
    "stages/styles/program.py": "prompt grade format",
    "stages/styles/backward.py": "prompt grade format",
    "stages/styles/fact_retrieval.py": "prompt grade format",
    "stages/styles/careful.py": "prompt grade format",
    "stages/samplers/__init__.py": "base respond grade generate",
    "stages/samplers/ask.py": ASKED,
    "stages/samplers/hf.py": ASKED,
    "stages/samplers/local/stored_batches.py": ASKED,
    "stages/samplers/memo/claims.py": ASKED,
    "stages/samplers/local/generation.py": ASKED,
    "stages/samplers/local/answering.py": ASKED,
    "stages/samplers/memo/store.py": ASKED,
    "stages/samplers/memo/administration.py": "grade",
    "stages/samplers/memo/writer.py": ASKED,
    "stages/samplers/local/no_marks.py": ASKED,
    "stages/samplers/scripted.py": "base respond grade",
    "stages/samplers/script/mistakes.py": "base respond grade",
    "stages/samplers/script/rationales.py": "base respond grade",
    "stages/samplers/script/scripts.py": "base respond grade",
    "stages/samplers/recorded.py": "grade",  # and respond, where params ask it
    "stages/samplers/openai.py": "grade",
    "stages/samplers/gemini.py": "grade",
    "stages/samplers/cost/estimation.py": "respond grade",
    "stages/samplers/cost/token_counts.py": "respond grade",
    "stages/samplers/cost/prices.py": "respond grade",
    **{f"stages/samplers/{name}.py": "respond grade" for name in ENGINE.split()},
    "stages/graders/*.py": "grade enrich filter evaluate",
    "stages/formats/*.py": "format",
    "stages/students/__init__.py": TRAINED,
    "stages/students/training/audit.py": TRAINED,
    "stages/students/training/packing.py": TRAINED,
    "stages/students/training/checkpoints.py": TRAINED,
    "stages/students/training/curves.py": TRAINED,
    "stages/students/training/describe.py": TRAINED,
    "stages/students/training/encoding.py": TRAINED,
    "stages/students/training/optimizers.py": TRAINED,
    "stages/students/training/settings.py": TRAINED,
    "stages/students/training/trainer.py": TRAINED,
    "stages/students/training/fit.py": TRAINED,
    "stages/students/scratch.py": "base",
    "stages/students/training/unigram.py": "base",
    "stages/students/lora.py": "train",
    "stages/students/pinned.py": "",
    "stages/scores/*.py": "enrich evaluate",
}
INPUTS = {
    "conf/prices.yaml": "respond grade",
    "data/hub/README.md": "collect base",
    "data/recorded/README.md": "respond",
    "data/glyph/train.jsonl": "prompt",
    "data/held_out/glyph.jsonl": "base generate",
    "data/glyph/leaks.jsonl": "",
    "data/glyph/prompts.jsonl": "respond",
    "data/glyph/responses.jsonl": "grade",
    "data/glyph/traces.jsonl": "enrich filter",
    "data/glyph/paths/file": "",
    "data/glyph/kept.jsonl": "format",
    "data/glyph/dropped.jsonl": "",
    "data/glyph/chats.jsonl": "train",
    "data/glyph/generations.jsonl": "evaluate",
    "models/glyph/base/file": "respond train generate",
    "models/glyph/student/file": "generate",
    "metrics/glyph.json": "",
    "conf/config.yaml": "",  # composed into params.yaml, which the stages read
}
PARAMS: dict[str, tuple[Any, str]] = {
    "seed": (1, "collect base prompt respond grade format train generate evaluate"),
    "systems.glyph.collect.near": (0.9, "collect"),
    "systems.glyph.collect.tasks.word_problems.test": (1000, "collect"),
    "systems.glyph.base.model.steps": (901, "base"),
    "systems.glyph.prompt.teacher": ("plain", "prompt"),
    "systems.glyph.respond.probe.n": (9, "respond"),
    "systems.glyph.respond.teacher.wrong": (0.06, "respond"),
    "systems.glyph.grade.graders.answer": ({"relative_tolerance": 1e-6}, "grade"),
    "systems.glyph.enrich.by": ("probe", "enrich"),
    "systems.glyph.filter.rules.probe.per_problem": (2, "filter"),
    "systems.glyph.format.selective": (False, "format"),
    "systems.glyph.train.learning_rate": (1e-4, "train"),
    "systems.glyph.generate.arms.never.ask.max_new_tokens": (161, "generate"),
    "systems.glyph.evaluate.samples": (21, "evaluate"),
    # a switch that brings another file with it
    "systems.glyph.respond.teacher.sampler": ("recorded", "respond"),
    "systems.glyph.train.launcher": ("accelerate launch", "train"),
    "systems.glyph.respond.launcher": ("accelerate launch", "respond"),
    "systems.glyph.generate.launcher": ("accelerate launch", "generate"),
    # a second system is new to all stages, and costs the first one nothing
    "systems.other": (None, " ".join(f"{script}@other" for script in SCRIPTS)),
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A copy of the project with its first system alone, every out made up, dvc.lock written by DVC: nothing is stale."""
    folder = copy(tmp_path_factory.mktemp("project"))
    values = YAML().load(folder / "params.yaml")
    values["systems"] = {"glyph": values["systems"]["glyph"]}
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
    """`grade filter` as DVC names the two stages of the system that lies here."""
    return {name if "@" in name else f"{name}@glyph" for name in names.split()}


@pytest.fixture(scope="module")
def readers(project: Path) -> Callable[[], set[str]]:
    """Gives the stages of which a dependency changed: what `dvc status` asks of each, without reading dvc.yaml and params.yaml anew."""
    with Repo() as repo:
        deps = {stage.name: [dep for dep in stage.deps if not isinstance(dep, ParamsDependency)] for stage in repo.index.stages}
    return lambda: {name for name, listed in deps.items() if any(dep.status() for dep in listed)}


def status() -> dict[str, Any]:
    with Repo() as repo:
        found: dict[str, Any] = repo.status()
    return found


def expected(table: dict[str, str]) -> dict[str, str]:
    """The table with its patterns spelled out, file by file."""
    return {path.as_posix(): names for pattern, names in table.items() for path in Path().glob(pattern)}


def test_nothing_is_stale_at_first(project: Path) -> None:
    assert status() == {}


def test_every_source_file_is_in_the_table(project: Path) -> None:
    known = [path.as_posix() for pattern in SCRIPT_FILES | SHARED_FILES | ROOM_FILES for path in Path().glob(pattern)]
    assert sorted(known) == sorted(sources())


def test_a_change_of_a_file_marks_the_stages_that_read_it(project: Path, readers: Callable[[], set[str]]) -> None:
    table = SCRIPT_FILES | SHARED_FILES | ROOM_FILES | INPUTS
    found = {}
    assert readers() == set()
    for file in expected(table):
        before = Path(file).read_bytes()
        Path(file).write_bytes(before + b"\n# changed\n")
        found[file] = readers()
        Path(file).write_bytes(before)
    assert found == {file: stages(names) for file, names in expected(table).items()}
    assert len(found) >= len(table)  # no pattern without a file


@pytest.mark.parametrize("room", ["tasks", "samplers", "students", "scores"])
def test_a_new_member_marks_the_stages_that_depend_on_the_whole_room(room: str, project: Path, readers: Callable[[], set[str]]) -> None:
    new = Path("stages", room, "new.py")
    new.write_text('"""New."""\n')
    found = readers()
    new.unlink()
    assert found == stages({"tasks": "collect base", "samplers": "grade", "scores": "enrich evaluate"}.get(room, ""))


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
    section[last] = params["systems"]["glyph"] if last == "other" else value
    with path.open("wb") as file:
        yaml.dump(params, file)
    found = status()
    path.write_bytes(before)
    assert set(found) == stages(names)


def test_the_tables_hold_every_section_of_params(project: Path) -> None:
    sections = {
        f"systems.{system}.{name}" for system, found in YAML(typ="safe").load(Path("params.yaml"))["systems"].items() for name in found
    }
    assert sections == {".".join(key.split(".")[:3]) for key in PARAMS if key.count(".") > 1}
