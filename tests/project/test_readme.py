"""README.md and docs/*.md: README is short, every command is right for today's params, every path and link is there, every package has a line."""

import importlib
import json
import re
import shlex
import shutil
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from dvc.repo import Repo
from dvc.utils.cli_parse import to_path_overrides
from dvc.utils.hydra import compose_and_dump, get_hydra_sweeps
from hydra.errors import ConfigCompositionException
from pydantic import TypeAdapter, ValidationError
from ruamel.yaml import YAML
from stages.shared import params
from stages.tasks import jsonl

from project_tree import FAMILIES, ROOT, SCRIPTS, SECTIONS, family_of
from stages import collect

PAGES = {path.relative_to(ROOT).as_posix(): path.read_text() for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))}
README, LAYOUT, YOUR_OWN = (PAGES[page] for page in ("README.md", "docs/layout.md", "docs/your-own.md"))
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# a file that a page says to write: its path ends the line before the block
FILE = re.compile(r"`((?:conf|stages)/[\w/.-]+)`[^`\n]*:\n\n```(?:yaml|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def yaml(text: str | Path) -> Any:
    return YAML(typ="safe", pure=True).load(text)


def blocks(page: str) -> list[list[str]]:
    """The commands of each block for a shell."""
    texts = [text for language, text in FENCE.findall(PAGES[page]) if language == "sh"]
    return [[line for line in text.replace("\\\n", " ").splitlines() if line.strip()] for text in texts]


BLOCKS = [(page, number) for page in PAGES for number in range(len(blocks(page)))]


def files(page: str) -> dict[str, str]:
    return dict(FILE.findall(PAGES[page]))


@cache
def conf_of(page: str, folder: Path) -> Path:
    """conf/ with the files, and the lines in config.yaml, that a page says to write."""
    shutil.copytree(ROOT / "conf", folder / "conf")
    for name, text in files(page).items():
        if name.startswith("conf/"):
            assert not (folder / name).exists(), f"{page} says to write {name}, which is there already"
            (folder / name).write_text(text)
    config = folder / "conf/config.yaml"
    for line in re.findall(r"the line\s+`(- systems/\w+)`", PAGES[page]):
        config.write_text(config.read_text().replace("- systems/router\n", f"- systems/router\n{line}\n"))
    return folder / "conf"


@pytest.fixture
def conf(page: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return conf_of(page, tmp_path_factory.getbasetemp() / page.replace("/", "-"))


def composed(conf: Path, out: Path, flags: list[str]) -> Any:
    compose_and_dump(str(out), str(conf), None, "config", str(ROOT), flags)
    return yaml(out)


def stages_of(values: Any) -> set[str]:
    """The names of the stages that dvc.yaml has with these params."""
    families = {stage: body["foreach"].strip("${}") for stage, body in yaml(ROOT / "dvc.yaml")["stages"].items()}
    return {f"{stage}@{entry}" for stage, family in families.items() for entry in values[family]}


def flags_of(words: list[str]) -> list[list[str]]:
    """The flags of a `dvc exp run`, as DVC reads them: a list for each experiment that it makes."""
    overrides = to_path_overrides([flag for option, flag in pairwise(words) if option == "-S"])
    every = get_hydra_sweeps(overrides) if "--queue" in words else [overrides]
    return [chosen.get("params.yaml", []) for chosen in every]


def targets_of(words: list[str]) -> list[str]:
    """What a `dvc exp run` or `dvc repro` names besides its options."""
    after = words[3:] if words[1] == "exp" else words[2:]
    values = {place + 1 for place, word in enumerate(after) if word in ("-n", "-S")}
    return [word for place, word in enumerate(after) if place not in values and not word.startswith("-")]


def check_flags(flags: list[str], values: Any) -> None:
    """Each flag is in force, so that none is overridden by what is composed after it."""
    for name, _, value in (flag.lstrip("+").partition("=") for flag in flags):
        if name.startswith(("bases.", "systems.", "students.", "seed")):
            current = values
            for part in name.split("."):
                current = current[part]
            wanted = yaml(value.replace(":", ": ") if value.startswith("{") else value)
            assert current == wanted or (isinstance(wanted, dict) and wanted.items() <= current.items()), name


def check_params(values: Any, new: set[str]) -> None:
    """The stages accept the params, but for sections that name a member whose file the page says to write."""
    for script in SCRIPTS:
        model = TypeAdapter(importlib.import_module(f"stages.{script}").Params)
        for held in values[family_of(script)].values():
            section = held[SECTIONS.get(script, script)]
            if not any(f"'{name}'" in repr(section) for name in new):
                model.validate_python(section)


@pytest.mark.parametrize(("page", "number"), BLOCKS)
def test_commands_fit_the_params(page: str, number: int, conf: Path, tmp_path: Path) -> None:
    """Flags compose and are in force, the stages accept the params, and every stage that is named exists with these params.

    `dvc repro` and `python -m stages...` use the params.yaml that the last `dvc exp run` of their block left.
    """
    path = tmp_path / "params.yaml"
    values = yaml(ROOT / "params.yaml")
    new = {Path(name).stem for name in files(page) if name.startswith("stages/")}
    for command in blocks(page)[number]:
        words = shlex.split(command, comments=True)
        while words and "=" in words[0] and not words[0].startswith("-"):
            words = words[1:]  # a variable of the environment before the command
        if words[:3] == ["dvc", "exp", "run"]:
            for flags in flags_of(words):
                values = composed(conf, path, flags)
                check_flags(flags, values)
                check_params(values, new)
        if words[:3] == ["dvc", "exp", "run"] or words[:2] == ["dvc", "repro"]:
            assert set(targets_of(words)) <= stages_of(values), command
        elif words[:2] == ["python", "-m"]:
            assert (ROOT / words[2].replace(".", "/")).with_suffix(".py").is_file(), command
            if words[2] == "stages.respond":
                assert words[3] in values["systems"]
        elif words[:1] == ["make"]:
            assert re.search(rf"^{words[1]}:", (ROOT / "Makefile").read_text(), re.MULTILINE), command
        else:
            assert words[:1] in ([], ["dvc"], ["less"], ["export"]), f"{command}: a command that this test does not know"


def test_commands_are_seen_and_wrong_ones_fail(tmp_path: Path) -> None:
    assert len(BLOCKS) > 15 and sum(command.count("dvc exp run") for page, number in BLOCKS for command in blocks(page)[number]) > 20
    assert targets_of(shlex.split("dvc exp run -n a -S b=c --queue d@e f@g")) == ["d@e", "f@g"]
    assert targets_of(shlex.split("dvc repro d@e")) == ["d@e"]
    stages = stages_of(yaml(ROOT / "params.yaml"))
    assert "train@glyph_selective" in stages and "train@glyph" not in stages
    with pytest.raises(ConfigCompositionException):
        composed(ROOT / "conf", tmp_path / "params.yaml", ["systems.glyph.format.selective=false"])
    values = composed(ROOT / "conf", tmp_path / "params.yaml", ["+systems.glyph.judge.mine=1"])
    with pytest.raises(AssertionError):
        check_flags(["+systems.glyph.judge.mine=2"], values)
    with pytest.raises(ValidationError):
        check_params(values, set())


def test_the_source_in_your_own_md_works(tmp_path: Path) -> None:
    """The file that the page says to write, the row that it says to bring."""
    values = composed(conf_of("docs/your-own.md", tmp_path), tmp_path / "params.yaml", ["source=tea"])
    assert values["systems"]["router"] == yaml(ROOT / "params.yaml")["systems"]["router"]
    section = params.read("glyph", "collect", collect.Params, tmp_path / "params.yaml")
    [row] = [text for language, text in FENCE.findall(YOUR_OWN) if language == "json"]
    mine = section.tasks["jsonl"]
    assert isinstance(mine, jsonl.Params) and list(section.tasks) == ["jsonl"]
    (tmp_path / mine.file).write_text(row)
    problems = [problem for split in ("train", "test") for problem in jsonl.load(split, mine, tmp_path, 0)]
    assert [(problem.id, problem.answer) for problem in problems] == [("tea-1", "2")]


def test_readme_is_a_landing_page() -> None:
    assert len(README.splitlines()) <= 150
    assert "make repro" in README and "make test" in README
    assert {f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")} <= set(re.findall(r"\]\((docs/[\w.-]+)\)", README))


# What README says of each system, in this order; shares are shown in percent.
RESULTS = {
    "glyph": ["n", "accuracy_level_3_up.base", "accuracy_level_3_up.student", "glyph_rate_failure.100", "glyph_rate_failure.0"],
    "router": ["n", "accuracy_macro.base", "accuracy_macro.student"],
}


@pytest.mark.parametrize("system", yaml(ROOT / "params.yaml")["systems"])
def test_the_results_in_readme_are_those_of_the_metrics(system: str) -> None:
    [text] = re.findall(rf"^- \*\*{system}\*\*:(.*(?:\n  .*)*)", README, re.MULTILINE)
    expected = []
    for name in RESULTS[system]:
        value = json.loads((ROOT / f"metrics/{system}.json").read_text())
        for part in name.split("."):
            value = value[part]
        expected.append(str(value) if name == "n" else f"{100 * value:.1f} %")
    assert re.findall(r"\d+\.\d %|\b\d{3,}\b(?!\.)", text) == expected
    assert f"docs/results-{system}.md" in README


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
    assert {family: tuple(stages.split(", ")) for family, stages in rows.items()} == FAMILIES
    assert set(re.findall(r"^\| (\w+) \| `", LAYOUT, re.MULTILINE)) == set(SCRIPTS) == set(yaml(ROOT / "dvc.yaml")["stages"])
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
        for file in ("dvc.yaml", "params.yaml"):
            shutil.copy(ROOT / file, folder)
        with Repo.init(folder, no_scm=True) as repo:
            for out in (out.def_path for stage in repo.index.stages for out in stage.outs):
                names |= {out, *map(str, Path(out).parents)}
    return names


@pytest.mark.parametrize(("page", "path"), list(paths()))
def test_every_path_is_there(page: str, path: str) -> None:
    """A file of the repository, or an output of a stage, with any name in place of `<...>` or `*`."""
    pattern = re.compile(re.sub(r"<\w+>|\*", r"[\\w-]+", re.escape(path.rstrip("/")).replace(r"\*", "*")))
    kept = path.startswith(("stages", "conf", "tests", "docs", ".ci"))  # what else is there was made by stages, or is gone in a clone
    files_here = (found.relative_to(ROOT).as_posix() for found in (ROOT / path.split("/")[0]).rglob("*") if kept)
    assert any(pattern.fullmatch(name) for name in (*outputs(), *BROUGHT, *files_here)), f"{page} names {path}"


# what the pages have the reader bring or make
BROUGHT = {"data/hub", "data/recorded", "data/hub/tea.jsonl", "models/bases/teacher", "models/students/router/router_short"}


@pytest.mark.parametrize(("page", "link"), [(page, link) for page, text in PAGES.items() for link in re.findall(r"\]\(([^)]+)\)", text)])
def test_every_link_leads_somewhere(page: str, link: str) -> None:
    target, _, heading = link.partition("#")
    if link.startswith("https://"):
        return
    file = (ROOT / page).parent / target if target else ROOT / page
    assert file.is_file()
    headings = [re.sub(r"[^\w -]", "", line.lower()).replace(" ", "-") for line in re.findall(r"^#+ (.*)$", file.read_text(), re.MULTILINE)]
    assert not heading or heading in headings


@pytest.mark.parametrize("page", PAGES)
def test_every_param_is_one(page: str, tmp_path: Path) -> None:
    """A dotted name in backticks names a param of the default or, where only a network or local teacher has it, of such a run."""
    every = [yaml(ROOT / "params.yaml")]
    every += [
        composed(ROOT / "conf", tmp_path / f"{number}.yaml", flags)
        for number, flags in enumerate((["teacher=openai"], ["teacher=recorded"], ["scale=gpu24", "teacher=local"]))
    ]
    for name in re.findall(r"`((?:bases|systems|students)(?:\.[\w<>]+)+)`", PAGES[page]):
        assert any(_resolves(values, name.split(".")) for values in every) or name in OPTIONAL, f"{page}: {name}"


OPTIONAL = {"systems.<system>.respond.teacher.stand_for", "students.glyph_selective.train.gradient_checkpointing"}  # of no file in conf/


def _resolves(values: Any, parts: list[str]) -> bool:
    if not parts:
        return True
    if not isinstance(values, dict):
        return False
    entries = values.values() if parts[0].startswith("<") else [values[parts[0]]] if parts[0] in values else []
    return any(_resolves(entry, parts[1:]) for entry in entries)
