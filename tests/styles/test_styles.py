"""The full text of every style, and the rows that carry it."""

from pathlib import Path

import pytest
from msgspec import structs
from stages.shared.errors import BadInput
from stages.shared.marks import GLYPHS, marks_in
from stages.shared.rows import Ending, Kind, Message, Problem, Prompt, Response
from stages.styles import STYLES, style
from stages.styles.prompting.prompts import prompts, put

GOLDEN = Path(__file__).parent / "golden"
# tests/styles/test_wording.py and test_tagged.py have these
WORDED = {"label_only", "reasoned", "rulebook", "rulebook_at_student", "tagged"}
NUMBER = Problem(id="n1", task="t", kind=Kind.NUMBER, split="train", question="Tom has 7 {apples}. How many is that?", answer="7")
EXPRESSION = Problem(id="e1", task="t", kind=Kind.EXPRESSION, split="train", question="Simplify $\\frac{2}{4}$.", answer="\\frac{1}{2}")
CHOICE = Problem(
    id="c1",
    task="t",
    kind=Kind.CHOICE,
    split="train",
    question="Which one is it?",
    answer="B",
    choices=["a cat", "a dog"],
    context="Rex barks.",
)

REASONING = ("plain_reasoning", "chain_of_thought", "tree_of_thought", "program", "backward", "fact_retrieval", "careful")


def of_kind(kind: Kind, answer: str, choices: list[str] | None = None) -> Problem:
    return Problem(id=kind.value, task="t", kind=kind, split="train", question="So?", answer=answer, choices=choices)


EVERY_FORM = [
    NUMBER,
    EXPRESSION,
    CHOICE,
    *(of_kind(Kind.CHOICE, "A", [f"no. {number}" for number in range(count)]) for count in (4, 5, 6)),
    of_kind(Kind.YES_NO, "yes"),
    of_kind(Kind.NLI, "neutral"),
    of_kind(Kind.LABEL, "spam"),
    of_kind(Kind.OPEN, "so"),
]


def answered(problem: Problem) -> Response:
    said = Prompt(**structs.asdict(problem), by="teacher", style="plain", messages=[])
    text = f"It is {problem.answer}."
    return Response(**structs.asdict(said), sampler="s", model="m", sample=0, text=text, ending=Ending.STOP, tokens=3)


@pytest.mark.parametrize("name", sorted(set(STYLES) - WORDED))
def test_every_style_reads_as_its_golden_file_says(name: str) -> None:
    texts = []
    for problem in EVERY_FORM if name in REASONING else (NUMBER, EXPRESSION, CHOICE):
        asked = put({name: {"share": 1.0}} if name == "signal_request" else name)
        for message in asked.render(answered(problem) if name == "judge_reasoning" else problem):
            texts.append(f"[{problem.kind} {message['role']}]\n{message['content']}\n")
    assert "\n".join(texts) == (GOLDEN / f"style_{name}.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("kind", list(Kind))
def test_glyph_asks_every_kind_for_the_glyphs_in_order_and_for_a_final_answer(kind: Kind) -> None:
    problem = Problem(id="p", task="t", kind=kind, split="train", question="Why?", answer="so")
    text = style("glyph").render(problem)[0]["content"]
    assert marks_in(text, GLYPHS.values())[:4] == list(GLYPHS.values())
    assert "'The answer is " in text


@pytest.mark.parametrize("name", ["plain", "no_symbols"])
def test_the_other_styles_show_no_glyph(name: str) -> None:
    assert marks_in(style(name).render(NUMBER)[0]["content"], GLYPHS.values()) == []


def test_prompts_of_a_problem_stand_together_and_carry_all_of_it() -> None:
    rows = list(prompts([NUMBER, CHOICE], {"teacher": "glyph", "probe": "plain"}))
    assert [(row.id, row.by, row.style) for row in rows] == [
        ("n1", "teacher", "glyph"),
        ("n1", "probe", "plain"),
        ("c1", "teacher", "glyph"),
        ("c1", "probe", "plain"),
    ]
    assert (rows[3].choices, rows[3].context, rows[3].kind) == (CHOICE.choices, CHOICE.context, Kind.CHOICE)
    assert rows[2].messages == style("glyph").render(CHOICE)


def test_an_unknown_style_lists_the_choices() -> None:
    choices = "choose from: backward, .*glyph, judge_reasoning, .*tree_of_thought"
    with pytest.raises(BadInput, match=rf"unknown style 'glpyh' \(did you mean 'glyph'\?\); {choices}"):
        style("glpyh")


@pytest.mark.parametrize("name", sorted(set(STYLES) - WORDED - {"signal_request"}))  # it shows them with their signals
def test_the_turns_before_the_question_come_first(name: str) -> None:
    before: list[Message] = [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Ask away."}]
    question = answered(NUMBER) if name == "judge_reasoning" else NUMBER
    problem = structs.replace(question, history=before)
    alone = style(name).render(question)
    assert style(name).render(problem) == [*before, *alone]
    assert before == problem.history  # rendering adds nothing to it
