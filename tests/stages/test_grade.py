"""From responses to traces, and the stage `grade`."""

import json
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from stages.graders import answer, glyph_structure
from stages.graders.grading.apply import to_traces
from stages.shared.cli import run
from stages.shared.errors import BadInput
from stages.shared.files import read, write
from stages.shared.marks import CRUX, PLAN, STEPS, TAKEAWAY
from stages.shared.rows import Ending, Kind, Response, Trace

from stages import grade

GRADERS = {"answer": answer.Params(), "glyph_structure": glyph_structure.Params()}
GLYPHS = f"{CRUX} q {PLAN} p {STEPS} s {TAKEAWAY} The answer is 5."


def response(problem: str, text: str, by: str = "teacher", sample: int = 0, model: str = "m") -> Response:
    return Response(
        id=problem, task="t", kind=Kind.NUMBER, split="train", question="q", answer="5", level=2, by=by, style="s", messages=[],
        sampler="s", model=model, sample=sample, text=text, ending=Ending.STOP, tokens=3,
    )  # fmt: skip


ROWS = [
    response("p1", GLYPHS),
    response("p1", "5", "probe", 0),
    response("p1", "The answer is 5.", "probe", 1),
    response("p1", "6", "probe", 2),
    response("p1", "none", "probe", 3),
    response("p2", "6", model="other"),
    response("p2", "6", "probe"),
    response("p3", "5"),
]


def test_a_trace_is_its_response_with_grades() -> None:
    traces = list(to_traces(ROWS, GRADERS))
    assert [trace.trace_id for trace in traces] == [row.trace_id for row in ROWS]
    first = traces[0]
    assert (first.pred, first.grades, first.reasons, first.pass_rate) == ("5", {"answer": 1.0, "glyph_structure": 1.0}, {}, 0.5)
    assert (first.text, first.level, first.tokens, first.model) == (GLYPHS, 2, 3, "m")
    assert traces[3].reasons == {"answer": "wrong", "glyph_structure": "no_glyphs"} and traces[3].pred == "6"
    assert traces[4].reasons["answer"] == "no_answer" and traces[4].pred is None


def test_pass_rate_is_the_share_of_right_probes() -> None:
    rates = {trace.id: trace.pass_rate for trace in to_traces(ROWS, GRADERS)}
    assert rates == {"p1": 0.5, "p2": 0.0, "p3": None}


def test_without_the_answer_grader_there_is_no_pred() -> None:
    first = next(to_traces(ROWS, {"glyph_structure": glyph_structure.Params()}))
    assert (first.pred, first.pass_rate, first.grades) == (None, None, {"glyph_structure": 1.0})


def test_a_problem_that_comes_back_is_refused() -> None:
    with pytest.raises(BadInput, match="rows of problem 'p1' are not adjacent"):
        list(to_traces([ROWS[0], ROWS[5], ROWS[1]], GRADERS))


def test_traces_stream() -> None:
    def endless() -> Iterator[Response]:
        number = 0
        while True:
            number += 1
            yield response(f"p{number}", "5")

    assert len(list(islice(to_traces(endless(), GRADERS), 3))) == 3


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text("seed: 0\nsystems: {s: {grade: {graders: {answer: {}, glyph_structure: {}}}}}\n")
    return tmp_path


def test_the_stage_writes_traces_and_metrics(project: Path) -> None:
    write(Path("data/s/responses.jsonl"), ROWS)
    grade.main("s")
    assert list(read(Path("data/s/traces.jsonl"), Trace)) == list(to_traces(ROWS, GRADERS))
    found = json.loads(Path("metrics/s_grade.json").read_text())
    assert found["probe"] == {
        "rows": 5,
        "answer": {"passed": 0.4, "reasons": {"no_answer": 1, "wrong": 2}},
        "glyph_structure": {"passed": 0.0, "reasons": {"no_glyphs": 5}},
    }
    assert found["teacher"]["models"] == {"m": {"rows": 2, "accuracy": 1.0}, "other": {"rows": 1, "accuracy": 0.0}}
    assert found["problems_by_pass_rate"] == {
        "always_fails": 1, "below_half": 0, "half_or_more": 1, "always_passes": 0, "not_measured": 1,
    }  # fmt: skip


def test_styles_and_tasks_are_counted_where_there_are_several(project: Path) -> None:
    rows = [response(f"p{n}", "5" if style == "a" or n else "6") for n in range(2) for style in "ab"]
    for number, row in enumerate(rows):
        row.style, row.task = "ab"[number % 2], f"t{row.id}"
    write(Path("data/s/responses.jsonl"), rows)
    grade.main("s")
    found = json.loads(Path("metrics/s_grade.json").read_text())["teacher"]
    assert found["styles"] == {"a": {"rows": 2, "accuracy": 1.0}, "b": {"rows": 2, "accuracy": 0.5}}
    assert found["tasks"] == {"tp0": {"rows": 2, "accuracy": 0.5}, "tp1": {"rows": 2, "accuracy": 1.0}}
    assert "models" not in found


def test_a_bad_gold_answer_writes_nothing(project: Path) -> None:
    bad = response("p9", "5")
    bad.answer = "five"
    write(Path("data/s/responses.jsonl"), [*ROWS, bad])
    with pytest.raises(BadInput, match="row 'p9/teacher/s/0': the gold answer 'five' is not a valid number"):
        grade.main("s")
    assert [path.name for path in Path("data/s").iterdir()] == ["responses.jsonl"]


def test_a_response_that_stands_twice_is_refused(project: Path) -> None:
    write(Path("data/s/responses.jsonl"), [ROWS[0], ROWS[0]])
    with pytest.raises(BadInput, match=r"responses\.jsonl:2: duplicate id 'p1/teacher/s/0'"):
        grade.main("s")


def test_an_unknown_grader_lists_the_choices(project: Path) -> None:
    Path("params.yaml").write_text("seed: 0\nsystems: {s: {grade: {graders: {anwser: {}, answer: {relative_tolerance: -1}}}}}\n")
    with pytest.raises(BadInput, match=r"did you mean 'answer'\?\); choose from: answer, glyph_structure"):
        grade.main("s")


def explain(monkeypatch: pytest.MonkeyPatch, *args: str) -> int | str | None:
    monkeypatch.setattr(sys, "argv", ["stages/grade.py", "--explain", *args])
    try:
        run(grade.main, {"--explain": grade.explain})
    except SystemExit as ended:
        return ended.code
    return None


def test_explain_tells_the_verdict_and_its_steps(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert explain(monkeypatch, "--kind", "number", "18", "First 17.\nNo: \\boxed{18}") is None
    verdict, *reasons = capsys.readouterr().out.splitlines()
    assert verdict == "right"
    assert reasons[0].split() == ["pred", "18"] and "box" in reasons[1] and reasons[2].split()[0] == "compared"
    steps = reasons[reasons.index("steps") + 1 :]
    assert len(steps) >= 3 and all(step.startswith(f"  {number}. ") for number, step in enumerate(steps, 1))


def test_explain_shows_the_value_that_was_read_and_what_was_not_used(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    explain(monkeypatch, "--kind", "expression", "x + 1", "The answer is $x + 1$ for every x.")
    explain(monkeypatch, "--kind", "number", "18", "The answer is 18 apples (6 bags of 3).")
    out = capsys.readouterr().out
    assert "is read as the expression x + 1" in out and "is read as the number 18" in out
    assert "not used of what stands there: 'apples (6 bags of 3'" in out
    assert "Reading(" not in out and "Number(" not in out


def test_explain_knows_choices_endings_and_the_params_of_a_system(project: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    explain(monkeypatch, "--kind", "choice", "B", "It is cat.\nAnswer: dog", "--choices", "cat", "dog")
    explain(monkeypatch, "--kind", "number", "42", "#### 4", "--ending", "length")
    Path("params.yaml").write_text("seed: 0\nsystems: {s: {grade: {graders: {answer: {relative_tolerance: 0.01}}}}}\n")
    explain(monkeypatch, "--kind", "number", "3.14159", "The answer is 3.14", "--system", "s")
    verdicts = [line for line in capsys.readouterr().out.splitlines() if line and not line.startswith((" ", "steps"))]
    assert verdicts == ["right", "no_answer", "right"]


def test_explain_says_what_is_wrong_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    said = explain(monkeypatch, "--kind", "number", "five", "5")
    assert isinstance(said, str) and said.startswith("grade: ") and "the gold answer 'five' is not a valid number" in said
