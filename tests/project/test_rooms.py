"""The room rules, by reading the source; and that dvc.yaml lists, for each stage, the code that runs in it: no file less, no file more."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from dvc.repo import Repo
from ruamel.yaml import YAML

from house import COMPOSITIONS, ROOMS, ROOT, SCRIPTS, TOOLS, compose, imported, named, needs, place, sources, tree

SOURCES = sources()
PURE = [file for file in SOURCES if place(file) in ("styles", "graders", "formats", "scores")]
CONTRACTS = {
    "tasks": "load",
    "styles": "render",
    "samplers": "answer",
    "graders": "grade",
    "formats": "to_chats",
    "students": "train",
    "scores": "score",
}


def tops(file: str, top: bool = False) -> set[str]:
    """The packages that a file imports."""
    return {module.split(".")[0] for module in imported(file, top)}


def test_the_house_is_all_here() -> None:
    assert {place(file) for file in SOURCES} == {*ROOMS, "shared", "script"}
    assert {Path(file).stem for file in SOURCES if place(file) == "script"} == {*SCRIPTS, *TOOLS}


@pytest.mark.parametrize("file", SOURCES)
def test_who_imports_whom(file: str) -> None:
    """`shared` imports no room, a room only itself and `shared`, a script rooms and `shared` but never a script; nobody imports tests."""
    home = place(file)
    allowed = {"script": {*ROOMS, "shared"}, "shared": {"shared"}}.get(home, {home, "shared"})
    ours = {module.split(".")[1] for module in imported(file) if module.startswith("stages.")}
    assert ours <= allowed
    assert "tests" not in tops(file)


# Modules without files, network, clock or randomness of their own. `stages` is looked at by the other rules.
_BUILT_IN = "cmath collections csv dataclasses enum fractions functools hashlib heapq html io itertools math re string typing unicodedata"
HARMLESS = {*_BUILT_IN.split(), "msgspec", "numpy", "pydantic", "sklearn", "stages"}
# What even these, or the language itself, could do harm with: names and attributes.
HARMFUL_NAMES = {"open", "eval", "exec", "compile", "__import__", "input", "breakpoint", "globals", "hash", "id"}
HARMFUL_NUMPY = {"load", "loadtxt", "genfromtxt", "fromfile", "memmap", "save", "savez", "savez_compressed", "savetxt", "tofile"}
SHARED_FILES = {
    "read",
    "write",
    "write_json",
    "write_text",
    "replacing",
    "sweep",
}  # of shared/rows.py; `Seen` is a set, wherever it keeps its items


# The one exception: sandbox.py starts a process and talks to it through pipes, for work that nothing else could stop, and algebra.py, with
# the packages that do such work, runs there only. Nobody imports it (the next test but one); sandbox.py writes to those pipes and no file.
SANDBOX, INSIDE = "stages/graders/sandbox/helper.py", "stages/graders/sandbox/algebra.py"
ALLOWED = {
    SANDBOX: {"atexit", "importlib", "json", "os", "resource", "select", "selectors", "subprocess", "sys", "threading", "traceback"},
    INSIDE: {"latex2sympy2", "sympy"},
}


@pytest.mark.parametrize("file", PURE)
def test_pure_rooms_import_harmless_modules_only(file: str) -> None:
    assert tops(file) <= HARMLESS | ALLOWED.get(file, set())
    assert not imported(file) & {f"stages.shared.rows.{name}" for name in SHARED_FILES}
    assert not imported(file) & {"stages.shared.cli", "stages.models.loading", "io.open", "io.FileIO", "numpy.random"}


@pytest.mark.parametrize("file", PURE)
def test_pure_rooms_do_nothing_harmful(file: str) -> None:
    for node in ast.walk(tree(file)):
        if isinstance(node, ast.Name):
            assert node.id not in HARMFUL_NAMES, f"line {node.lineno}: {node.id}"
        if isinstance(node, ast.Attribute):
            assert node.attr not in HARMFUL_NUMPY, f"line {node.lineno}: {node.attr}"
            assert ast.unparse(node.value) != "io" or node.attr in ("StringIO", "BytesIO"), f"line {node.lineno}: {ast.unparse(node)}"


def test_what_may_run_wild_runs_in_the_sandbox_only() -> None:
    inside = INSIDE.removesuffix(".py").replace("/", ".")
    algebra = {"antlr4", "gen", "latex2sympy2", "latex2sympy2_extended", "mpmath", "sympy"}
    assert [file for file in SOURCES if inside in imported(file)] == []
    assert [file for file in SOURCES if tops(file) & algebra] == [INSIDE]


def test_the_sandbox_touches_processes_and_pipes_only() -> None:
    called = {ast.unparse(node.func) for node in ast.walk(tree(SANDBOX)) if isinstance(node, ast.Call)}
    allowed = "_exit close cpu_count dup dup2 fork kill pipe read register_at_fork waitpid write"
    assert {name for name in called if name.startswith("os.")} == {f"os.{name}" for name in allowed.split()}


@pytest.mark.parametrize("file", SOURCES)
def test_every_random_choice_has_a_seed(file: str) -> None:
    """Nobody draws from the one generator that all share, asks the clock, or uses Python's hash, which differs by process."""
    assert "time" not in tops(file) and "datetime" not in tops(file) and "secrets" not in tops(file) and "uuid" not in tops(file)
    for node in ast.walk(tree(file)):
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) in ("random", "np.random", "numpy.random"):
            assert node.attr in ("Random", "default_rng", "Generator"), f"line {node.lineno}: {ast.unparse(node)}"
        if isinstance(node, ast.Call) and ast.unparse(node.func).rsplit(".", 1)[-1] in ("Random", "default_rng"):
            assert node.args, f"line {node.lineno}: a generator without a seed"
        assert not (isinstance(node, ast.Name) and node.id == "hash"), "hash() of a string is another one in each process"


NETWORK = {
    "aiohttp",
    "datasets",
    "ftplib",
    "google",
    "http",
    "httpx",
    "huggingface_hub",
    "openai",
    "requests",
    "smtplib",
    "socket",
    "urllib",
}
MODELS = {"torch", "transformers", "peft", "accelerate", "bitsandbytes", "tokenizers", "safetensors", "trl", "dvclive"}


@pytest.mark.parametrize("file", SOURCES)
def test_where_the_network_is(file: str) -> None:
    """In samplers and tasks; a model of the Hub is pinned in students/pinned.py, and loaded by transformers in shared/models.py."""
    if place(file) not in ("samplers", "tasks"):
        assert tops(file) & NETWORK <= ({"huggingface_hub"} if file == "stages/students/pinned.py" else set())


@pytest.mark.parametrize("file", SOURCES)
def test_where_the_models_are(file: str) -> None:
    """In students, in the two files of a local sampler, and in shared/models.py (where loading is written once for both), there inside
    functions."""
    if place(file) != "students":
        inside = file in ("stages/samplers/local/answering.py", "stages/samplers/local/generation.py", "stages/models/loading.py")
        assert inside or not tops(file) & MODELS
        assert not tops(file, top=True) & MODELS


@pytest.mark.parametrize("script", [*SCRIPTS, *TOOLS])
def test_starting_a_script_loads_nothing_heavy(script: str) -> None:
    """Not even of a stage that needs a model: its members are imported once params name them."""
    heavy = MODELS | {"datasets", "huggingface_hub", "pandas", "pyarrow", "scipy", "sklearn", "sympy"}
    for file in needs(f"stages/{script}.py", top=True):
        assert not tops(file, top=True) & heavy, file


WRITERS = {"mkdir", "rename", "rmdir", "symlink_to", "hardlink_to", "touch", "unlink", "write_bytes", "write_text", "writelines"}
WRITERS |= {"save", "save_pretrained", "chmod", "write"}


def writes(file: str) -> Iterator[str]:
    """Whatever in a file could change the file system."""
    yield from sorted(tops(file) & {"shutil", "tempfile", "subprocess"})
    yield from sorted(imported(file) & {f"stages.shared.rows.{name}" for name in SHARED_FILES - {"read"}})
    for node in ast.walk(tree(file)):
        if not isinstance(node, ast.Call):
            continue
        called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        mode = [arg.value for arg in [*node.args, *(keyword.value for keyword in node.keywords)] if isinstance(arg, ast.Constant)]
        renamed = called == "replace" and isinstance(node.func, ast.Attribute) and len(node.args) == 1 and not node.keywords
        opened = called == "open" and any(isinstance(text, str) and set(text) & set("wax+") for text in mode)
        if renamed or opened or (called in WRITERS and isinstance(node.func, ast.Attribute)):
            yield f"line {node.lineno}: {called}"


@pytest.mark.parametrize("file", [file for file in SOURCES if place(file) not in ("script", "students")])
def test_only_scripts_write_files(file: str) -> None:
    """A student saves its own folder, samplers keep their memo; `datasets` reads through a cache that is private and gone at once; the
    sandbox writes to pipes."""
    expected = {"stages/tasks/reading/hub.py": ["tempfile"], SANDBOX: ["subprocess", *["write"] * 4]}
    if file not in ("stages/shared/rows.py", "stages/samplers/memo/database.py", "stages/samplers/memo/claims.py"):
        assert [what.rsplit(" ", 1)[-1] for what in writes(file)] == expected.get(file, [])


@pytest.mark.parametrize("file", [file for file in SOURCES if place(file) != "script"])
def test_only_scripts_know_paths(file: str) -> None:
    """Elsewhere no path is written down, but those of params.yaml and of the working_directory."""
    known = {"stages/shared/params.py": {"'params.yaml'"}, "stages/shared/cli.py": {"os.environ.get('DVC_ROOT', '.')", "sys.argv[0]"}}
    for node in ast.walk(tree(file)):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "Path":
            fixed = [ast.unparse(arg) for arg in node.args if any(isinstance(part, ast.Constant) for part in ast.walk(arg))]
            assert set(fixed) <= known.get(file, set()), f"line {node.lineno}"
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            assert not node.value.startswith(("data/", "models/", "metrics/")), f"line {node.lineno}"


@pytest.mark.parametrize("room", ROOMS)
def test_a_door_is_a_sentence_a_dictionary_and_a_function(room: str) -> None:
    door = tree(f"stages/{room}/__init__.py")
    assert f"`{CONTRACTS[room]}(" in (ast.get_docstring(door) or "").split("\n")[0]
    assert sum(isinstance(node, ast.FunctionDef) for node in door.body) == 1
    (members,) = [node.value for node in door.body if isinstance(node, ast.Assign) and isinstance(node.value, ast.Dict)]
    told: dict[str, str] = ast.literal_eval(members)
    assert all(isinstance(words, str) and words for words in told.values())
    keeps_the_contract = {
        Path(file).stem
        for file in SOURCES
        if place(file) == room
        and Path(file).stem != "__init__"
        and any(isinstance(node, ast.FunctionDef) and node.name == CONTRACTS[room] for node in tree(file).body)
    }
    assert set(told) == keeps_the_contract


def pipeline(folder: Path) -> Iterator[tuple[str, str, set[str], set[str]]]:
    """Of each stage, as DVC resolves dvc.yaml with the params in `folder`: script, name, code deps, and the files that run in it.

    A dep on a whole room stands for its files, so all of them count as run, and what they import must be there as well.
    """
    systems = YAML(typ="safe", pure=True).load(folder / "params.yaml")["systems"]
    (folder / "dvc.yaml").write_bytes((ROOT / "dvc.yaml").read_bytes())
    with Repo.init(str(folder), no_scm=True) as repo:
        deps = {stage.name: {dep.def_path for dep in stage.deps if dep.def_path.startswith("stages")} for stage in repo.index.stages}
    for name, listed in deps.items():
        script, system = name.split("@")
        starts = {f"stages/{script}.py"} | named(script, systems[system][script])
        run = {file for start in starts for file in needs(start)}
        for room in {dep for dep in listed if not dep.endswith(".py")}:
            assert script in WHOLE_ROOMS, f"{name}: costly, so it should list the files of {room} that it uses"
            assert any(file.startswith(f"{room}/") for file in run), f"{name}: nothing of {room} runs in it"
            run |= {file for member in sources(room) for file in needs(member)}
            listed = listed - {room} | set(sources(room))
        yield script, name, listed, run


WHOLE_ROOMS = {"collect", "base", "prompt", "grade", "enrich", "filter", "format", "evaluate"}
# Listed although the default params do not need it: other scales and teachers do, and a dep templated by an arm would forbid doing without
# that arm.
ENGINE = "account budget buyer chat endpoint engine faults gate jobs jobstore keeper pace terms wire"  # shared by all over the network
LOCAL = "hf batches generation local suppress"  # a system without a probe may ask no local model
SPARE = {
    "generate": {"stages/styles/glyph.py", "stages/styles/no_symbols.py"},
    "respond": {f"stages/samplers/{name}.py" for name in f"{ENGINE} {LOCAL}".split()},
}


def test_deps_are_the_code_that_runs(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_bytes((ROOT / "params.yaml").read_bytes())
    stages = list(pipeline(tmp_path))
    assert {script for script, *_ in stages} == set(SCRIPTS)
    found = {name: {"missing": run - listed, "too many": listed - run - SPARE.get(script, set())} for script, name, listed, run in stages}
    assert found == {name: {"missing": set(), "too many": set()} for name in found}


def test_no_flag_runs_code_that_is_not_among_the_deps(tmp_path: Path) -> None:
    """With every combination of scale, source and teacher; and what the default lists to spare is used by some of them."""
    spare: dict[str, set[str]] = {script: set() for script in SPARE}
    for number, groups in enumerate(COMPOSITIONS):
        folder = tmp_path / str(number)
        folder.mkdir()
        compose(folder / "params.yaml", **groups)
        for script, name, listed, run in pipeline(folder):
            missing = run - listed
            assert not missing, (groups, name)
            spare[script] = spare.get(script, set()) | (run & SPARE.get(script, set()))
    assert {script: files for script, files in spare.items() if files} == SPARE
