"""`stages.evaluate` from generations to metrics, curves and samples, with the real graders."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from stages.evaluate import Params, check_names, main
from stages.shared.errors import BadInput
from stages.shared.files import read, write
from stages.shared.marks import CRUX, PLAN, STEPS, TAKEAWAY
from stages.shared.params import entries
from stages.shared.params import read as read_params
from stages.shared.rows import PROBE, Ending, Kind, Response, Trace

from compositions import Compositions
from project_tree import GROUPS, ROOT

PARAMS = """\
seed: 3
systems:
  glyph:
    evaluate:
      graders: {answer: {}, glyph_structure: {}}
      scores:
        accuracy: {by_group: [base, student, always, never], solved: [student_base]}
        glyph_use: {arm: student, forbidden: forbidden}
        length: {saving: [student, always]}
      compare: {student_base: [student, base], student_never: [student, never]}
      marks: {glyphs: [🜞, 🜆, 🜂, 🜃]}
      hard_below: 0.5
      samples: {count: 20, arms: [base, student], marked: student}
      headline: {student: accuracy_level_3_up.student, base: accuracy.base}
"""
SCORES = PARAMS[PARAMS.index("      scores:") : PARAMS.index("      hard_below")]
OUTS = [*(f"metrics/{name}" for name in ("glyph.json", "glyph_plots/glyph_rate.csv", "glyph_plots/accuracy.csv", "glyph_samples.md"))]
OUTS.append("metrics/summary/glyph.json")
OUTS.append("data/glyph/graded.jsonl")


def glyphs(answer: int) -> str:
    return f"{CRUX} add\n{PLAN} one by one\n{STEPS} so {answer}\n{TAKEAWAY} {answer}"


def answers(number: int) -> Iterator[Response]:
    """Problem `number` of 60: levels 1 to 5; the base model solves level 1 and fails the rest; the student is right, with glyphs there."""
    level, gold = number % 5 + 1, number + 7
    easy, wrong = level == 1, gold + 1
    asked = {"base": str(gold if easy else wrong), "student": str(gold) if easy else glyphs(gold), "always": glyphs(gold)}
    asked |= {"never": str(gold if easy else wrong), "forbidden": str(gold)}
    for by, text in asked.items():
        yield response(number, by, text, level, gold)
    for sample in range(4):
        yield response(number, "probe", str(gold if easy else wrong), level, gold, sample=sample)


def response(number: int, by: str, text: str, level: int, gold: int, sample: int = 0) -> Response:
    fixed: dict[str, Any] = {"task": "word_problems", "kind": Kind.NUMBER, "split": "test", "style": "plain", "sampler": "hf", "model": "m"}
    words: dict[str, Any] = {"question": f"What is {number} + 7?", "answer": str(gold), "level": level, "messages": []}
    return Response(
        id=f"w{number}", by=by, sample=sample, text=text, ending=Ending.STOP, tokens=len(text.split()) + number, **fixed, **words
    )


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_text(PARAMS)
    generate([row for number in range(60) for row in answers(number)])
    return tmp_path


def generate(rows: list[Response]) -> None:
    write(Path("data/glyph/generations.jsonl"), rows)


def choose(scores: str, samples: str = "{count: 3}") -> None:
    """Params with other scores, and nothing that names an arm."""
    text = PARAMS.replace(SCORES, f"      scores: {scores}\n      marks: {{glyphs: [{CRUX}]}}\n")
    Path("params.yaml").write_text(text.replace("{count: 20, arms: [base, student], marked: student}", samples))


def outs() -> list[bytes]:
    return [Path(name).read_bytes() for name in OUTS]


def metrics() -> dict[str, Any]:
    def refuse(word: str) -> None:
        raise AssertionError(f"{word} is not JSON")

    found: dict[str, Any] = json.loads(Path("metrics/glyph.json").read_text(), parse_constant=refuse)
    return found


def test_a_student_that_is_selective(project: Path) -> None:
    main("glyph")
    found = metrics()
    assert found["n"] == 60
    assert found["accuracy"] == {"base": 0.2, "student": 1.0, "always": 1.0, "never": 0.2, "forbidden": 1.0}
    assert found["accuracy_level_3_up"] == {"base": 0.0, "student": 1.0, "always": 1.0, "never": 0.0}
    assert (found["selectivity"], found["auroc"], found["f1"], found["structure"], found["leak_rate"]) == (1.0, 1.0, 1.0, 1.0, 0.0)
    assert found["glyph_rate_failure"] == {"0": 0.0, "100": 1.0}
    assert found["tokens"]["student"] == 38.5  # 1 word for 12 answers, 11 for 48, and 29.5 more
    assert found["token_saving"] == 0.0494  # 2 of 40.5
    assert found["difference"] == {"student_base": 0.8, "student_never": 0.8, "student_base_solved": 0.0}


def test_every_number_has_an_interval_around_it(project: Path) -> None:
    main("glyph")
    found = metrics()
    intervals = found.pop("interval")
    del found["n"]

    def walk(values: dict[str, Any], around: dict[str, Any]) -> None:
        assert values.keys() == around.keys()
        for key, value in values.items():
            if isinstance(value, dict):
                walk(value, around[key])
            else:
                assert around[key][0] <= value <= around[key][1]

    walk(found, intervals)


def test_curves_and_samples(project: Path) -> None:
    main("glyph")
    assert Path("metrics/glyph_plots/accuracy.csv").read_text().splitlines()[1:] == [
        "0,0.0,12,1.0,1.0,1.0,1.0",
        "100,1.0,48,0.0,1.0,1.0,0.0",
    ]
    assert Path("metrics/glyph_plots/glyph_rate.csv").read_text().splitlines()[1] == "0,0.0,0.0,0.0,0.2425,12"
    page = Path("metrics/glyph_samples.md").read_text()
    assert page.count("\n## ") == 20
    assert page.count(TAKEAWAY) == 10
    assert "| 1.00 | wrong | right | yes |" in page and "| 0.00 | right | right | no |" in page


def test_the_summary_holds_the_headline_and_the_interval_of_its_first_number(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main("glyph")
    interval = metrics()["interval"]["accuracy_level_3_up"]["student"]
    summary = json.loads(Path("metrics/summary/glyph.json").read_text())
    assert summary == {"n": 60, "student": 1.0, "low": interval[0], "high": interval[1], "base": metrics()["accuracy"]["base"]}
    generate([row for number in range(0, 60, 5) for row in answers(number)])  # level 1 alone
    main("glyph")
    assert json.loads(Path("metrics/summary/glyph.json").read_text()) == {"n": 12, "base": 1.0}
    assert "evaluate: headline.student: no metric accuracy_level_3_up.student on these problems" in capsys.readouterr().err


def test_the_same_bytes_twice(project: Path) -> None:
    main("glyph")
    first = outs()
    main("glyph")
    assert outs() == first


def test_the_seed_is_used(project: Path) -> None:
    main("glyph")
    first = outs()
    Path("params.yaml").write_text(PARAMS.replace("seed: 3", "seed: 4"))
    main("glyph")
    changed = [name for name, before, after in zip(OUTS, first, outs(), strict=True) if before != after]
    assert changed == ["metrics/glyph.json", "metrics/glyph_samples.md"]


def test_the_graded_rows_are_kept_in_order(project: Path) -> None:
    main("glyph")
    rows = list(read(Path("data/glyph/graded.jsonl"), Trace, key=lambda trace: trace.trace_id))
    asked = [row for number in range(60) for row in answers(number)]
    assert [row.trace_id for row in rows] == [row.trace_id for row in asked]
    assert [row.text for row in rows] == [row.text for row in asked]
    right = sum(row.grades["answer"] for row in rows if row.by == "student") / 60
    assert right == metrics()["accuracy"]["student"] and {row.pass_rate for row in rows} == {0.0, 1.0}


def test_what_is_undefined_is_left_out_and_said(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    generate([row for number in range(0, 60, 5) for row in answers(number)])
    main("glyph")
    assert not {"auroc", "f1", "selectivity", "structure"} & metrics().keys()
    assert "undefined on these problems, so left out: glyph_rate.hard, selectivity, auroc, f1, structure" in capsys.readouterr().err


def test_fewer_arms_and_scores(project: Path) -> None:
    choose("{length: {}}")
    generate([row for number in range(60) for row in answers(number) if row.by in ("student", "probe")])
    main("glyph")
    assert metrics().keys() == {"n", "tokens", "ended_stop", "ended_length", "interval"}
    assert "| difficulty | student |\n" in Path("metrics/glyph_samples.md").read_text()


@pytest.mark.parametrize(
    ("scores", "drawn"),
    [
        ("{length: {}}", []),
        ("{accuracy: {}}", ["accuracy"]),
        ("{glyph_use: {}}", ["glyph_rate"]),
        ("{by_task: {}, length: {}}", ["by_task"]),
    ],
)
def test_the_plots_are_those_of_the_scores(project: Path, scores: str, drawn: list[str]) -> None:
    """And none of those that an earlier run wrote."""
    main("glyph")
    choose(scores)
    main("glyph")
    assert sorted(path.name for path in Path("metrics/glyph_plots").iterdir()) == ([f"{name}.csv" for name in drawn] or [".gitkeep"])


def test_hard_below_is_asked_for_only_where_the_base_model_was_probed(project: Path) -> None:
    Path("params.yaml").write_text(PARAMS.replace("      hard_below: 0.5\n", ""))
    with pytest.raises(BadInput, match=r"systems\.glyph\.evaluate\.hard_below: is missing: expected the pass rate of 'probe'"):
        main("glyph")
    assert not any(Path(name).exists() for name in OUTS)
    generate([row for number in range(60) for row in answers(number) if row.by != "probe"])
    main("glyph")
    assert metrics()["accuracy"]["student"] == 1.0 and "selectivity" not in metrics()


def test_validation_answers_are_graded_and_not_scored(project: Path) -> None:
    main("glyph")
    first, graded = outs()[:-1], outs()[-1]
    validation = [row for number in range(60, 70) for row in answers(number) if row.by in ("student", "base")]
    for row in validation:
        row.split = "validation"
    generate([*(row for number in range(60) for row in answers(number)), *validation])
    main("glyph")
    assert outs()[:-1] == first
    assert outs()[-1].startswith(graded) and outs()[-1].count(b'"split":"validation"') == 20


def test_without_probe_there_is_no_curve_over_difficulty(project: Path) -> None:
    generate([row for number in range(60) for row in answers(number) if row.by != "probe"])
    main("glyph")
    assert [path.name for path in Path("metrics/glyph_plots").iterdir()] == [".gitkeep"]  # git keeps no empty folder


def test_a_missing_answer_is_named_and_nothing_is_overwritten(project: Path) -> None:
    main("glyph")
    before = outs()
    generate([row for number in range(60) for row in answers(number) if (row.id, row.by) != ("w33", "never")])
    with pytest.raises(BadInput, match="problem 'w33': no answer of arm 'never'"):
        main("glyph")
    assert outs() == before
    assert list(project.rglob("*.partial")) == []


def test_arms_that_nobody_generated_are_refused_all_at_once_after_two_problems(project: Path) -> None:
    rows = [row for number in range(3) for row in answers(number) if row.by not in ("never", "forbidden", "base")]
    rows[-1].answer = "no number"  # would be refused, were it graded
    generate(rows)
    arms = "choose from: always, student"
    places = [
        ("compare.student_base", "base"),
        ("compare.student_never", "never"),
        ("scores.accuracy", "base"),
        ("scores.accuracy", "never"),
        ("scores.glyph_use", "forbidden"),
        ("samples.arms", "base"),
    ]
    with pytest.raises(BadInput) as refused:
        main("glyph")
    expected = [f"systems.glyph.evaluate.{place}: unknown arm {arm!r}; {arms}" for place, arm in places]
    assert str(refused.value) == f"params.yaml: {'; '.join(expected)}"
    assert not any(Path(name).exists() for name in OUTS)


UNKNOWN = [
    (
        "solved: [student_base]",
        "solved: [base_student]",
        r"scores\.accuracy: unknown comparison 'base_student'.*: student_base, student_never",
    ),
    ("marks: {glyphs:", "marks: {glyf:", r"scores\.glyph_use: unknown column 'glyphs'.*choose from: answer, glyf, glyph_structure"),
    ("arms: [base, student], marked: student", "marked: probe", r"samples\.marked: unknown arm 'probe'.*: always, base, forbidden"),
    ("[student, never]", "[student, probe]", r"compare\.student_never: unknown arm 'probe'"),
]


@pytest.mark.parametrize(("good", "bad", "message"), UNKNOWN)
def test_names_that_do_not_exist_are_refused(project: Path, good: str, bad: str, message: str) -> None:
    assert good in PARAMS
    Path("params.yaml").write_text(PARAMS.replace(good, bad))
    with pytest.raises(BadInput, match=message):
        main("glyph")


@pytest.mark.parametrize("scale", GROUPS["scale"])
def test_every_scale_generates_the_arms_that_evaluate_names(scale: str, composed: Compositions) -> None:
    path = composed(scale=scale)
    for system, sections in entries("systems", path).items():
        arms = [name for name in sections["generate"]["arms"] if name != PROBE]
        check_names(read_params(system, "evaluate", Params, path), arms, system)


FAULTS = [
    ("        accuracy: {", "        acuracy: {", r"scores: unknown score 'acuracy' \(did you mean 'accuracy'\?\)"),
    (
        SCORES,
        "      scores: {}\n",
        "scores: expected a mapping with at least one score of: accuracy, by_task, glyph_use, length, signal_use",
    ),
    ("by_group: [base, student, always, never]", "by_group: []", r"scores\.accuracy\.by_group: .*at least 1"),
    ("saving: [student, always]", "saving: [student]", r"scores\.length\.saving\.1: is missing"),
    ("saving: [student, always]", "saving: [student, 3]", r"scores\.length\.saving\.1: .*valid string"),
    ("[student, never]", "[student, student]", r"compare\.student_never: expected two different arms"),
    ("[student, never]", "[student, never, base]", r"compare\.student_never: .*at most 2"),
    ("student_never: [", "student.never: [", r"compare\.student\.never"),
    (f"[{CRUX}, ", "['', ", r"marks\.glyphs\.0: .*at least 1"),
    ("marks: {glyphs:", "marks: {glyph_structure:", r"marks: expected names that no grader has \(glyph_structure\)"),
    ("arms: [base, student], marked: student", "arms: [base], marked: student", r"samples\.marked: unknown arm 'student'"),
    ("marks: {glyphs: [🜞, 🜆, 🜂, 🜃]}", "marks: {}", "samples: marked: expected null, since `marks` names no set"),
    ("{answer: {}, ", "{", "graders: 'answer' is missing"),
    ("glyph_structure: {}", "glyph_structures: {}", "unknown grader 'glyph_structures'"),
    ("hard_below: 0.5", "hard_below: 0", "hard_below: .*greater than 0"),
    ("hard_below: 0.5", "hard_below: '0.5'", "hard_below: .*valid number"),
    ("count: 20", "count: -1", r"samples\.count: .*greater than or equal to 0"),
    ("headline: {student:", "headline: {low:", "headline: expected other names than n, low and high, which the summary has"),
    ("headline: {student:", "headline: {a.b:", r"headline\.a\.b"),
    ("samples: {count: 20", "sample: {count: 20", "samples: is missing; .*sample: unknown key"),
]


@pytest.mark.parametrize(("good", "bad", "message"), FAULTS)
def test_faulty_params(project: Path, good: str, bad: str, message: str) -> None:
    assert good in PARAMS
    Path("params.yaml").write_text(PARAMS.replace(good, bad))
    with pytest.raises(BadInput, match=message):
        read_params("glyph", "evaluate", Params)


def test_it_starts_without_torch_pandas_or_sklearn() -> None:
    code = "import sys, stages.evaluate; print(sorted({'torch', 'transformers', 'pandas', 'sklearn', 'scipy'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_as_a_stage(project: Path) -> None:
    Path("data/glyph/generations.jsonl").write_text("{}\n")
    done = subprocess.run(
        [sys.executable, "-m", "stages.evaluate", "glyph"], env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "evaluate: data/glyph/generations.jsonl:1: not a Response" in done.stderr.splitlines()[-1]
