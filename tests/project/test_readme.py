"""README is short, its results are those of the metrics, and every command in README.md and docs/*.md fits the params."""

import importlib
import json
import re
import shlex
from itertools import chain, pairwise
from pathlib import Path
from typing import Any

import pytest
from dvc.utils.cli_parse import to_path_overrides
from dvc.utils.hydra import get_hydra_sweeps
from hydra.errors import ConfigCompositionException
from pydantic import TypeAdapter, ValidationError
from stages.shared import params
from stages.tasks import jsonl

from pages import FENCE, PAGES, README, blocks, committed, composed, composition, conf_of, files, writes_conf, yaml
from project_tree import ROOT, SCRIPTS, SECTIONS, family_of
from stages import collect

BLOCKS = [(page, number) for page in PAGES for number in range(len(blocks(page)))]


@pytest.fixture
def conf(page: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return conf_of(page, tmp_path_factory.getbasetemp() / page.replace("/", "-")) if writes_conf(page) else ROOT / "conf"


# what stands before a command of a shell block, besides this project's own
KNOWN = set("dvc less grep export cp systemctl xdg-open git pip python3 ray sbatch sky transformers vllm".split())  # noqa: SIM905


def stages_of(values: Any) -> set[str]:
    """The names of the stages that dvc.yaml has with these params."""
    families = {stage: body["foreach"].strip("${}") for stage, body in committed("dvc.yaml")["stages"].items()}
    return {f"{stage}@{entry}" for stage, family in families.items() for entry in values[family]}


def flags_of(words: list[str]) -> list[list[str]]:
    """The flags of a `dvc exp run`, as DVC reads them: a list for each experiment that it makes."""
    overrides = to_path_overrides([flag for option, flag in pairwise(words) if option == "-S"])
    every = get_hydra_sweeps(overrides) if "--queue" in words else [overrides]
    return [chosen.get("params.yaml", []) for chosen in every]


LOOP = re.compile(r"for (\w+) in ([\w ]+); do (.+); done")


def unrolled(command: str) -> list[str]:
    """The commands of a loop on one line; any other command as it is."""
    if (loop := LOOP.fullmatch(command.strip())) is None:
        return [command]
    name, values, body = loop.groups()
    return [body.replace(f"${name}", value) for value in values.split()]


def targets_of(words: list[str]) -> list[str]:
    """What a `dvc exp run` or `dvc repro` names besides its options."""
    after = words[3:] if words[1] == "exp" else words[2:]
    values = {place + 1 for place, word in enumerate(after) if word in ("-n", "-S")}
    return [word for place, word in enumerate(after) if place not in values and not word.startswith("-")]


def check_flags(flags: list[str], values: Any) -> None:
    """Each flag is in force, so that none is overridden by what is composed after it."""
    for name, _, value in (flag.lstrip("+").partition("=") for flag in flags):
        if name.startswith(("bases.", "systems.", "students.", "pairs.", "seed")):
            current = values
            for part in name.split("."):
                current = current[part]
            wanted = yaml(value.replace(":", ": ") if value.startswith("{") else value)
            assert current == wanted or (isinstance(wanted, dict) and wanted.items() <= current.items()), name


GOOD: set[tuple[str, str]] = set()  # a script and a section that it accepts: commands leave most sections as they are


def check_params(values: Any, new: set[str]) -> None:
    """The stages accept the params, but for sections that name a member whose file the page says to write."""
    for script in SCRIPTS:
        module: Any = importlib.import_module(f"stages.{script}")
        model: TypeAdapter[Any] = TypeAdapter(module.Params)
        for held in values[family_of(script)].values():
            section = held[SECTIONS.get(script, script)]
            content = script, repr(section)
            if content not in GOOD and not any(f"'{name}'" in content[1] for name in new):
                model.validate_python(section)
                GOOD.add(content)


@pytest.mark.parametrize(("page", "number"), BLOCKS)
def test_commands_fit_the_params(page: str, number: int, conf: Path) -> None:
    """Flags compose and are in force, the stages accept the params, and every stage that is named exists with these params.

    `dvc repro` and `python -m stages...` use the params.yaml that the last `dvc exp run` or `check --compose` of their block left.
    """
    values = committed("params.yaml")
    new = {Path(name).stem for name in files(page) if name.startswith("stages/")}
    for command in chain.from_iterable(map(unrolled, blocks(page)[number])):
        words = shlex.split(command, comments=True)
        while words and "=" in words[0] and not words[0].startswith("-"):
            words = words[1:]  # a variable of the environment before the command
        if words[:3] == ["dvc", "exp", "run"]:
            for flags in flags_of(words):
                values = composition(conf, *flags)
                check_flags(flags, values)
                check_params(values, new)
        if words[:3] == ["dvc", "exp", "run"] or words[:2] == ["dvc", "repro"]:
            assert set(targets_of(words)) <= stages_of(values), command
        elif words[:2] == ["python", "-m"]:
            module = ROOT / words[2].replace(".", "/")
            assert module.with_suffix(".py").is_file() or (module / "__main__.py").is_file(), command
            if words[2:4] == ["stages.tools.check", "--compose"]:
                values = composition(conf, *words[4:])
                check_flags(words[4:], values)
                check_params(values, new)
            if (stage := words[2].removeprefix("stages.")) in SCRIPTS and not words[3].startswith("-"):
                assert words[3] in values[family_of(stage)], command
        elif words[:1] == ["python"]:
            assert (ROOT / words[1]).exists(), command
        elif words[:1] == ["make"]:
            assert re.search(rf"^{words[1]}:", (ROOT / "Makefile").read_text(), re.MULTILINE), command
        else:
            assert not words or words[0] in KNOWN, f"{command}: a command that this test does not know"


def test_commands_are_seen_and_wrong_ones_fail(tmp_path: Path) -> None:
    assert len(BLOCKS) > 15 and sum(command.count("dvc exp run") for page, number in BLOCKS for command in blocks(page)[number]) > 20
    assert targets_of(shlex.split("dvc exp run -n a -S b=c --queue d@e f@g")) == ["d@e", "f@g"]
    assert targets_of(shlex.split("dvc repro d@e")) == ["d@e"]
    assert unrolled("for a in b c; do d.$a e; done") == ["d.b e", "d.c e"]
    stages = stages_of(committed("params.yaml"))
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
    assert values["systems"]["router"]["collect"] == committed("params.yaml")["systems"]["router"]["collect"]
    section = params.read("glyph", "collect", collect.Params, tmp_path / "params.yaml")
    row, *_ = [text for language, text in FENCE.findall(PAGES["docs/your-own.md"]) if language == "json"]
    mine = section.tasks["jsonl"]
    assert isinstance(mine, jsonl.Params) and list(section.tasks) == ["jsonl"]
    root = tmp_path / section.root
    root.parent.mkdir(parents=True)
    root.write_text(row)
    problems = [problem for split in ("train", "test") for problem in jsonl.load(split, mine, root, 0)]
    assert [(problem.id, problem.answer) for problem in problems] == [("tea-1", "2")]


def test_readme_is_a_landing_page() -> None:
    assert len(README.splitlines()) <= 150
    assert "make repro" in README and "make test" in README
    assert {f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")} <= set(re.findall(r"\]\((docs/[\w.-]+)\)", README))


def test_the_example_in_readme_is_a_held_out_problem_with_both_answers() -> None:
    """The question and both answers stand on the page of samples, one below the other."""
    [example] = [text for language, text in FENCE.findall(README) if language == "text"]
    question, base, student = (re.sub(r"^[a-z ]{13}", "", part, flags=re.MULTILINE) for part in example.strip().split("\n\n"))
    samples = (ROOT / "metrics/glyph_samples.md").read_text()
    [sample] = [part for part in samples.split("\n## ") if f"```text\n{question}\n```" in part]
    assert f"**base**: wrong, 6 tokens, ended by stop\n\n```text\n{base}\n```" in sample
    assert re.search(rf"\*\*student\*\*: right, .*\n\n```text\n{re.escape(student)}\n```", sample)


def test_licence_platforms_and_costs_stand_at_the_top() -> None:
    top = "\n".join(README.splitlines()[:42])
    for part in ("docs/flow.svg", "(LICENSE)", "Linux and macOS", "minutes", "GB"):
        assert part in top, part
    assert (ROOT / "LICENSE").read_text().lstrip().startswith("Apache License")


# What README says of each system, in this order; shares are shown in percent.
RESULTS = {
    "glyph": ["n", "accuracy_level_3_up.base", "accuracy_level_3_up.student", "glyph_rate_failure.100", "glyph_rate_failure.0"],
    "router": ["n", "accuracy_macro.base", "accuracy_macro.student", "accuracy_macro.answers"],
    "signals": ["n", "compliance_known.student", "unasked.student", "compliance_symbols.student", "compliance_counts.student"],
    "rules": ["n", "accuracy.base", "accuracy.student", "accuracy.label_only", "accuracy.words"],
}


def test_the_results_of_the_pair_are_those_of_the_metrics() -> None:
    metrics = json.loads((ROOT / "metrics/router_pair.json").read_text())
    [text] = re.findall(r"^- \*\*router, the pair\*\*:(.*(?:\n  .*)*)", README, re.MULTILINE)
    shares = [metrics["accuracy_macro"][way] for way in ("pair", "best_single", "random", "swapped")] + [metrics["gap_closed"]["pair"]]
    assert re.findall(r"\d+\.\d %|\b\d{3,}\b(?!\.)", text) == [str(metrics["n"]), *(f"{100 * share:.1f} %" for share in shares)]


@pytest.mark.parametrize("system", committed("params.yaml")["systems"])
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
