"""shared/params.py: params.yaml is read strictly, and every fault of a section is told at once, in one line."""

from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import Field
from stages.samplers import SAMPLERS
from stages.shared import params
from stages.shared.errors import BadInput
from stages.shared.member_params import SamplerParams
from stages.shared.params import Strict, member, members
from stages.tasks import TASKS


class Inner(Strict):
    share: float = Field(default=0.5, gt=0, le=1)


class Section(Strict):
    rate: float = Field(ge=0)
    count: int = Field(default=1, ge=1)
    name: str = "a"
    flag: bool = False
    inner: Inner = Inner()
    weights: list[float] = Field(default=[1.0])
    ask: Annotated[SamplerParams, member("stages.samplers", SAMPLERS, "sampler")] | None = None
    tasks: Annotated[dict[str, Strict], members("stages.tasks", TASKS)] | None = None


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def read(section: str, seed: str = "0") -> Section:
    Path("params.yaml").write_text(f"seed: {seed}\nsystems:\n  s:\n    stage: {section}\n")
    return params.read("s", "stage", Section)


@pytest.mark.parametrize(
    ("text", "number"), [("1e-4", 1e-4), ("2e-5", 2e-5), ("1E3", 1000.0), ("0.5", 0.5), ("3", 3.0), ("1_000", 1000.0), ("0o17", 15.0)]
)
def test_numbers_are_those_of_yaml_1_2(text: str, number: float) -> None:
    """To a YAML 1.1 reader the first is text."""
    assert read(f"{{rate: {text}}}").rate == number


def test_words_are_those_of_yaml_1_2() -> None:
    assert read("{rate: 1, name: no}").name == "no"  # to a YAML 1.1 reader it is false


FAULTS = [
    ("{rte: 1}", [".rate: is missing", ".rte: unknown key"]),
    ("{rate: '1'}", [".rate: Input should be a valid number, got '1'"]),
    ("{rate: -1}", [".rate: Input should be greater than or equal to 0, got -1"]),
    ("{rate: .nan}", [".rate: Input should be a finite number, got nan"]),
    ("{rate: .inf}", [".rate: Input should be a finite number, got inf"]),
    ("{rate: true}", [".rate: Input should be a valid number, got True"]),
    ("{rate: null}", [".rate: Input should be a valid number, got None"]),
    ("{rate: 1, count: 2.0}", [".count: Input should be a valid integer, got 2.0"]),
    ("{rate: 1, count: true}", [".count: Input should be a valid integer, got True"]),
    ("{rate: 1, name: 3}", [".name: Input should be a valid string, got 3"]),
    ("{rate: 1, flag: 1}", [".flag: Input should be a valid boolean, got 1"]),
    ("{rate: 1, flag: yes}", [".flag: Input should be a valid boolean, got 'yes'"]),
    ("{rate: 1, inner: {share: 2, shre: 1}}", [".inner.share: ", "got 2", ".inner.shre: unknown key"]),
    ("{rate: 1, weights: [1, x, .inf]}", [".weights.1: Input should be a valid number, got 'x'", ".weights.2: Input should be a finite"]),
    ("{rate: 1, ask: {}}", [".ask: unknown sampler None; choose from: "]),
    ("{rate: 1, ask: scripted}", [".ask: expected a mapping with the key 'sampler', got 'scripted'"]),
    ("{rate: 1, ask: {sampler: script}}", [".ask: unknown sampler 'script' (did you mean 'scripted'?); choose from: classifier, gemini, "]),
    ("{rate: 1, ask: {sampler: [scripted]}}", [".ask: unknown sampler ['scripted']"]),
    ("{rate: 1, ask: {sampler: scripted, n: 0, wrng: 1}}", [".ask.n: ", "got 0", ".ask.wrng: unknown key"]),
    ("{rate: 1, tasks: {}}", [".tasks: expected a mapping with at least one task of: "]),
    ("{rate: 1, tasks: [gsm8k]}", [".tasks: expected a mapping with at least one task of: "]),
    ("{rate: 1, tasks: {gsm: {}, mth: {}}}", [".tasks: unknown task 'gsm'", "; unknown task 'mth'"]),
    ("{rate: 1, tasks: {gsm8k: null}}", [".tasks.gsm8k: ", "got None"]),
    (
        "{rate: 1, tasks: {gsm8k: {trian: 1}, svamp: {test: -1}}}",
        [".tasks.gsm8k.trian: unknown key", ".tasks.svamp.test: Input should be greater than or equal to 0, got -1"],
    ),
    ("{rte: 1, count: x, ask: {sampler: scripted, n: '1'}}", [".rate: is missing", ".count: ", ".ask.n: ", ".rte: unknown key"]),
    ("[1, 2]", ["systems.s.stage: Input should be ", "got [1, 2]"]),
    ("null", ["systems.s.stage: Input should be ", "got None"]),
]  # fmt: skip


@pytest.mark.parametrize(("section", "told"), FAULTS)
def test_faults_are_told_all_at_once_in_one_line(section: str, told: list[str]) -> None:
    with pytest.raises(BadInput) as error:
        read(section)
    message = str(error.value)
    assert message.startswith("params.yaml: systems.s.stage") and "\n" not in message
    for part in told:
        assert part in message
    faults = sum(part.startswith(".") for part in told) + sum(part.startswith("; ") for part in told) or 1
    assert message.count("; ") - message.count("; choose from") == faults - 1  # and nothing else is told


def test_params_do_not_change_after_reading() -> None:
    section: Any = read("{rate: 1}")
    with pytest.raises(ValueError, match="frozen"):
        section.rate = 2.0


def test_a_member_is_read_as_its_own_params() -> None:
    section: Any = read("{rate: 1, ask: {sampler: scripted, wrong: 0.5}, tasks: {gsm8k: {train: 5}, svamp: {}}}")
    assert (section.ask.sampler, section.ask.wrong, section.ask.n) == ("scripted", 0.5, 1)
    assert (section.tasks["gsm8k"].train, list(section.tasks)) == (5, ["gsm8k", "svamp"])


FILES: list[tuple[str | bytes, str]] = [
    ("", "params.yaml: expected a mapping, got NoneType"),
    ("- a\n", "params.yaml: expected a mapping, got list"),
    ("seed: 0\n", "params.yaml: systems: expected a section for each of the systems, got None"),
    ("systems: {}\n", "params.yaml: systems: expected a section for each of the systems, got {}"),
    ("systems: {s: [1}\n", "params.yaml: not YAML: "),
    ("systems: {s: {stage: {rate: 1, rate: 2}}}\n", "params.yaml: not YAML: .*duplicate key"),
    ("systems: {s: {other: {}}}\n", r"params.yaml: systems\.s\.stage is missing"),
    ("systems: {s: 3}\n", r"params.yaml: systems\.s: expected a mapping, got 3"),
    ("systems: [s]\n", r"params.yaml: systems: expected a section for each of the systems, got \['s'\]"),
    ("systems: {t: {stage: {}}, u: {}}\n", "params.yaml: unknown system 's'; choose from: t, u"),
    ("systems: {ss: {stage: {}}}\n", r"params.yaml: unknown system 's' \(did you mean 'ss'\?\); choose from: ss"),
    (b"systems: \xff\n", "params.yaml: not YAML: "),
]


@pytest.mark.parametrize(("content", "message"), FILES)
def test_a_file_without_the_section(content: str | bytes, message: str) -> None:
    Path("params.yaml").write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(BadInput, match=message) as error:
        params.read("s", "stage", Section)
    assert "\n" not in str(error.value)


def test_no_file() -> None:
    for read_any in (lambda: params.read("s", "stage", Section), params.seed, lambda: params.entries("systems")):
        with pytest.raises(BadInput, match=r"params\.yaml: no such file; run from the project's root"):
            read_any()


@pytest.mark.parametrize("seed", ["-1", "1.0", "true", "'1'", "null", str(2**31)])
def test_a_seed_is_a_whole_number(seed: str) -> None:
    read("{rate: 1}", seed)
    with pytest.raises(BadInput, match=r"params\.yaml: seed: expected a whole number from 0 to 2147483647, got "):
        params.seed()


@pytest.mark.parametrize("seed", [0, 7, 2**31 - 1])
def test_the_seed(seed: int) -> None:
    read("{rate: 1}", str(seed))
    assert params.seed() == seed


FAMILIES = """\
seed: 0
bases: {small: {}, large: {}}
systems:
  glyph: {base: small}
  rules: {base: lrge}
  signals: {base: [small]}
  router: {}
students:
  second: {system: glyph, base: small}
  lost: {system: glpyh, base: null}
  first: {system: glyph, base: large}
  odd: 3
"""


class TestFamilies:
    """Entries of params.yaml that name one another."""

    @pytest.fixture(autouse=True)
    def file(self) -> None:
        Path("params.yaml").write_text(FAMILIES)

    def test_an_entry_names_its_base_and_its_system(self) -> None:
        assert params.refers("systems", "glyph", "base") == "small"
        assert (params.refers("students", "first", "base"), params.refers("students", "first", "system")) == ("large", "glyph")

    @pytest.mark.parametrize(
        ("family", "name", "to", "told"),
        [
            ("systems", "rules", "base", "systems.rules.base: unknown base 'lrge' (did you mean 'large'?); choose from: large, small"),
            ("systems", "signals", "base", "systems.signals.base: unknown base ['small']"),
            ("systems", "router", "base", "systems.router.base: unknown base None; choose from: large, small"),
            ("students", "lost", "base", "students.lost.base: unknown base None; choose from: large, small"),
            (
                "students",
                "lost",
                "system",
                "students.lost.system: unknown system 'glpyh' (did you mean 'glyph'?); choose from: glyph, router, ",
            ),
            ("students", "frst", "system", "unknown student 'frst' (did you mean 'first'?); choose from: first, lost, odd, second"),
            ("systems", "x", "base", "unknown system 'x'; choose from: glyph, router, rules, signals"),
            ("bases", "x", "base", "unknown base 'x'; choose from: large, small"),
            ("students", "odd", "base", "students.odd: expected a mapping, got 3"),
        ],
    )
    def test_an_unknown_name_is_told_with_the_choices(self, family: str, name: str, to: str, told: str) -> None:
        with pytest.raises(BadInput) as error:
            params.refers(family, name, to)
        assert str(error.value).startswith(f"params.yaml: {told}") and "\n" not in str(error.value)

    def test_the_students_of_a_system_are_in_the_order_of_params(self) -> None:
        assert params.students_of("glyph") == ["second", "first"]
        assert params.students_of("rules") == []

    def test_the_entries_of_a_family_are_in_the_order_of_params(self) -> None:
        assert list(params.entries("bases")) == ["small", "large"]
        assert params.entries("systems")["glyph"] == {"base": "small"}

    @pytest.mark.parametrize("family", ["bases", "systems", "students"])
    @pytest.mark.parametrize("content", ["", "{family}: {{}}\n", "{family}: null\n", "{family}: glyph\n"])
    def test_a_family_that_is_missing_is_named(self, family: str, content: str) -> None:
        Path("params.yaml").write_text("seed: 0\n" + content.format(family=family))
        with pytest.raises(BadInput, match=rf"^params\.yaml: {family}: expected a section for each of the {family}, got "):
            params.entries(family)

    def test_a_section_is_read_from_its_family(self) -> None:
        text = "seed: 0\nbases: {s: {stage: {rate: 1}}}\nsystems: {s: {stage: {rate: 2}}}\nstudents: {s: {stage: {rate: x}}}\n"
        Path("params.yaml").write_text(text)
        assert params.read("s", "stage", Section, family="bases").rate == 1
        assert params.read("s", "stage", Section).rate == 2
        with pytest.raises(BadInput, match=r"^params\.yaml: students\.s\.stage\.rate: Input should be a valid number, got 'x'$"):
            params.read("s", "stage", Section, family="students")
