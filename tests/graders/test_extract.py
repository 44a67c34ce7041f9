"""Where the final committed answer of a response stands: markers, boxes, retractions, denials, refusals, cuts."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stages.graders.answer import Outcome, Params, verdict
from stages.graders.reading.boxes import last_box
from stages.graders.reading.cleaning import visible
from stages.graders.reading.extract import spans
from stages.shared.marks import CRUX, PLAN, STEPS, TAKEAWAY
from stages.shared.rows import Ending, Kind, Response

RIGHT, WRONG, NONE = Outcome.RIGHT, Outcome.WRONG, Outcome.NO_ANSWER


def response(gold: str, text: str, kind: Kind, ending: Ending = Ending.STOP, choices: list[str] | None = None) -> Response:
    return Response(
        id="p1", task="t", kind=kind, split="test", question="q", answer=gold, choices=choices, by="teacher", style="plain", messages=[],
        sampler="s", model="m", sample=0, text=text, ending=ending, tokens=0,
    )  # fmt: skip


def judged(gold: str, text: str, kind: Kind = Kind.NUMBER, ending: Ending = Ending.STOP) -> Outcome:
    return verdict(response(gold, text, kind, ending), Params(), explain=False).outcome


# 18 is committed to
COMMITTED = [
    # markers, one after another
    "\\boxed{18}",
    "\\boxed{ 18 }.",
    "$$\\boxed{18}$$",
    "\\[ \\boxed{18} \\]",
    "\\boxed 18",
    "\\fbox{18}",
    "\\framebox{18}",
    "\\beginboxed{18}",
    "\\boxed{\\boxed{18}}",
    "\\boxed{17}, so \\boxed{18}",
    "\\boxed{17} for the first part.\n\nThe whole is \\boxed{18}",
    "\\boxed{18} which is more than 17",
    "\\boxed{18}, approximately \\boxed{\\approx 18.0001}",
    "\\boxed{18} \\approx \\boxed{18.0001}",
    "\\boxed{18} = \\boxed{18}",
    "\\boxed{17}\n#### 18",
    "#### 17\n\\boxed{18}",
    "#### 18",
    "####18",
    "#### $18",
    "#### 17\n#### 18",
    "### Step 1\n9 + 9\n#### 18",
    "#### Step 1: add 9\n\nThe answer is 18",
    "#### 1. Add 9 and 9\nThe answer is 18",
    "<answer>18</answer>",
    "<answer>\\boxed{18}</answer>",
    "<answer>17</answer> no <answer>18</answer>",
    "17 is \\boxed{17}.\n\nFinal Answer: 18",
    "17 is \\boxed{17}.\n\n**Answer:** 18",
    "\\boxed{17} so far. In the end the answer is 18.",
    "\\boxed{18}. The answer is 3 times as large as the first one.",
    "The answer is 18.",
    "The answer is: 18",
    "The final answer is 18. I hope it is correct.",
    "The answer is\n18",
    "The answer is\n\n**18**",
    "Answer: 18",
    "ANSWER: 18",
    "Answer = 18",
    "Answer:\n\n9 + 9 = 18",
    "**Answer**\n\n18",
    "## Answer\n18",
    "### Final answer\n$18$",
    "Answer $18$",
    "The correct answer is 18",
    "The answer should be 18",
    "The answer must be 18, since 9 + 9 = 18",
    "The answer would then be 18",
    "The answer (arabic numerals) is 18",
    "The result is 18",
    "Final result: 18",
    "Final: 18",
    "A: 18",
    "Q: 5 + 5?\nA: 10\nQ: 9 + 9?\nA: 18",
    "La réponse est 18.",
    "Réponse: 18",
    "Die Antwort lautet 18.",
    "Antwort: 18",
    "La respuesta es 18.",
    "La risposta è 18",
    "Resposta: 18",
    "Ответ: 18",
    "Відповідь: 18",
    "答案：18",
    "答案是18。",
    "答えは18です",
    "정답: 18",
    "الجواب هو 18",
    "उत्तर: 18",
    "คำตอบ: 18",
    "Cevap: 18",
    "Đáp án: 18",
    # what is said last
    "The answer is 17. Wait, that is wrong. The answer is 18.",
    "The answer is 17. Wait, that's not right. It is 18.",
    "The answer is 17, no wait, that is wrong, it is 18.",
    "The answer is 17... no, 18.",
    "The answer is 17, sorry, 18.",
    "The answer is 17, or rather 18.",
    "\\boxed{17}. Hmm, I made a mistake. It should be 18.",
    "#### 17\nScratch that.\n#### 18",
    "Answer: 17\nLet me redo this. 9 + 9 = 18.\nAnswer: 18",
    "I first said the answer is 17, but it is 18.",
    "At first, I thought 17, but it is 18",
    "So it is 18; I first thought 17.",
    "My first guess was 17, but 9 + 9 = 18",
    "Answer: 17 was my first guess.\nAnswer: 18",
    "Answer: 17 is wrong.\nAnswer: 18",
    # what is denied
    "The answer is not 17 but 18.",
    "The answer is not 17, it's 18.",
    "It is 18, not 17.",
    "It is 18 rather than 17.",
    "It is 18 instead of 17.",
    "It can't be 17, so it is 18",
    "I don't think the answer is 17. I get 18.",
    "If the answer is 17, then x is even.\nSo x is odd, and the answer is 18.",
    # uncommitted, from the end
    "18",
    "She has 18.",
    "9 + 9 = 18",
    "9 + 9 = 18. That is all.",
    "9 + 9 = 18. I hope this helps!",
    "9 + 9 = 18\n\nLet me know if you have 2 more questions.",
    "It is 18. Note: other answers are possible.",
    "3. Therefore, she has 18.",
    "The answer is\n\nAfter 6 days, they have 18 sacks.",
    "The answer is 3 times the number of pages.\n\n3x = 54\n\nx = 18",
    "The answer is $5 for the one and $13 for the other. In total, $18.",
    "The answer is:\n1) 5 for the one\n2) 13 for the other\n3) 18 for all",
    # thinking
    "<think>17</think>18",
    "<think>The answer is 17.</think>\n\nThe answer is 18.",
    "The answer is 17.</think>The answer is 18.",
    "<think>\\boxed{17}</think>She has 18.",
    "18 <think> or 17",
    "<think>a</think>17<think>b</think>\n18",
    # glyphs
    f"{CRUX} q {PLAN} p {STEPS} \\boxed{{17}} {TAKEAWAY} 18",
    f"{CRUX} q {PLAN} p {STEPS} 17 {TAKEAWAY} The answer is 18.",
    f"{STEPS} \\boxed{{18}} {TAKEAWAY} done",
    # chat tokens
    "The answer is 18.<|im_end|>",
    "18</s>",
    "The answer is 18 [/INST]",
]

REFUSED = [
    "",
    " ",
    "I don't know.",
    "I do not know the answer.",
    "I'm not sure.",
    "I cannot solve this with 18 eggs.",
    "I can't help with that.",
    "I am unable to determine this.",
    "18 eggs are there, but I don't know how many are left.",
    "Unknown.",
    "N/A",
    "It cannot be determined from the 18 eggs.",
    "There is not enough information about the 18 eggs.",
    "无法确定",
    "\\boxed{}",
    "\\boxed{ }",
    "<answer></answer>",
    "Answer:",
    "The answer is unclear.",
    "So it is 18. Wait, that is wrong.",
    "The answer is 18. Wait, that is wrong.",
    "\\boxed{18}. No, wait, that can't be right.",
    "I don't think the answer is 18.",
    "The answer is not 18.",
    "It is not 18.",
    "Answer: 18 is wrong.",
    "<think>18</think>",
    "<think>The answer is 18.",
    "</think>",
    "<think></think>I don't know",
    f"{TAKEAWAY} none",
]


@pytest.mark.parametrize("text", COMMITTED)
def test_committed(text: str) -> None:
    assert (judged("18", text), judged("17", text)) == (RIGHT, WRONG)


@pytest.mark.parametrize("text", REFUSED)
def test_nothing_is_committed_to(text: str) -> None:
    assert (judged("18", text), judged("17", text)) == (NONE, NONE)


CUT = [
    ("The answer is 18", NONE),  # it may have been 180
    ("#### 18", NONE),
    ("so 9 + 9 = 18", NONE),
    ("\\boxed{18", NONE),
    ("18. Now let us", NONE),
    ("The answer is 18.", RIGHT),
    ("#### 18\n", RIGHT),
    ("#### 18\nNow", RIGHT),
    ("\\boxed{18} and", RIGHT),
    ("<answer>18</answer>", RIGHT),
    ("The answer is 18\nbecause 9", RIGHT),
]


@pytest.mark.parametrize(("text", "outcome"), CUT)
def test_a_cut_text_commits_to_what_is_whole(text: str, outcome: Outcome) -> None:
    assert judged("18", text, ending=Ending.LENGTH) is outcome


BOXES = [
    ("\\boxed{2} and \\boxed{3}", "2, 3"),
    ("\\boxed{2}, \\boxed{3}", "2, 3"),
    ("\\boxed{2} \\quad \\text{and} \\quad \\boxed{3}", "2, 3"),
    ("\\boxed{2} \\text{ for part (a) and } \\boxed{3}", "2, 3"),
    ("\\boxed{2} or \\boxed{3}", "2 or 3"),
    ("x = \\boxed{2}\\) and \\(y = \\boxed{3}", "2, 3"),
    ("\\boxed{1}, \\boxed{2}, and \\boxed{3}", "1, 2, 3"),
    ("Scratch \\boxed{9}\nFinal: \\boxed{2} and \\boxed{3}", "2, 3"),
    ("\\boxed{2}, so \\boxed{3}", "3"),
    ("\\boxed{2}. \\boxed{3}", "3"),
    ("\\boxed{3} \\boxed{3}", "3"),
    ("\\boxed{2} \\approx \\boxed{2.0}", "2"),
    ("\\boxed{\\frac{1}{2}}", "\\frac{1}{2}"),
    ("\\boxed{\\{1\\}}", "\\{1\\}"),
    ("\\boxed{2} \\boxed{", "2"),
    ("\\boxed{", None),
    ("no box", None),
]


@pytest.mark.parametrize(("text", "content"), BOXES)
def test_boxes(text: str, content: str | None) -> None:
    assert last_box(text) == content


def test_a_megabyte_of_prose_before_the_box() -> None:
    prose = "So 5 is not the answer, and if the answer is 6, that is wrong. " * 16_000
    assert len(prose) > 1_000_000
    assert judged("18", prose + "\\boxed{18}") is RIGHT
    assert judged("18", prose + "\nThe answer is 18.") is RIGHT
    assert judged("B", prose + "\nAnswer: (B)", Kind.CHOICE) is RIGHT


def test_a_verdict_says_why() -> None:
    found = verdict(response("18", "The answer is unclear.\n\nAnswer: 9 + 9 = 18", Kind.NUMBER), Params())
    assert (found.outcome, found.pred, found.found) == (RIGHT, "18", "what follows 'Answer:'")
    assert found.compared and len(found.steps) == 5
    assert found.steps[0].startswith("the gold answer '18' is read as") and "says '18'" in found.steps[1]
    assert found.steps[2:4] == ["'18' is read as the number 18", "not used of what stands there: '9 + 9 ='"]
    hedged = verdict(response("B", "Answer: A or B", Kind.CHOICE), Params())
    assert (hedged.outcome, hedged.pred) == (NONE, None)
    assert hedged.steps[1] == "what follows 'Answer:', 'A or B', names several answers, or one that is not offered"
    declined = verdict(response("18", "I don't know.", Kind.NUMBER), Params())
    assert declined.steps[1:] == ['the last sentence, "I don\'t know.", declines to answer', "no answer is committed to"]


def test_without_explanation_there_are_no_steps() -> None:
    row = response("18", "18", Kind.NUMBER)
    assert verdict(row, Params(), explain=False)._replace(steps=[]) == verdict(row, Params())._replace(steps=[])
    assert verdict(row, Params(), explain=False).steps == []


def test_a_long_step_is_cut() -> None:
    found = verdict(response("18", "no number here " * 1000, Kind.NUMBER), Params())
    assert max(map(len, found.steps)) < 500


def test_a_box_without_a_number_ends_the_search() -> None:
    assert judged("18", "The answer is 18, as \\boxed{\\text{shown}} above") is NONE
    assert judged("B", "The answer is B, as \\boxed{x = 1} shows", Kind.CHOICE) is RIGHT


def test_order_of_precedence() -> None:
    found = [span.rule for span in spans(f"\\boxed{{1}} #### 2\nThe answer is 3. {TAKEAWAY} four", Ending.STOP)]
    assert found == ["opening", "last", "text", "spoken", "marked"]
    assert [span.rule for span in spans("Ann has **8** left after 2 days.", Ending.STOP)] == ["opening", "bold", "last", "text"]
    assert [span.rule for span in spans("one.\nThe answer is 3.\nyes", Ending.STOP)] == ["alone", "spoken", "spoken"]
    assert [span.text for span in spans("Answer: 3\nAnswer: 4", Ending.STOP)] == ["4", "3", "Answer: 4"]


def test_visible_text() -> None:
    assert visible("a<think>b</think>c<think>d</think>e") == "ace"
    assert visible("a</think>b") == "b"
    assert visible("a<think>b") == "a"


PROSE = st.sampled_from(
    [
        "",
        "Let us see. ",
        "We add the eggs of both.\n",
        "So there are more of them.\n\n",
        "First, the sum.\n",
        "**Solution**\n\n",
        "Hmm, let me think. ",
    ]
)
AFTER = st.sampled_from(["", " ", "\n", "\n\nI hope this helps!", "\nLet me know if you have questions."])
ANSWERS = st.sampled_from(
    [
        (Kind.NUMBER, "18"), (Kind.NUMBER, "-3"), (Kind.NUMBER, "2.5"), (Kind.NUMBER, "3/4"), (Kind.NUMBER, "1,234"), (Kind.NUMBER, "25%"),
        (Kind.EXPRESSION, "\\frac{1}{2}"), (Kind.EXPRESSION, "x^2 + 1"), (Kind.EXPRESSION, "(1, 2)"), (Kind.EXPRESSION, "3\\sqrt{2}"),
        (Kind.EXPRESSION, "2\\pi"), (Kind.CHOICE, "C"), (Kind.CHOICE, "A"), (Kind.YES_NO, "no"), (Kind.YES_NO, "yes"),
        (Kind.NLI, "neutral"), (Kind.NLI, "entailment"), (Kind.NLI, "contradiction"), (Kind.LABEL, "ham"), (Kind.OPEN, "Eiffel Tower"),
    ]
)  # fmt: skip
DRESSES = st.sampled_from(
    ["{}", "\\boxed{{{}}}", "$\\boxed{{{}}}$", "Answer: {}", "The answer is {}.", "**Answer:** {}", "#### {}", "<answer>{}</answer>",
     "Answer: **{}**", "The final answer is \\boxed{{{}}}.", "Therefore, the answer is\n\n{}", f"{TAKEAWAY} {{}}", "Answer: ${}$"]
)  # fmt: skip


@settings(max_examples=600, deadline=None, derandomize=True)
@given(answer=ANSWERS, dress=DRESSES, before=PROSE, after=AFTER)
def test_neither_prose_nor_dollars_nor_boxes_change_a_verdict(answer: tuple[Kind, str], dress: str, before: str, after: str) -> None:
    kind, gold = answer
    choices = ["ham", "spam"] if kind is Kind.LABEL else None
    if dress == "{}" and before and not before.endswith("\n"):
        before += "\n"
    text = before + dress.format(gold) + after
    found = verdict(response(gold, text, kind, choices=choices), Params(), explain=False)
    assert found.outcome is RIGHT, (kind, text, found)


WORDS = st.lists(
    st.sampled_from(
        ["A", "B", "(C)", "I", "a", "or", "not", "and", "the answer is", "Answer:", "yes", "no", "true", "neutral", "neither", "entailment",
         "\\boxed{", "}", "####", "Wait, that is wrong.", "I don't know", "if", "18", "<think>", "</think>", "<answer>", "</answer>", "\n",
         ".", ",", "/", "**", "option", "can't be", "答案", "：", "İ", "ß", "\ud800", "\x00", TAKEAWAY,
         "spam", "ham", "$", "?", "it", "is", "\u200b", "’"]
    ),
    max_size=24,
).map(" ".join)  # fmt: skip
GOLDS = {
    Kind.NUMBER: "18",
    Kind.EXPRESSION: "x",
    Kind.CHOICE: "A",
    Kind.YES_NO: "yes",
    Kind.NLI: "neutral",
    Kind.LABEL: "ham",
    Kind.OPEN: "x",
}


@settings(max_examples=600, deadline=None, derandomize=True)
@given(text=st.one_of(WORDS, st.text(max_size=100)), kind=st.sampled_from(Kind), ending=st.sampled_from(Ending), explain=st.booleans())
def test_no_text_makes_it_raise(text: str, kind: Kind, ending: Ending, explain: bool) -> None:
    choices = ["ham", "spam"] if kind in (Kind.LABEL, Kind.CHOICE) else None
    found = verdict(response(GOLDS[kind], text, kind, ending, choices), Params(), explain=explain)
    assert found.outcome in Outcome
    assert (found.pred is None) == (found.outcome in (NONE, Outcome.LIMIT))


@settings(max_examples=300, deadline=None, derandomize=True)
@given(text=WORDS, kind=st.sampled_from([Kind.NUMBER, Kind.CHOICE, Kind.YES_NO, Kind.NLI, Kind.LABEL]))
def test_thoughts_change_nothing(text: str, kind: Kind) -> None:
    """Whatever is thought, only what is said after it counts."""
    text = text.replace("<think>", "").replace("</think>", "")
    choices = ["ham", "spam"] if kind is Kind.LABEL else None
    thinking = verdict(response(GOLDS[kind], f"<think>{text}</think>Answer: {GOLDS[kind]}", kind, choices=choices), Params(), explain=False)
    assert thinking.outcome is RIGHT
