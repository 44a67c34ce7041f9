"""The structure grader: one reason for each way in which a glyph answer can be wrong."""

import pytest
from stages.graders import Grade
from stages.graders.glyph_structure import Params, grade
from stages.shared.marks import CRUX, PLAN, STEPS, TAKEAWAY
from stages.shared.rows import Ending, Kind, Response

C, P, S, T = f"{CRUX} What is asked?", f"{PLAN} Add.", f"{STEPS} 7 + 5 = 12", f"{TAKEAWAY} The answer is 12."

CASES = [
    (f"{C}\n{P}\n{S}\n{T}", ""),
    (f"\n  {C} {P} {S} {T}\n", ""),
    (f"<think>hm {CRUX}</think>{C}{P}{S}{T}", ""),
    (f"{C}{P}{S}{TAKEAWAY} \\boxed{{12}}", ""),
    (f"{C}{P}{S}{TAKEAWAY} The answer is 13.", ""),  # wrong, but well built
    ("", "no_glyphs"),
    ("7 + 5 = 12", "no_glyphs"),
    (f"{P}{S}{T}", "missing_crux"),
    (f"{C}{S}{T}", "missing_plan"),
    (f"{C}{P}{T}", "missing_steps"),
    (f"{C}{P}{S}", "missing_takeaway"),
    (f"{S}{C}{T}", "missing_plan"),  # missing before out of order
    (f"{C}{C}{P}{S}{T}", "repeated_crux"),
    (f"{C}{P}{P}{S}{T}", "repeated_plan"),
    (f"{C}{P}{S}{S}{T}", "repeated_steps"),
    (f"{C}{P}{S}{T}{T}", "repeated_takeaway"),
    (f"{P}{C}{S}{T}", "out_of_order"),
    (f"{C}{P}{T}{S}", "out_of_order"),
    (f"Sure! {C}{P}{S}{T}", "text_before"),
    (f"{CRUX}{P}{S}{T}", "empty_crux"),
    (f"{C}{PLAN} \n{S}{T}", "empty_plan"),
    (f"{C}{P}{STEPS}{T}", "empty_steps"),
    (f"{C}{P}{S}{TAKEAWAY} ", "empty_takeaway"),
    (f"{C}{P}{S}{TAKEAWAY} That is it.", "no_final_answer"),
]


def response(text: str, ending: Ending = Ending.STOP) -> Response:
    return Response(
        id="p1", task="t", kind=Kind.NUMBER, split="train", question="q", answer="12", by="teacher", style="glyph", messages=[],
        sampler="s", model="m", sample=0, text=text, ending=ending, tokens=0,
    )  # fmt: skip


@pytest.mark.parametrize(("text", "reason"), CASES)
def test_structure(text: str, reason: str) -> None:
    assert grade(response(text), Params()) == Grade(0.0 if reason else 1.0, reason)


def test_an_answer_cut_off_in_the_takeaway_is_no_final_answer() -> None:
    assert grade(response(f"{C}{P}{S}{TAKEAWAY} The answer is 1", Ending.LENGTH), Params()).reason == "no_final_answer"
    assert grade(response(f"{C}{P}{S}{T}", Ending.LENGTH), Params()).score == 1
