"""`stages.evaluate` from generations to metrics, curves and samples, with the real graders."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from stages.evaluate import Params, main
from stages.shared.errors import BadInput
from stages.shared.marks import CRUX, PLAN, STEPS, TAKEAWAY
from stages.shared.params import read as read_params
from stages.shared.rows import Ending, Kind, Response, write

PARAMS = """\
seed: 3
systems:
  glyph:
    evaluate:
      graders: {answer: {}, glyph_structure: {}}
      scores: [accuracy, glyph_use, length]
      hard_below: 0.5
      samples: 20
"""
OUTS = ["glyph.json", "glyph_plots/glyph_rate.csv", "glyph_plots/accuracy.csv", "glyph_samples.md"]
ROOT = Path(__file__).resolve().parents[2]


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
    assert found["difference"]["student_base_solved"] == 0.0


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


def test_the_same_bytes_twice(project: Path) -> None:
    main("glyph")
    first = [Path("metrics", name).read_bytes() for name in OUTS]
    main("glyph")
    assert [Path("metrics", name).read_bytes() for name in OUTS] == first


def test_the_seed_is_used(project: Path) -> None:
    main("glyph")
    first = [Path("metrics", name).read_bytes() for name in OUTS]
    Path("params.yaml").write_text(PARAMS.replace("seed: 3", "seed: 4"))
    main("glyph")
    changed = [name for name, before in zip(OUTS, first, strict=True) if Path("metrics", name).read_bytes() != before]
    assert changed == ["glyph.json", "glyph_samples.md"]


def test_what_is_undefined_is_left_out_and_said(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    generate([row for number in range(0, 60, 5) for row in answers(number)])
    main("glyph")
    assert not {"auroc", "f1", "selectivity", "structure"} & metrics().keys()
    assert "undefined on these problems, so left out: glyph_rate.hard, selectivity, auroc, f1, structure" in capsys.readouterr().err


def test_fewer_arms_and_scores(project: Path) -> None:
    Path("params.yaml").write_text(PARAMS.replace("[accuracy, glyph_use, length]", "[length]"))
    generate([row for number in range(60) for row in answers(number) if row.by in ("student", "probe")])
    main("glyph")
    assert metrics().keys() == {"n", "tokens", "ended_stop", "ended_length", "interval"}


@pytest.mark.parametrize(
    ("scores", "drawn"), [("length", []), ("accuracy", ["accuracy"]), ("glyph_use", ["glyph_rate"]), ("by_task, length", ["by_task"])]
)
def test_the_plots_are_those_of_the_scores(project: Path, scores: str, drawn: list[str]) -> None:
    """And none of those that an earlier run wrote."""
    main("glyph")
    Path("params.yaml").write_text(PARAMS.replace("[accuracy, glyph_use, length]", f"[{scores}]"))
    main("glyph")
    assert sorted(path.name for path in Path("metrics/glyph_plots").iterdir()) == [f"{name}.csv" for name in drawn]


def test_without_probe_there_is_no_curve_over_difficulty(project: Path) -> None:
    generate([row for number in range(60) for row in answers(number) if row.by != "probe"])
    main("glyph")
    assert list(Path("metrics/glyph_plots").iterdir()) == []


def test_a_missing_answer_is_named_and_nothing_is_overwritten(project: Path) -> None:
    main("glyph")
    before = [Path("metrics", name).read_bytes() for name in OUTS]
    generate([row for number in range(60) for row in answers(number) if (row.id, row.by) != ("w33", "never")])
    with pytest.raises(BadInput, match="problem 'w33': no answer of arm 'never'"):
        main("glyph")
    assert [Path("metrics", name).read_bytes() for name in OUTS] == before


FAULTS = [
    ("scores: [accuracy,", "scores: [acuracy,", r"scores\.0: unknown score 'acuracy' \(did you mean 'accuracy'\?\)"),
    ("scores: [accuracy, glyph_use, length]", "scores: []", "scores: "),
    ("{answer: {}, ", "{", "graders: 'answer' is missing"),
    ("glyph_structure: {}", "glyph_structures: {}", "unknown grader 'glyph_structures'"),
    ("hard_below: 0.5", "hard_below: 0", "hard_below: .*greater than 0"),
    ("hard_below: 0.5", "hard_below: '0.5'", "hard_below: .*valid number"),
    ("samples: 20", "samples: -1", "samples: .*greater than or equal to 0"),
    ("samples: 20", "sample: 20", "samples: is missing; .*sample: unknown key"),
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
