"""python -m stages.tools.check: what is wrong with params.yaml is told at once, every place in a line of its own."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from stages.shared.errors import BadInput
from stages.tools import check, sampler_needs

from project_tree import FAMILIES, ROOT, SECTIONS, family_of

MODEL = "models/students/glyph/glyph_selective"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("params.yaml", "dvc.yaml"):
        shutil.copy(ROOT / name, tmp_path / name)
    shutil.copytree(ROOT / "conf", tmp_path / "conf")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    return tmp_path


def change(place: str, value: Any) -> None:
    """Sets a param, by its dotted name, or takes it out where the value is `...`."""
    yaml = YAML(typ="safe")
    document = yaml.load(Path("params.yaml"))
    *path, last = place.split(".")
    section = document
    for part in path:
        section = section[part]
    if value is ...:
        del section[last]
    else:
        section[last] = value
    with Path("params.yaml").open("w") as file:
        yaml.dump(document, file)


def test_every_section_that_a_stage_reads_is_checked() -> None:
    read = {(script, family, section) for script, family, section in check.stages_of()}
    flow = [script for scripts in FAMILIES.values() for script in scripts]
    assert {(script, family_of(script), SECTIONS.get(script, script)) for script in flow} <= read


def test_the_committed_params_are_right() -> None:
    assert check.faults() == [] and sampler_needs.needs(["glyph", "router", "signals", "rules"]) == [] and check.difference() == ""


FAULTS = [
    ("seed", "one", "params.yaml: seed: expected a whole number"),
    ("systems.glyph.base", "glpyh", "params.yaml: systems.glyph.base: unknown base 'glpyh' (did you mean 'glyph'?)"),
    ("students.router_naive.system", "rooter", "params.yaml: students.router_naive.system: unknown system 'rooter'"),
    ("students.router_naive.train.stepps", 5, "params.yaml: students.router_naive.train.stepps: unknown key"),
    (
        "systems.glyph.evaluate.compare.student_base",
        ["studnt", "base"],
        "params.yaml: systems.glyph.evaluate.compare.student_base: unknown arm",
    ),
    ("systems.glyph.evaluate.scores.glyph_use.forbidden", "forbiden", "params.yaml: systems.glyph.evaluate.scores.glyph_use: unknown arm"),
    ("systems.glyph.evaluate.scores.acuracy", {}, "params.yaml: systems.glyph.evaluate.scores: unknown score 'acuracy'"),
    ("systems.glyph.evaluate.headline.student", "accuracy.studnt", "params.yaml: systems.glyph.evaluate.headline.student: unknown arm or"),
    ("systems.glyph.generate.arms.base", ..., "params.yaml: systems.glyph.evaluate.compare.student_base: unknown arm 'base'"),
    (
        "systems.glyph.filter.rules.teacher.grades.citations",
        1.0,
        "params.yaml: systems.glyph.filter.rules.teacher.grades: unknown grader 'citations'",
    ),
    ("systems.glyph.filter.rules.techer", {}, "params.yaml: systems.glyph.filter.rules"),
    ("systems.glyph.prompt.probe", None, "params.yaml: systems.glyph: prompt and respond must name the same: probe"),
    ("systems.rules.respond", ..., "params.yaml: systems.rules.respond is missing"),
]


@pytest.mark.parametrize(("place", "value", "told"), FAULTS)
def test_a_fault_is_told(place: str, value: Any, told: str) -> None:
    change(place, value)
    assert any(line.startswith(told) for line in check.faults()), check.faults()


def test_faults_of_several_sections_are_told_together() -> None:
    change("students.router_naive.train.stepps", 5)
    change("systems.glyph.evaluate.compare.student_base", ["studnt", "base"])
    with pytest.raises(BadInput) as error:
        check.check(None)
    assert len(str(error.value).splitlines()) == 2


NEEDS = [
    ("systems.glyph.generate.arms.base.ask.model", "models/bases/glpyh", "unknown model 'glpyh' (did you mean 'glyph'?)"),
    ("systems.glyph.generate.arms.student.ask.model", "models/students/glyph/selective", "unknown model 'selective'"),
    ("systems.glyph.generate.arms.base.ask.model", "models/elsewhere", "no such folder, nor an id of the Hub (owner/name)"),
    ("systems.glyph.respond.teacher", {"sampler": "recorded", "files": ["data/none"]}, "files: data/none: no such file"),
    ("systems.glyph.respond.teacher", {"sampler": "openai", "api_key_env": "OPENAI_API_KEY"}, "OPENAI_API_KEY is not set"),
]


@pytest.mark.parametrize(("place", "value", "told"), NEEDS)
def test_what_a_sampler_lacks_is_told(place: str, value: Any, told: str) -> None:
    change(place, value)
    [line] = sampler_needs.needs(["glyph", "router"])
    assert line.startswith("systems.glyph.") and told in line
    assert sampler_needs.needs(["router"]) == []


def test_a_sampler_with_nothing_to_do_needs_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    change("systems.glyph.respond.teacher", {"sampler": "openai", "api_key_env": "OPENAI_API_KEY"})
    assert sampler_needs.needs(["glyph"], {"train@glyph_selective", "respond@router"}) == []
    assert len(sampler_needs.needs(["glyph"], {"collect@glyph"})) == 1
    monkeypatch.setenv("OPENAI_API_KEY", "sk-1234567890123456")
    assert sampler_needs.needs(["glyph"]) == []


def test_an_arm_that_needs_not_answer_anew_needs_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    change("systems.glyph.generate.arms.base.ask", {"sampler": "openai", "model": "m", "api_key_env": "OPENAI_API_KEY"})
    assert sampler_needs.needs(["glyph"], {"report@glyph", "evaluate@glyph"}) == []
    assert [
        len(sampler_needs.needs(["glyph"], {stage})) for stage in ("generate@glyph", "train@glyph_selective", "train@router_naive")
    ] == [
        1,
        1,
        0,
    ]


def test_an_arm_may_ask_a_student_of_a_pair_and_a_headline_any_metric() -> None:
    change("systems.router.generate.arms.student.ask.model", "models/students/router/router_pair/first")
    change("systems.signals.evaluate.headline.student", "compliance.student.both")
    change("systems.glyph.evaluate.headline.student", "glyph_rate_failure.100")
    assert check.faults() == [] and sampler_needs.needs(["router", "signals", "glyph"], None) == []


def test_what_a_pair_names_is_there() -> None:
    change("pairs.router_pair.first", "nobody")
    assert any("pairs.router_pair.first: unknown base 'nobody'" in line for line in check.faults())


@pytest.mark.parametrize("model", ["Qwen/Qwen2.5-3B-Instruct", "conf"])
def test_a_model_of_the_hub_or_a_folder_is_no_fault(model: str) -> None:
    change("systems.glyph.generate.arms.base.ask.model", model)
    assert sampler_needs.needs(["glyph"]) == []


def test_it_says_when_params_are_not_those_of_conf_and_composes_them(capsys: pytest.CaptureFixture[str]) -> None:
    before = Path("params.yaml").read_bytes()
    check.check(None)
    assert capsys.readouterr() == ("params.yaml: nothing is wrong\n", "")
    change("seed", 5)
    check.check(None)
    line = capsys.readouterr().err
    assert line.startswith("check: params.yaml is not what conf/ composes") and check.COMPOSE in line
    check.check(["seed=7"])
    assert YAML(typ="safe").load(Path("params.yaml"))["seed"] == 7
    check.check([])
    assert Path("params.yaml").read_bytes() == before


@pytest.mark.parametrize("override", ["scale=tny", "systems.glyph.nothing=1", "seed=[1"])
def test_overrides_that_do_not_fit_change_nothing(override: str) -> None:
    before = Path("params.yaml").read_bytes()
    with pytest.raises(BadInput, match=r"^conf/: "):
        check.check([override])
    assert Path("params.yaml").read_bytes() == before


@pytest.fixture
def quick() -> Iterator[None]:
    """A second time the files are known to agree, so nothing is composed."""
    check.check(None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(check, "composed", lambda overrides=(): pytest.fail("composed"))
        yield


def test_what_agreed_is_not_composed_again(quick: None) -> None:
    assert check.difference() == ""
    with pytest.raises(pytest.fail.Exception):
        change("seed", 5)
        check.difference()


def test_it_loads_nothing_heavy() -> None:
    code = (
        "import sys; from stages.tools import check, sampler_needs; assert not check.faults(); sampler_needs.needs(['glyph']); "
        "assert not {'torch', 'transformers', 'datasets', 'sympy', 'dvc', 'hydra'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": str(ROOT)})
