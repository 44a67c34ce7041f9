"""The filter: every row is kept, or dropped under its first failing rule."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stages.filter import Rules, Tally, fault, with_reasons
from stages.shared.errors import BadInput
from stages.shared.files import read, write
from stages.shared.rows import Ending, Kind, Trace

from stages import filter as stage


def trace(problem: str = "p1", sample: int = 0, by: str = "teacher", **changes: Any) -> Trace:
    fields: dict[str, Any] = {
        "task": "t", "kind": Kind.NUMBER, "split": "train", "question": "q", "answer": "5", "style": "s", "messages": [], "sampler": "s",
        "model": "m", "text": "The answer is 5.", "ending": Ending.STOP, "tokens": 0, "pred": "5",
        "grades": {"answer": 1.0, "glyph_structure": 1.0}, "reasons": {}, "level": 1,
    }  # fmt: skip
    return Trace(id=problem, sample=sample, by=by, **(fields | changes))


RULES = Rules.model_validate(
    {"endings": ["stop"], "characters": {"min": 3, "max": 40}, "grades": {"glyph_structure": 1.0, "answer": 0.5}, "per_problem": 2}
)
WRONG: dict[str, Any] = {"grades": {"answer": 0.0, "glyph_structure": 1.0}, "reasons": {"answer": "wrong"}}
BROKEN: dict[str, Any] = {
    "grades": {"answer": 0.0, "glyph_structure": 0.0},
    "reasons": {"answer": "wrong", "glyph_structure": "missing_plan"},
}

FAULTS: list[tuple[dict[str, Any], str]] = [
    ({}, ""),
    ({"ending": Ending.LENGTH}, "ending:length"),
    ({"text": "5"}, "too_short"),
    ({"text": "5" * 41}, "too_long"),
    ({"text": "5" * 40}, ""),
    (WRONG, "answer:wrong"),
    (BROKEN, "glyph_structure:missing_plan"),  # the order of `grades` decides
    (BROKEN | {"text": "5"}, "too_short"),
    (BROKEN | {"text": "5", "ending": Ending.LENGTH}, "ending:length"),
    ({"grades": {"answer": 0.5, "glyph_structure": 1.0}, "reasons": {"answer": "partly"}}, ""),
]


@pytest.mark.parametrize(("changes", "reason"), FAULTS)
def test_the_first_failing_rule_is_the_reason(changes: dict[str, Any], reason: str) -> None:
    assert fault(trace(**changes), RULES) == reason


STYLES = [
    ({}, ["plain"], ""),
    ({}, ["glyph"], "style:plain"),
    ({}, None, ""),
    (BROKEN | {"ending": Ending.LENGTH}, ["glyph"], "style:plain"),
]


@pytest.mark.parametrize(("changes", "styles", "reason"), STYLES)
def test_styles_that_are_not_asked_for_go_first(changes: dict[str, Any], styles: list[str] | None, reason: str) -> None:
    assert fault(trace(style="plain", **changes), Rules(styles=styles)) == reason


def test_several_styles_are_counted_one_by_one_and_the_limit_is_for_all_of_them() -> None:
    """Six of a problem, in the order of the prompts; a style that is left out takes nobody's place."""
    styles = ["glyph", "plain", "no_symbols", "judge_reasoning"]
    rows = [trace(f"p{n}", style=style, **(WRONG if style == "judge_reasoning" else {})) for n in range(3) for style in styles]
    rules = {"teacher": Rules(styles=["plain", "no_symbols", "judge_reasoning"], grades={"answer": 1.0})}
    tally = Tally(rules)
    for row, reason in with_reasons(rows, rules):
        tally.count(row, reason)
    found = tally.metrics()["teacher"]
    assert found["dropped"] == {"answer:wrong": 3, "style:glyph": 3}
    assert found["kept_share_by_style"] == {"glyph": 0.0, "judge_reasoning": 0.0, "no_symbols": 1.0, "plain": 1.0}
    limited = {"teacher": Rules(styles=["plain", "no_symbols"], per_problem=1)}
    assert [row.style for row, reason in with_reasons(rows, limited) if not reason] == ["plain"] * 3


def test_no_rules_keep_whatever_stopped() -> None:
    assert fault(trace(**BROKEN), Rules()) == ""


def test_a_grade_that_was_not_given_is_an_error() -> None:
    with pytest.raises(BadInput, match="was not graded by 'answer'; it has the grades: glyph_structure"):
        fault(trace(grades={"glyph_structure": 1.0}), RULES)


def test_at_most_k_per_problem_and_answerer_by_sample() -> None:
    rows = [trace(sample=2), trace(sample=0, **WRONG), trace(sample=3), trace(sample=1), trace(by="probe", sample=0), trace("p2", sample=9)]
    found = [(row.trace_id, reason) for row, reason in with_reasons(rows, {"teacher": RULES, "probe": RULES})]
    assert found == [
        ("p1/teacher/s/2", ""),
        ("p1/teacher/s/0", "answer:wrong"),
        ("p1/teacher/s/3", "surplus"),
        ("p1/teacher/s/1", ""),
        ("p1/probe/s/0", ""),
        ("p2/teacher/s/9", ""),
    ]


def test_an_answerer_without_rules_is_an_error() -> None:
    with pytest.raises(BadInput, match="no rules for by 'probe'; there are rules for: teacher"):
        list(with_reasons([trace(), trace(by="probe")], {"teacher": RULES}))


@given(st.lists(st.tuples(st.integers(1, 3), st.sampled_from(["teacher", "probe"]), st.sampled_from(FAULTS)), max_size=30))
def test_kept_and_dropped_make_all(drawn: list[tuple[int, str, tuple[dict[str, Any], str]]]) -> None:
    rows = [
        trace(f"p{problem}", place, by, **changes) for place, (problem, by, (changes, _)) in enumerate(sorted(drawn, key=lambda d: d[0]))
    ]
    rules = {"teacher": RULES, "probe": Rules(per_problem=1)}
    tally = Tally(rules)
    found = list(with_reasons(rows, rules))
    for row, reason in found:
        tally.count(row, reason)
    assert [row for row, _ in found] == rows
    for by, counts in tally.metrics().items():
        assert counts["kept"] + sum(counts["dropped"].values()) == counts["rows"] == sum(row.by == by for row in rows)
    kept = Counter((row.id, row.by) for row, reason in found if not reason)
    assert all(count <= (rules[by].per_problem or 0) for (_, by), count in kept.items())


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    params("{teacher: {grades: {answer: 1.0, glyph_structure: 1.0}}, probe: {grades: {answer: 1.0}, per_problem: 1}}")
    return tmp_path


def params(rules: str) -> None:
    Path("params.yaml").write_text(f"seed: 0\nsystems: {{s: {{filter: {{rules: {rules}}}}}}}\n")


def test_the_stage_lists_what_it_drops(project: Path) -> None:
    rows = [
        trace(),
        trace(by="probe"),
        trace(by="probe", sample=1),
        trace("p2", **WRONG, level=4, style="other"),
        trace("p3", level=None, model="n"),
    ]
    write(Path("data/s/judged.jsonl"), rows)
    stage.main("s")
    assert [row.trace_id for row in read(Path("data/s/kept.jsonl"), Trace)] == ["p1/teacher/s/0", "p1/probe/s/0", "p3/teacher/s/0"]
    dropped = [json.loads(line) for line in Path("data/s/dropped.jsonl").read_text().splitlines()]
    assert [(row["trace"], row["reason"]) for row in dropped] == [("p1/probe/s/1", "surplus"), ("p2/teacher/other/0", "answer:wrong")]
    assert dropped[1] | {"trace": ""} == {
        "trace": "", "by": "teacher", "reason": "answer:wrong", "answer": "5", "pred": "5", "question": "q", "text": "The answer is 5.",
    }  # fmt: skip
    assert json.loads(Path("metrics/s_filter.json").read_text()) == {
        "probe": {
            "rows": 2, "kept": 1, "dropped": {"surplus": 1},
            "kept_share_by_level": {"1": 0.5}, "kept_share_by_style": {"s": 0.5}, "kept_share_by_model": {"m": 0.5},
        },
        "teacher": {
            "rows": 3, "kept": 2, "dropped": {"answer:wrong": 1},
            "kept_share_by_level": {"1": 1.0, "4": 0.0, "none": 1.0},
            "kept_share_by_style": {"other": 0.0, "s": 1.0}, "kept_share_by_model": {"m": 0.5, "n": 1.0},
        },
    }  # fmt: skip


def test_when_nothing_is_left_it_says_why_and_overwrites_nothing(project: Path) -> None:
    Path("data/s").mkdir(parents=True)
    Path("data/s/kept.jsonl").write_text("old")
    write(Path("data/s/judged.jsonl"), [trace(**WRONG), trace("p2", **BROKEN), trace("p2", by="probe", ending=Ending.LENGTH)])
    with pytest.raises(BadInput, match="all rows were filtered out: probe ending:length 1, teacher answer:wrong 2"):
        stage.main("s")
    assert Path("data/s/kept.jsonl").read_text() == "old"
    assert sorted(path.name for path in Path("data/s").iterdir()) == ["judged.jsonl", "kept.jsonl"]


def test_faults_in_the_rules_come_all_at_once(project: Path) -> None:
    params("{teacher: {styles: [pliain], grades: {anwser: 1.0}, per_problem: 0, characters: {min: 5, max: 4}, endings: [halt], max: 3}}")
    with pytest.raises(BadInput) as caught:
        stage.main("s")
    for part in (
        "did you mean 'answer'?",
        "unknown style 'pliain' (did you mean 'plain'?)",
        "per_problem",
        "max must not be below min (5)",
        "endings.0",
        "max: unknown key",
    ):
        assert part in str(caught.value)
    assert "\n" not in str(caught.value)
