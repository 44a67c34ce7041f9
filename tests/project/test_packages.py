"""The package rules, by reading the source; and that dvc.yaml lists, for each stage, the packages that it imports: none less, none more."""

import ast
import re
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from compositions import Compositions, Resolved, load
from project_tree import (
    COMPOSITIONS,
    PACKAGES,
    ROOT,
    SCRIPTS,
    SECTIONS,
    UPDATES,
    family_of,
    imported,
    named,
    needs,
    place,
    sources,
    tree,
)

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


# Which packages a package may import besides itself; a stage script and a tool may import any, and never a stage script.
MAY_IMPORT = {
    "shared": set(),
    "models": {"shared"},
    "spread": {"shared"},
    "tasks": {"shared"},
    "styles": {"shared"},
    "graders": {"shared"},
    "formats": {"shared"},
    "scores": {"shared"},
    "pages": {"shared"},
    "samplers": {"shared", "models"},
    "students": {"shared", "models"},
    "daemon": {"shared"},
    "tools": set(PACKAGES),
    "script": set(PACKAGES) - {"tools", "daemon"},
}


def test_the_packages_are_all_here() -> None:
    assert {place(file) for file in SOURCES} == {*PACKAGES, "script"}
    assert {Path(file).stem for file in SOURCES if place(file) == "script"} == {*SCRIPTS, *UPDATES}


@pytest.mark.parametrize("file", SOURCES)
def test_who_imports_whom(file: str) -> None:
    home = place(file)
    ours = {module.split(".")[1] for module in imported(file) if module.startswith("stages.")}
    assert ours <= MAY_IMPORT[home] | ({home} - {"script"})
    assert "tests" not in tops(file)


def box_of(module: str) -> str:
    return ".".join(module.split(".")[: 4 if module.startswith("stages.students.losses.") else 3])


def boxes() -> dict[str, set[str]]:
    """What imports what, where a sub-package is one thing: `stages.samplers.memo` -> `stages.samplers`, ...

    The members of a registry are things of their own: who imports the registry imports them only when they are asked for.
    """
    modules = {Path(file).with_suffix("").as_posix().replace("/", ".").removesuffix(".__init__"): file for file in sources()}
    modules |= {".".join(module.split(".")[:length]): "" for module in list(modules) for length in (1, 2, 3, 4)} | modules
    graph: dict[str, set[str]] = {}
    for module, file in modules.items():
        box = box_of(module)
        targets = {name for name in (imported(file) if file else set()) if name in modules}
        # `from stages.samplers import scripted` names the package as well, but imports the member
        targets -= {name for name in targets if any(longer.startswith(f"{name}.") for longer in targets) and not modules.get(name)}
        graph.setdefault(box, set()).update({box_of(name) for name in targets} - {box})
    return graph


def test_no_import_goes_round_in_a_circle() -> None:
    """Neither between packages nor between the sub-packages and members of one; a registry imports its members when they are asked for."""
    graph = boxes()
    packages: dict[str, set[str]] = {}
    for box, targets in graph.items():
        home = ".".join(box.split(".")[:2])
        packages.setdefault(home, set()).update({".".join(name.split(".")[:2]) for name in targets} - {home, "stages"})
    for edges in (packages, graph):
        list(TopologicalSorter(edges).static_order())  # raises CycleError, which names the circle


def test_no_two_modules_have_the_same_name() -> None:
    """But the tools: the name of a tool is a command, and nobody imports one."""
    stems = [Path(file).stem for file in SOURCES if Path(file).stem != "__init__" and place(file) != "tools"]
    assert sorted(stem for stem in set(stems) if stems.count(stem) > 1) == []


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
    "timed",
}  # of shared/files.py; those that turn a value into bytes may be used anywhere


# The one exception: sandbox.py starts a process and talks to it through pipes, for work that nothing else could stop, and algebra.py, with
# the packages that do such work, runs there only. Nobody imports it (the next test but one); sandbox.py writes to those pipes and no file.
SANDBOX, INSIDE = "stages/graders/sandbox/helper.py", "stages/graders/sandbox/algebra.py"
ALLOWED = {
    SANDBOX: {"atexit", "importlib", "json", "os", "resource", "select", "selectors", "subprocess", "sys", "threading", "traceback"},
    INSIDE: {"latex2sympy2", "sympy"},
}


@pytest.mark.parametrize("file", PURE)
def test_pure_packages_import_harmless_modules_only(file: str) -> None:
    assert tops(file) <= HARMLESS | ALLOWED.get(file, set())
    assert not imported(file) & {f"stages.shared.files.{name}" for name in SHARED_FILES}
    assert not imported(file) & {"stages.shared.cli", "stages.models.loading", "io.open", "io.FileIO", "numpy.random"}


@pytest.mark.parametrize("file", PURE)
def test_pure_packages_do_nothing_harmful(file: str) -> None:
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
    """Nobody draws from the one generator that all share, asks the clock, or uses Python's hash, which differs by process.

    The tool `repro` asks how long ago it printed a progress bar, `smoke` and `forks` how long a stage took, a training how long its steps
    take, and a daemon waits and says when. `timed` of shared/files.py notes how long a training took, in a file that no stage reads.
    """
    tools = ("stages/tools/repro.py", "stages/tools/smoke.py", "stages/tools/forks.py")
    timed = (*tools, "stages/students/training/pausing.py", "stages/shared/files.py")
    clocks = {"time"} if file in timed else set()
    clocks |= {"time", "datetime"} if place(file) == "daemon" else set()
    assert not tops(file) & ({"time", "datetime", "secrets", "uuid"} - clocks)
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
    "tinker",
    "urllib",
}
MODELS = {"torch", "transformers", "peft", "accelerate", "bitsandbytes", "tokenizers", "safetensors", "trl", "dvclive"}


@pytest.mark.parametrize("file", SOURCES)
def test_where_the_network_is(file: str) -> None:
    """In samplers and tasks; a model of the Hub is pinned in models/pinning.py, and loaded by transformers in models/loading.py.

    students/backends/tinker.py asks for the package `tinker` by name and downloads adapters. spread/ray_tasks.py asks for the package `ray`
    by name and looks whether its cluster is there. tools/push.py uploads what a person names.
    """
    if place(file) not in ("samplers", "tasks"):
        exceptions = {
            "stages/models/pinning.py": {"huggingface_hub"},
            "stages/spread/ray_tasks.py": {"socket"},
            "stages/tools/push.py": {"huggingface_hub"},
            "stages/students/backends/tinker.py": {"urllib"},
        }
        assert tops(file) & NETWORK <= exceptions.get(file, set())


@pytest.mark.parametrize("file", SOURCES)
def test_where_the_models_are(file: str) -> None:
    """In students, in models and in the local sampler; in the last two inside functions, as in the tool that writes a model for others."""
    if place(file) != "students":
        allowed = place(file) == "models" or file.startswith("stages/samplers/local/") or file == "stages/tools/export.py"
        assert allowed or not tops(file) & MODELS
        assert not tops(file, top=True) & MODELS


@pytest.mark.parametrize("script", [*SCRIPTS, *UPDATES])
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
    yield from sorted(imported(file) & {f"stages.shared.files.{name}" for name in SHARED_FILES - {"read"}})
    for node in ast.walk(tree(file)):
        if not isinstance(node, ast.Call):
            continue
        called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        mode = [arg.value for arg in [*node.args, *(keyword.value for keyword in node.keywords)] if isinstance(arg, ast.Constant)]
        renamed = called == "replace" and isinstance(node.func, ast.Attribute) and len(node.args) == 1 and not node.keywords
        opened = called == "open" and any(isinstance(text, str) and set(text) & set("wax+") for text in mode)
        if renamed or opened or (called in WRITERS and isinstance(node.func, ast.Attribute)):
            yield f"line {node.lineno}: {called}"


@pytest.mark.parametrize("file", [file for file in SOURCES if place(file) not in ("script", "tools", "daemon", "students", "models")])
def test_only_scripts_write_files(file: str) -> None:
    """A student saves its own folder, samplers keep memo and ledger; `datasets` reads through a cache that is private and gone at once; the
    sandbox writes to pipes."""
    expected = {"stages/tasks/reading/hub.py": ["tempfile"], SANDBOX: ["subprocess", *["write"] * 4]}
    kept = ("memo/database", "memo/owners", "cost/repository_ledger")
    writing = ("shared/files", "shared/shards", *(f"samplers/{name}" for name in kept))
    if file not in [f"stages/{name}.py" for name in writing]:
        assert [what.rsplit(" ", 1)[-1] for what in writes(file)] == expected.get(file, [])


@pytest.mark.parametrize("file", [file for file in SOURCES if place(file) not in ("script", "tools", "daemon")])
def test_only_scripts_know_paths(file: str) -> None:
    """Elsewhere no path is written down, but those of params.yaml and of the working directory."""
    known = {"stages/shared/params.py": {"'params.yaml'"}, "stages/shared/cli.py": {"os.environ.get('DVC_ROOT', '.')", "sys.argv[0]"}}
    for node in ast.walk(tree(file)):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "Path":
            fixed = [ast.unparse(arg) for arg in node.args if any(isinstance(part, ast.Constant) for part in ast.walk(arg))]
            assert set(fixed) <= known.get(file, set()), f"line {node.lineno}"
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            assert not node.value.startswith(("data/", "models/", "metrics/")), f"line {node.lineno}"


@pytest.mark.parametrize("package", CONTRACTS)
def test_a_registry_is_a_contract_a_dictionary_and_a_function(package: str) -> None:
    """The contract names the function of a member and says what the package may import."""
    registry = tree(f"stages/{package}/__init__.py")
    contract = ast.get_docstring(registry) or ""
    assert f"`{CONTRACTS[package]}(" in contract and re.search(r"\bimports?\b", contract, re.IGNORECASE)
    assert sum(isinstance(node, ast.FunctionDef) for node in registry.body) == 1
    (members,) = [node.value for node in registry.body if isinstance(node, ast.Assign) and isinstance(node.value, ast.Dict)]
    descriptions: dict[str, str] = ast.literal_eval(members)
    assert all(isinstance(words, str) and words for words in descriptions.values())
    keeps_the_contract = {
        Path(file).stem
        for file in SOURCES
        if place(file) == package
        and Path(file).stem != "__init__"
        and any(isinstance(node, ast.FunctionDef) and node.name == CONTRACTS[package] for node in tree(file).body)
    }
    assert set(descriptions) == keeps_the_contract


class Run(NamedTuple):
    """What a stage runs with some params; of all its combinations and entries, most are the same."""

    script: str
    # the packages and scripts among its deps
    listed: frozenset[str]
    # its script, and the members that params name
    starts: frozenset[str]


def runs(values: Any, resolve: Callable[[Any], dict[str, Resolved]]) -> Iterator[tuple[str, Run]]:
    """Of each stage, as DVC resolves dvc.yaml with these params, its name and what it runs."""
    for name, stage in resolve(values).items():
        script, entry = name.split("@")
        section = values[family_of(script)][entry][SECTIONS.get(script, script)]
        yield name, Run(script, stage.code, frozenset({f"stages/{script}.py"} | named(script, section)))


def covers(dep: str, file: str) -> bool:
    """Whether a dep on a file or a package holds a file."""
    return file == dep or file.startswith(f"{dep}/")


def imported_by(deps: Iterable[str]) -> set[str]:
    """The files that the packages among `deps` import: `judge` depends on all samplers, of which the local one loads models."""
    return {file for dep in deps if not dep.endswith(".py") for start in sources(dep) for file in needs(start)}


@cache
def missing(run: Run) -> frozenset[str]:
    """The files that run and are not among the deps.

    A dep on a package stands for its files, so all of them count as run, and what they import must be there as well.
    """
    used = {file for start in run.starts for file in needs(start)} | imported_by(run.listed)
    return frozenset(file for file in used if not any(covers(dep, file) for dep in run.listed))


@cache
def idle(run: Run) -> frozenset[str]:
    """The deps that nothing which runs is of."""
    used = {file for start in run.starts for file in needs(start)}
    return frozenset(dep for dep in run.listed if not any(covers(dep, file) for file in used | imported_by(run.listed - {dep})))


def test_deps_are_the_code_that_runs(composed: Compositions, resolve: Callable[[Any], dict[str, Resolved]]) -> None:
    """In every combination of scale, source and teacher no file runs that is not among the deps; and each dep is used in one of them."""
    unused: dict[str, frozenset[str]] = {}
    for groups in COMPOSITIONS:
        for name, run in runs(load(composed(**groups)), resolve):
            assert missing(run) == set(), (groups, name)
            unused[run.script] = unused.get(run.script, run.listed) & idle(run)
    assert {script: deps for script, deps in unused.items() if deps} == {}


def test_deps_of_the_stages_of_a_daemon(resolve: Callable[[Any], dict[str, Resolved]]) -> None:
    """The family `updates` is empty by default, and a daemon writes such an entry."""
    admit = {"read": {"conversations": {}}, "format": {"hard": "direct"}}
    assess = {"ask": {"sampler": "hf"}, "graders": {"answer": {}}, "scores": {"accuracy": {}}}
    train = {"student": "sft", "launcher": "python"}
    update = {"system": "glyph", "base": "glyph", "admit": admit, "train": train, "assess": assess}
    checked = []
    for name, run in runs(load(ROOT / "params.yaml") | {"updates": {"n": update}}, resolve):
        if run.script in UPDATES:
            checked.append(name)
            assert missing(run) == idle(run) == set(), name
    assert sorted(checked) == ["admit@n", "assess@n", "update@n"]


COSTLY = ("respond", "train", "train_pair", "generate", "generate_pair", "update")


def test_costly_stages_name_their_samplers_and_students_one_by_one(resolve: Callable[[Any], dict[str, Resolved]]) -> None:
    """So a new member of these packages makes none of them stale."""
    for _, run in runs(load(ROOT / "params.yaml"), resolve):
        assert run.script not in COSTLY or not run.listed & {"stages/samplers", "stages/students"}


def test_dvc_yaml_stays_short() -> None:
    assert len((ROOT / "dvc.yaml").read_text().splitlines()) < 220
