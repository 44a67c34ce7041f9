"""docs/ and README.md: every package has a line, every path, link and param that a page names is there."""

import re
import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from dvc.repo import Repo

from pages import PAGES, committed, composed, composition, files
from project_tree import FAMILIES, ROOT, SCRIPTS, UPDATES

LAYOUT = PAGES["docs/layout.md"]


def test_every_package_has_a_line() -> None:
    lines = re.findall(r"^    (stages/[\w/]+/) +\S", LAYOUT, re.MULTILINE)
    packages = {f"{path.parent.relative_to(ROOT).as_posix()}/" for path in (ROOT / "stages").rglob("__init__.py")} - {"stages/"}
    assert sorted(lines) == sorted(packages)
    groups = re.findall(r"^    (conf/[\w.]+/?) +\S", LAYOUT, re.MULTILINE)
    assert sorted(groups) == sorted(
        f"conf/{path.name}" + "/" * path.is_dir() for path in (ROOT / "conf").iterdir() if path.name != "config.yaml"
    )


def test_the_families_and_stages_are_those_of_dvc_yaml() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| [^|]+ \| ([\w, ]+) \|", LAYOUT, re.MULTILINE))
    assert {family: tuple(stages.split(", ")) for family, stages in rows.items()} == FAMILIES | {"updates": UPDATES}
    assert set(re.findall(r"^\| (\w+) \| `", LAYOUT, re.MULTILINE)) == {*SCRIPTS, *UPDATES} == set(committed("dvc.yaml")["stages"])
    picture = (ROOT / "docs/flow.svg").read_text()
    assert set(re.findall(r'class="name"[^>]*>(\w+)<', picture)) == set(SCRIPTS)
    assert set(re.findall(r'class="family"[^>]*>(\w+):', picture)) == set(FAMILIES)


def paths() -> Iterator[tuple[str, str]]:
    """Each path that a page names in backticks or hands to a command, but those that the page says to write."""
    for page, text in PAGES.items():
        named = re.findall(r"(?<![\w/.-])((?:stages|conf|tests|docs|data|models|metrics|\.ci)/[\w/.<>*-]*[\w>/])", text)
        yield from ((page, name) for name in dict.fromkeys(named) if name not in files(page))


@cache
def outputs() -> set[str]:
    """The outputs of all stages, and the folders that they lie in."""
    names: set[str] = set()
    with TemporaryDirectory() as folder:
        shutil.copy(ROOT / "dvc.yaml", folder)
        path = Path(folder, "params.yaml")
        composed(ROOT / "conf", path, ["practice=router", "rule_sets=held_out"])  # by default neither is there, and no daemon works
        path.write_text(path.read_text().replace("updates: {}", "updates: {n: {system: s, train: {student: sft, launcher: python}}}"))
        with Repo.init(folder, no_scm=True) as repo:
            for out in (out.def_path for stage in repo.index.stages for out in stage.outs):
                names |= {out, *map(str, Path(out).parents)}
    return names


@pytest.mark.parametrize(("page", "path"), list(paths()))
def test_every_path_is_there(page: str, path: str) -> None:
    """A file of the repository, or an output of a stage or a file in one, with any name in place of `<...>` or `*`."""
    pattern = re.compile(re.sub(r"<\w+>|\*", r"[\\w-]+", re.escape(path.rstrip("/")).replace(r"\*", "*")))
    folder = re.compile(pattern.pattern.rpartition("/")[0])
    names = outputs()
    whole = {name for name in names if not any(other.startswith(f"{name}/") for other in names)}
    if any(folder.fullmatch(name) for name in whole):
        return
    assert any(pattern.fullmatch(name) for name in (*names, *BROUGHT, *files_below(path.split("/")[0]))), f"{page} names {path}"


@cache
def files_below(folder: str) -> list[str]:
    """The files of a folder of the repository; what else is there was made by stages, or is gone in a clone."""
    if folder not in ("stages", "conf", "tests", "docs", ".ci"):
        return []
    return [path.relative_to(ROOT).as_posix() for path in (ROOT / folder).rglob("*")]


# what the pages have the reader bring or make
BROUGHT = {
    "data/signals/inbox",
    "data/hub",
    "data/hub/dataset",
    "data/recorded",
    "data/hub/tea.jsonl",
    "models/bases/teacher",
    "models/students/router/router_one_path",
}


@pytest.mark.parametrize(("page", "link"), [(page, link) for page, text in PAGES.items() for link in re.findall(r"\]\(([^)]+)\)", text)])
def test_every_link_leads_somewhere(page: str, link: str) -> None:
    target, _, heading = link.partition("#")
    if link.startswith("https://"):
        return
    file = (ROOT / page).parent / target if target else ROOT / page
    assert file.is_file()
    headings = [
        re.sub(r"[^\w -]", "", line.lower()).replace(" ", "-")
        for line in re.findall(r"^#+ (.*)$", file.read_text(errors="replace"), re.MULTILINE)
    ]
    assert not heading or heading in headings


@pytest.mark.parametrize("page", PAGES)
def test_every_param_is_one(page: str) -> None:
    """A dotted name in backticks names a param of the default or, where only a network or local teacher has it, of such a run."""
    groups = (["teacher=openai"], ["teacher=recorded"], ["scale=gpu24", "teacher=local"])
    every = [committed("params.yaml"), *(composition(ROOT / "conf", *flags) for flags in groups)]
    for name in re.findall(r"`((?:bases|systems|students|pairs)(?:\.[\w<>]+)+)`", PAGES[page]):
        assert any(_resolves(values, name.split(".")) for values in every) or name in OPTIONAL, f"{page}: {name}"


OPTIONAL = {  # of no file in conf/
    "pairs.router_pair.train.evaluation",
    "pairs.router_pair.train.evaluation.problems",
    "pairs.router_pair.train.router.diagnostics",
    "systems.<system>.respond.teacher.stand_for",
    "systems.<system>.prompt.validation",
    "bases.<base>.model.template",
    "bases.<base>.model.template_date",
    "students.glyph_selective.train.gradient_checkpointing",
}


def _resolves(values: Any, parts: list[str]) -> bool:
    if not parts:
        return True
    if not isinstance(values, dict):
        return False
    entries = values.values() if parts[0].startswith("<") else [values[parts[0]]] if parts[0] in values else []
    return any(_resolves(entry, parts[1:]) for entry in entries)
