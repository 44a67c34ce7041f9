"""The project as a whole, for the tests that look at it: its sources and what they import, its params composed from conf/, a copy of it."""

import ast
import gc
import itertools
import shutil
import subprocess
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from dvc.utils.hydra import compose_and_dump

ROOT = Path(__file__).resolve().parents[1]
FAMILIES = {  # the stages of each family of params.yaml, in the order of the flow
    "bases": ("corpus", "base"),
    "systems": ("collect", "prompt", "respond", "grade", "judge", "enrich", "filter", "generate", "evaluate", "report"),
    "students": ("format", "train"),
    "pairs": ("format_pair", "train_pair", "generate_pair", "evaluate_pair"),
    "classifiers": ("calibrate",),
    "practice": ("practise",),
}
UPDATES = ("admit", "update", "assess")  # the stages of the family `updates`, which is empty by default: a daemon fills it in
# the section of params that a stage reads, where it has another name
SECTIONS = {"base": "model", "update": "train"} | {f"{stage}_pair": stage for stage in ("format", "train", "generate", "evaluate")}
SCRIPTS = tuple(script for scripts in FAMILIES.values() for script in scripts)
REGISTRIES = ("tasks", "styles", "samplers", "graders", "formats", "students", "scores")
PACKAGES = (*REGISTRIES, "pages", "models", "spread", "shared", "tools", "daemon")
GROUPS = {group: sorted(path.stem for path in (ROOT / "conf" / group).glob("*.yaml")) for group in ("scale", "source", "teacher")}
COMPOSITIONS = [dict(zip(GROUPS, names, strict=True)) for names in itertools.product(*GROUPS.values())]
# vllm is openai with another address
COMPOSITIONS = [groups for groups in COMPOSITIONS if groups["teacher"] != "vllm"] + [{"scale": "a100", "teacher": "vllm"}]
# options, for what is empty by default
COMPOSITIONS += [{"scale": scale, "practice": "router"} for scale in GROUPS["scale"]]
COMPOSITIONS += [{"scale": scale, "practice": "rules", "rule_sets": "held_out"} for scale in ("smoke", "tiny", "gpu24")]


@cache
def tree(file: str) -> ast.Module:
    """The syntax tree of a source file, named from the root."""
    return ast.parse((ROOT / file).read_text())


def is_code(file: str) -> bool:
    """Whether a file holds more than a docstring."""
    return any(not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)) for node in tree(file).body)


@cache
def sources(folder: str = "stages") -> list[str]:
    """The source files below `folder`, those that hold a docstring only left out."""
    found = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / folder).rglob("*.py"))
    return [file for file in found if is_code(file)]


def place(file: str) -> str:
    """The package of a source file; `script` for a stage script."""
    parts = Path(file).parts
    return parts[1] if len(parts) > 2 else "script"


def family_of(script: str) -> str:
    """The family of params.yaml that a stage is for."""
    return next(family for family, scripts in {**FAMILIES, "updates": UPDATES}.items() if script in scripts)


def imported(file: str, top: bool = False) -> set[str]:
    """The modules that a file imports, anywhere or (`top`) outside functions; `from a import b` gives both `a` and `a.b`."""
    nodes = _outside_functions(tree(file)) if top else ast.walk(tree(file))
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}:{node.lineno}: import by the full name, so that it can be followed"
            module = node.module or ""
            found |= {module} | {f"{module}.{alias.name}" for alias in node.names}
    return found


def _outside_functions(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield child
            yield from _outside_functions(child)


@cache
def needs(file: str, top: bool = False) -> frozenset[str]:
    """The project's own files that importing `file` runs, itself among them: its imports, theirs, and every package on the way."""
    found: set[str] = set()
    waiting = [file]
    while waiting:
        current = waiting.pop()
        if current not in found:
            found.add(current)
            for module in imported(current, top):
                waiting += _files(module)
    return frozenset(name for name in found if is_code(name))


def _files(module: str) -> list[str]:
    """`stages.tasks.reading.gold` -> its file and the `__init__.py` of every package above it; nothing for what is no module of ours."""
    parts = module.split(".")
    if parts[0] != "stages":
        return []
    prefixes = [Path(*parts[:length]) for length in range(1, len(parts) + 1)]
    candidates = [path for prefix in prefixes for path in (prefix.with_suffix(".py"), prefix / "__init__.py")]
    return [path.as_posix() for path in candidates if (ROOT / path).is_file()]


def named(script: str, section: Any) -> set[str]:
    """The members, by file, that a stage's params name: the registries import them."""

    def style(asked: Any) -> str:
        """A style, or a mapping from a style to its params."""
        return f"styles/{asked if isinstance(asked, str) else next(iter(asked))}"

    members: dict[str, Callable[[], list[str]]] = {
        "collect": lambda: [f"tasks/{name}" for name in section["tasks"]],
        "corpus": lambda: [f"tasks/{name}" for name in section["tasks"] or {}],
        "base": lambda: [f"students/{section['student']}"] if "student" in section else [],
        "prompt": lambda: [
            style(name)
            for by, asked in section.items()
            if by != "validation"
            for name in (asked["styles"] if isinstance(asked, dict) and "styles" in asked else [asked])
            if name
        ],
        "respond": lambda: [
            *(f"samplers/{section[by]['sampler']}" for by in ("teacher", "probe") if section.get(by)),
            *(f"graders/{name}" for name in (section.get("accept") or {"graders": []})["graders"]),
        ],
        "grade": lambda: [f"graders/{name}" for name in section["graders"]],
        "judge": lambda: [f"samplers/{section['ask']['sampler']}"] if section["ask"] else [],
        "enrich": list,
        "filter": list,  # it names graders, but only looks up what they said
        "format": lambda: [
            *(f"formats/{section[side]}" for side in ("hard", "easy") if side in section),
            *(style(section[asked]) for asked in ("student_style", "hard_style") if section.get(asked)),
        ],
        "format_pair": lambda: [f"formats/{section['hard']}", style(section["student_style"])],
        "train_pair": lambda: [
            style(section["student_style"]),
            f"students/peers/{section['peer']['kind']}",
            *(f"graders/{name}" for name in section["graders"]),
        ],
        "generate_pair": lambda: [style(section["style"]), *(f"samplers/{asked['sampler']}" for asked in section["ask"].values())],
        "evaluate_pair": lambda: [f"graders/{name}" for name in section["graders"]],
        "train": lambda: [
            f"students/{section['student']}",
            *(f"graders/{name}" for name in (section.get("validation") or {}).get("graders", {})),
        ],
        "admit": lambda: [*(f"tasks/{name}" for name in section["read"]), f"formats/{section['format']['hard']}"],
        "update": lambda: [f"students/{section['student']}"],
        "assess": lambda: [
            f"samplers/{section['ask']['sampler']}",
            *(f"graders/{name}" for name in section["graders"]),
            *(f"scores/{name}" for name in section["scores"]),
        ],
        "practise": lambda: [
            f"students/backends/{section['backend']['backend']}",
            f"students/token_losses/{section['loss']}",
            style(section["style"]),
            *(f"graders/{name}" for name in section["reward"]["graders"]),
        ],
        "generate": lambda: [
            file for arm in section["arms"].values() for file in (style(arm["style"]), f"samplers/{arm['ask']['sampler']}")
        ],
        "calibrate": list,
        "report": list,
        "evaluate": lambda: [*(f"graders/{name}" for name in section["graders"]), *(f"scores/{name}" for name in section["scores"])],
    }
    return {f"stages/{name}.py" for name in members[script]()}


def compose(out: Path, **groups: str) -> Path:
    """params.yaml as DVC composes it from conf/, written to `out`."""
    overrides = [f"{group}={name}" for group, name in groups.items()]
    gc.disable()  # what composing allocates is no garbage; looking for some takes a seventh of the time
    try:
        compose_and_dump(str(out), str(ROOT / "conf"), None, "config", str(ROOT), overrides)
    finally:
        gc.enable()
    return out


def copy(target: Path) -> Path:
    """The files that git tracks or would, copied to `target`: the project without what stages made."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, target / name)
    return target


def contents(folder: Path) -> dict[str, str]:
    """What each file below `folder` holds; of a link where it points to, since /dev/full, read as a file, never ends."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_symlink():
            found[path.relative_to(folder).as_posix()] = f"-> {path.readlink()}"
        elif path.is_file():
            found[path.relative_to(folder).as_posix()] = path.read_bytes().decode(errors="surrogateescape")
    return found
