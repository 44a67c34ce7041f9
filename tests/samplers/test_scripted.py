"""The offline teacher: what it writes, and that its faults are what it says they are."""

import random
from collections import Counter
from itertools import islice
from math import sqrt
from typing import Any

import pytest
from pydantic import ValidationError
from stages.graders import Grade, grader
from stages.samplers import Answer
from stages.samplers.ask import ask
from stages.samplers.script.mistakes import near
from stages.samplers.scripted import Params, answer
from stages.shared.errors import BadInput
from stages.shared.marks import GLYPHS, marks_in
from stages.shared.rows import Ending, Kind, Problem, Prompt
from stages.styles.prompting.prompts import prompts

NONE: dict[str, float] = {}
TOM = "Tom has 7 apples. He buys 5 more. Ann takes 3 of them. How many apples does Tom have now?"


def problem(number: int = 0, solution: str | None = "7 + 5 = 12\n12 - 3 = 9", gold: str = "9", **more: object) -> Problem:
    fields = {"task": "t", "kind": Kind.NUMBER, "split": "train", "question": TOM} | more
    return Problem(id=f"p{number}", answer=gold, solution=solution, **fields)  # type: ignore[arg-type]


def asked(row: Problem, style: str = "glyph") -> Prompt:
    return next(prompts([row], {"teacher": style}))


def teacher(rates: dict[str, Any]) -> Params:
    return Params.model_validate({"sampler": "scripted", **rates})


def one(row: Problem, style: str = "glyph", rates: dict[str, Any] = NONE) -> Answer:
    return next(answer([asked(row, style)], teacher(rates), 0))[0]


def test_a_worked_problem_becomes_four_short_lines() -> None:
    text = "🜞 How many apples does Tom have now?\n🜆 7 + 5 - 3\n🜂 7 + 5 = 12; 12 - 3 = 9\n🜃 The answer is 9."
    assert one(problem()) == Answer(text, Ending.STOP, 30, "scripted")
    assert one(problem(), "plain") == Answer("The answer is 9.", Ending.STOP, 4, "scripted")


def test_a_data_sets_own_words_are_recited() -> None:
    row = problem(solution="Let me see.\n\nIt is nine!", kind=Kind.OPEN)
    for style in ("plain", "glyph", "signal_request"):
        given = next(answer([asked(row, style)], teacher({"recite": True, "n": 2}), 0))
        assert given == [Answer("Let me see.\n\nIt is nine!", Ending.STOP, 6, "scripted")] * 2
    with pytest.raises(ValidationError, match="recite: what is given word for word has no faults"):
        teacher({"recite": True, "wrong": 0.1})
    with pytest.raises(BadInput, match="has no solution"):
        next(answer([asked(problem(solution=None))], teacher({"recite": True}), 0))


@pytest.mark.parametrize(
    ("solution", "plan"),
    [
        ("7 + 5 = 12", "7 + 5"),
        ("7 + 5 = 12\n12 * 3 = 36\n36 / 4 = 9", "(7 + 5) * 3 / 4"),
        ("7 + 5 = 12\n20 - 12 = 8", "20 - (7 + 5)"),
        ("7 + 5 = 12\n1 + 1 = 2", "2 steps"),
        ("He has 7 + 5 = <<7+5=12>>12 apples.\n\nThen 9.\n#### 9", "2 steps"),
        ("It is 9.", "1 step"),
    ],
)
def test_the_plan_is_the_chain_of_operations_or_the_number_of_steps(solution: str, plan: str) -> None:
    assert one(problem(solution=solution)).text.splitlines()[1] == f"🜆 {plan}"


def test_free_steps_keep_their_lines_and_lose_the_calculator_notes() -> None:
    text = one(problem(solution="He has 7 + 5 = <<7+5=12>>12 apples.\n\nThen 12 - 3 = 9.\n#### 9")).text
    assert "\n🜂 He has 7 + 5 = 12 apples.\nThen 12 - 3 = 9.\n🜃" in text


@pytest.mark.parametrize(
    ("question", "crux"),
    [
        ("Mr. Hall has 3.5 pounds.  How much does Mrs. Hall\nhave?", "How much does Mrs. Hall have?"),
        ("Find $x$.\n\n[asy]\ndraw((0,0)--(1,1)). label(x);\n[/asy]", "Find $x$."),
        ("no end", "no end"),
    ],
)
def test_the_crux_is_the_last_sentence(question: str, crux: str) -> None:
    assert one(problem(question=question)).text.splitlines()[0] == f"🜞 {crux}"


def test_an_expression_is_boxed() -> None:
    row = problem(
        kind=Kind.EXPRESSION, gold="\\frac{1}{2}", solution="So it is $\\boxed{\\frac{1}{2}}$.\nCheck: half of $x$ is $\\frac{1}{2} x$."
    )
    assert one(row).text.endswith("🜃 The answer is \\boxed{\\frac{1}{2}}.")
    assert "\\boxed{\\frac{1}{2}}" not in one(row, rates={"wrong": 1.0}).text


def verdict(name: str, row: Problem, style: str, rates: dict[str, float]) -> Grade:
    (response,) = ask(lambda: [asked(row, style)], {"teacher": teacher(rates)}, 0)
    return grader(name).grade(response, grader(name).Params())


@pytest.mark.parametrize(
    ("fault", "right", "reason"),
    [("", True, ""), ("wrong", False, ""), ("missing", None, "missing_"), ("misordered", None, "out_of_order")],
)
def test_each_fault_is_what_the_graders_call_it(fault: str, right: bool | None, reason: str) -> None:
    rates = {fault: 1.0} if fault else {}
    for number in range(100):
        structure = verdict("glyph_structure", problem(number), "glyph", rates)
        assert (structure.score == 1, structure.reason[: len(reason)]) == (not reason, reason), structure
        if right is not None:
            assert (verdict("answer", problem(number), "glyph", rates).score == 1) == right
            assert (verdict("answer", problem(number), "plain", rates).score == 1) == right


@pytest.mark.parametrize("style", ["glyph", "plain"])
def test_a_truncated_answer_stops_somewhere_before_the_final_answer(style: str) -> None:
    whole = one(problem(), style).text
    cut = {one(problem(number), style, {"truncated": 1.0}).text for number in range(300)}
    assert len(cut) > 10
    assert all(whole.startswith(text) and 0 < len(text) < len(whole) - len(" 9.") + 1 for text in cut)


def test_a_truncated_answer_is_neither_sound_nor_right() -> None:
    for number in range(100):
        assert verdict("glyph_structure", problem(number), "glyph", {"truncated": 1.0}).score < 1
        assert verdict("answer", problem(number), "plain", {"truncated": 1.0}).score < 1


@pytest.mark.parametrize("fault", ["missing", "misordered"])
def test_glyph_faults_move_glyphs_only(fault: str) -> None:
    seen = Counter(tuple(marks_in(one(problem(number), rates={fault: 1.0}).text, GLYPHS.values())) for number in range(300))
    whole = tuple(GLYPHS.values())
    assert whole not in seen
    assert {len(marks) for marks in seen} == ({3} if fault == "missing" else {4})
    assert len(seen) == (4 if fault == "missing" else 6)  # each section is left out, each pair swapped, at some time
    assert one(problem(), "plain", {fault: 1.0}).text == "The answer is 9."


def test_rates_are_met() -> None:
    rates = {"wrong": 0.1, "truncated": 0.05, "missing": 0.2, "misordered": 0.02}
    found, n = Counter(fault_of(one(problem(number), rates=rates)) for number in range(4000)), 4000
    for fault, rate in {**rates, "": 0.63}.items():
        assert abs(found[fault] - n * rate) < 4 * sqrt(n * rate * (1 - rate)), (fault, found)


def fault_of(given: Answer) -> str:
    if given.ending is Ending.LENGTH:
        return "truncated"
    marks = marks_in(given.text, GLYPHS.values())
    if len(marks) < 4:
        return "missing"
    if marks != list(GLYPHS.values()):
        return "misordered"
    return "" if given.text.endswith("12 - 3 = 9\n🜃 The answer is 9.") else "wrong"


def test_a_wrong_answer_errs_in_the_last_step_too() -> None:
    for number in range(50):
        text = one(problem(number), rates={"wrong": 1.0}).text
        said = text.removesuffix(".").rsplit(" ", 1)[1]
        assert said != "9"
        assert f"🜂 7 + 5 = 12; 12 - 3 = {said}\n" in text
        assert 0 < abs(int(said) - 9) <= 3


def test_a_row_depends_on_neither_order_nor_neighbours() -> None:
    params = Params(sampler="scripted", n=3, wrong=0.3, truncated=0.3, missing=0.2, misordered=0.2)
    rows = [asked(problem(number)) for number in range(60)]
    forward = dict(zip([row.id for row in rows], answer(rows, params, 7), strict=True))
    backward = dict(zip([row.id for row in reversed(rows)], answer(reversed(rows), params, 7), strict=True))
    assert forward == backward
    assert all(len(answers) == 3 for answers in forward.values())
    assert forward != dict(zip([row.id for row in rows], answer(rows, params, 8), strict=True))
    assert any(len({given.text for given in answers}) > 1 for answers in forward.values())  # samples err apart


@pytest.mark.parametrize(
    ("gold", "kind", "choices", "allowed"),
    [
        ("9", Kind.NUMBER, None, {"6", "7", "8", "10", "11", "12"}),
        ("0", Kind.NUMBER, None, {"1", "2", "3"}),
        ("1,000", Kind.NUMBER, None, {"997", "998", "999", "1,001", "1,002", "1,003"}),
        ("2.50", Kind.NUMBER, None, {"1.50", "3.50", "4.50", "5.50"}),
        ("\\frac{1}{2}", Kind.EXPRESSION, None, {f"\\frac{{1}}{{{n}}}" for n in (1, 3, 4, 5)}),
        ("x", Kind.EXPRESSION, None, {"x + 1"}),
        ("B", Kind.CHOICE, ["one", "two", "three"], {"A", "C"}),
        ("B", Kind.CHOICE, ["one", "two", "three", "two"], {"A", "C"}),  # an option that stands twice
        ("two", Kind.LABEL, ["one", "two", "three"], {"one", "three"}),
        ("Yes", Kind.YES_NO, None, {"no"}),
        ("neutral", Kind.NLI, None, {"entailment", "contradiction"}),
    ],
)
def test_a_near_answer_is_plausible_and_never_right(gold: str, kind: Kind, choices: list[str] | None, allowed: set[str]) -> None:
    row = problem(gold=gold, kind=kind, choices=choices)
    assert {near(row, random.Random(seed)) for seed in range(200)} == allowed


@pytest.mark.parametrize("solution", [None, " \n"])
def test_a_problem_without_a_solution_is_named(solution: str | None) -> None:
    with pytest.raises(BadInput, match="problem 'p5' of task 't' has no solution"):
        one(problem(5, solution=solution))


def test_a_style_it_cannot_write_lists_those_it_can() -> None:
    prompt = asked(problem())
    prompt.style = "sonnet"
    with pytest.raises(BadInput, match=r"unknown style 'sonnet'; choose from: backward, .*glyph, no_symbols, plain"):
        next(answer([prompt], Params(sampler="scripted"), 0))


@pytest.mark.parametrize(
    "values",
    [{"wrong": 1.1}, {"missing": -0.1}, {"n": 0}, {"wrong": "0.1"}, {"n": True}, {"wrogn": 0.1}, {"wrong": 0.6, "missing": 0.5}],
)
def test_impossible_params_are_refused(values: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Params.model_validate({"sampler": "scripted", **values})
    assert Params(sampler="scripted", wrong=0.6, missing=0.4).n == 1


def test_a_teacher_that_errs_on_one_label() -> None:
    """`wrong_of` is in place of `wrong` for problems with that gold answer, and for no others."""
    rates: dict[str, Any] = {"wrong": 0.1, "wrong_of": {"9": 0.6}}
    for gold, rate in (("9", 0.6), ("8", 0.1)):
        rows = [problem(number, "7 + 5 = 12\n12 - 4 = 8", gold) for number in range(400)]
        share = sum(f"The answer is {gold}." not in one(row, "plain", rates).text for row in rows) / len(rows)
        assert abs(share - rate) < 4 * sqrt(rate * (1 - rate) / len(rows))


def test_a_label_that_no_problem_has_is_refused_at_the_end() -> None:
    rows = [asked(problem(number, "7 + 5 = 12\n12 - 4 = 8", "8")) for number in range(3)]
    drawn = answer(rows, teacher({"wrong_of": {"8": 0.5, "deni": 0.5}}), 0)
    assert len(list(islice(drawn, 3))) == 3
    with pytest.raises(BadInput, match="wrong_of: no problem has the gold answer 'deni'"):
        next(drawn)


@pytest.mark.parametrize(
    ("rates", "told"),
    [
        ({"truncated": 0.5, "wrong_of": {"deny": 0.6}}, "must sum to at most 1"),
        ({"wrong_of": {"deny": 1.5}}, "less than or equal to 1"),
        ({"recite": True, "wrong_of": {"deny": 0.5}}, "recite: what is given word for word has no faults"),
    ],
)
def test_rates_of_a_label_that_cannot_be(rates: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        teacher(rates)
