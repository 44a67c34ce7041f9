"""Rewards: weighted sums of grades, and macro-F1."""

from typing import Any

import pytest
from sklearn.metrics import f1_score
from stages.graders.grading.rewards import Params, Worth, difficulty, macro_f1, worth
from stages.shared.rows import Ending, Kind, Response

BASE: dict[str, Any] = {"graders": {"answer": {}}, "weights": {"answer": 1.0}}


def response(text: str, tokens: int = 10) -> Response:
    given: dict[str, Any] = {"by": "practice", "style": "plain", "messages": [], "sampler": "", "model": "", "sample": 0}
    return Response(
        id="p", task="t", kind=Kind.NUMBER, split="train", question="q", answer="7", text=text, ending=Ending.STOP, tokens=tokens, **given
    )


RIGHT, WRONG, SILENT = "The answer is 7.", "The answer is 8.", "I like figs."


@pytest.mark.parametrize(
    ("text", "tokens", "changed", "terms"),
    [
        (RIGHT, 10, {}, {"answer": 1.0, "parsed": 0.0}),
        (WRONG, 10, {}, {"answer": 0.0, "parsed": 0.0}),
        (RIGHT, 10, {"parsed": 0.2}, {"answer": 1.0, "parsed": 0.2}),
        (WRONG, 10, {"parsed": 0.2}, {"answer": 0.0, "parsed": 0.2}),
        (SILENT, 10, {"parsed": 0.2}, {"answer": 0.0, "parsed": 0.0}),
        (RIGHT, 10, {"length": {"weight": 0.5, "tokens": 40}}, {"answer": 1.0, "parsed": 0.0, "length": 0.375}),
        (RIGHT, 50, {"length": {"weight": 0.5, "tokens": 40}}, {"answer": 1.0, "parsed": 0.0, "length": 0.0}),
        (WRONG, 10, {"length": {"weight": 0.5, "tokens": 40}}, {"answer": 0.0, "parsed": 0.0, "length": 0.0}),
        (
            RIGHT,
            10,
            {"graders": {"answer": {}, "glyph_structure": {}}, "weights": {"answer": 2.0, "glyph_structure": 1.0}},
            {"answer": 2.0, "glyph_structure": 0.0, "parsed": 0.0},
        ),
    ],
)
def test_a_reward_is_a_sum_of_its_terms(text: str, tokens: int, changed: dict[str, Any], terms: dict[str, float]) -> None:
    result = worth(response(text, tokens), Params(**BASE | changed))
    assert result.terms == pytest.approx(terms)
    assert result.total == pytest.approx(sum(terms.values()))
    assert (result.right, result.pred) == (text == RIGHT, {RIGHT: "7", WRONG: "8", SILENT: None}[text])


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"graders": {"glyph_structure": {}}, "weights": {"glyph_structure": 1.0}}, "graders: 'answer' is missing"),
        ({"weights": {"cites": 1.0}}, "weights: cites: no such grader among graders"),
        ({"weights": {"answer": 0.0}}, "no grader has a weight"),
        ({"weights": {"answer": -1.0}}, "weights: answer: expected 0 or more"),
        ({"parsed": -0.1}, "greater than or equal to 0"),
        ({"length": {"weight": 0.1}}, "tokens"),
    ],
)
def test_faults_in_params_are_told(changed: dict[str, Any], fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        Params(**BASE | changed)


def label(gold: str, pred: str | None) -> Worth:
    return Worth(0.0, {}, pred is not None and pred.lower() == gold, pred)


@pytest.mark.parametrize(
    "pairs",
    [
        [("spam", "spam"), ("ham", "ham")],
        [("spam", "ham"), ("ham", "ham"), ("spam", "Spam"), ("ham", "spam")],
        [("spam", "ham"), ("spam", "ham"), ("ham", "ham")],
        [("spam", "spam"), ("spam", "spam"), ("ham", "ham"), ("ham", "ham"), ("ham", "spam"), ("spam", "ham"), ("ham", "ham")],
    ],
)
def test_macro_f1_is_that_of_scikit_learn(pairs: list[tuple[str, str]]) -> None:
    golds, preds = zip(*pairs, strict=True)
    expected = f1_score(golds, [pred.lower() for pred in preds], average="macro", labels=sorted(set(golds)), zero_division=0)
    assert macro_f1(golds, [label(*pair) for pair in pairs]) == pytest.approx(expected)


def test_an_answer_without_a_label_is_one_that_was_missed() -> None:
    assert macro_f1(["spam", "ham"], [label("spam", None), label("ham", "ham")]) == pytest.approx(0.5)
    assert macro_f1(["spam", "ham"], [label("spam", "eggs"), label("ham", "ham")]) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("pass_rate", "teacher", "expected"),
    [(0.25, [{"answer": 1.0}], 0.25), (None, [{"answer": 1.0}, {"answer": 0.0}], 0.5), (None, [], None), (0.0, [], 0.0)],
)
def test_difficulty_is_the_base_models_or_else_the_teachers(
    pass_rate: float | None, teacher: list[dict[str, float]], expected: Any
) -> None:
    assert difficulty(pass_rate, teacher) == expected
