"""The answer grader: what is taken as the final answer, and what counts as equal to the gold answer."""

import os
from pathlib import Path
from time import process_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stages.graders import Grade
from stages.graders.answer import Params, grade
from stages.graders.reading.boxes import last_box
from stages.shared.errors import BadInput
from stages.shared.marks import CRUX, PLAN, STEPS, TAKEAWAY
from stages.shared.rows import Ending, Kind, Response

SHARED = Path(os.environ.get("ATHANOR_SHARED", Path(__file__).resolve().parents[3] / "shared"))


def response(gold: str, text: str, kind: Kind, ending: Ending = Ending.STOP, choices: list[str] | None = None) -> Response:
    return Response(
        id="p1", task="t", kind=kind, split="test", question="q", answer=gold, choices=choices, by="teacher", style="plain", messages=[],
        sampler="s", model="m", sample=0, text=text, ending=ending, tokens=0,
    )  # fmt: skip


def graded(gold: str, text: str, kind: Kind = Kind.NUMBER, ending: Ending = Ending.STOP, choices: list[str] | None = None) -> Grade:
    return grade(response(gold, text, kind, ending, choices), Params())


RIGHT_NUMBERS = [
    ("18", "18"),
    ("18", "The answer is 18."),
    ("20", "She has 20."),
    ("18", "#### 18"),
    ("18", "so 3 * 6 = 18\n#### 18 dollars"),
    ("18", "#### 4\nno, wait\n#### 18"),
    ("18", "The total is \\boxed{18} and not 19."),
    ("18", "\\boxed{4}, then \\boxed{18}"),
    ("18", "\\boxed{\\boxed{18}}"),
    ("18", "\\boxed 18"),
    ("18", "\\fbox{18}"),
    ("18", "\\boxed{\\text{18 eggs}}"),
    ("18", "**Final Answer:** 18"),
    ("18", "**Answer: 18**"),
    ("18", "Answer: 41 was a guess.\nAnswer: 18"),
    ("18", "5 + 13 = 18 <|im_end|>"),
    ("18", "<answer>18</answer>"),
    ("26", "She sells 2 each so $<<13*2=26>>26\nA: 26"),
    ("250", "Therefore, the answer (arabic numerals) is \n\nJason has 250 minutes left if this month has 30 days."),
    ("106", "The answer (arabic numerals) is: \n\nI = $6 \n\nMandy should give $106."),
    ("170", "The answer is 50 + 120 = 170."),
    ("42", "The answer is 42 because 7 rows of 6"),
    ("12", "#### Step 1: add 5\nThe answer is 12."),
    ("1234", "1,234"),
    ("1,234", "1234"),
    ("1234567", "1,234,567.00"),
    ("14", "14.00"),
    ("14.00", "14"),
    ("0.5", ".5"),
    ("0.5", "1/2"),
    ("1/2", "0.5"),
    ("2.5", "2 1/2"),
    ("2.5", "2½"),
    ("1/2", "\\boxed{\\frac{1}{2}}"),
    ("-1/2", "\\boxed{-\\frac{1}{2}}"),
    ("3/4", "6/8"),
    ("-5", "The answer is -5"),
    ("-5", "the answer is −5"),
    ("+7", "7"),
    ("5", "$5"),
    ("5", "\\boxed{\\$5}"),
    ("5.50", "$5.5"),
    ("1000.99", "It costs 1,000.99€"),
    ("12000", "\\boxed{12{,}000}"),
    ("12000", "\\boxed{12,\\!000}"),
    ("12000", "12 000"),
    ("1,22", "1.22"),
    ("25%", "25%"),
    ("25%", "25 percent"),
    ("25%", "25"),
    ("25%", "0.25"),
    ("25%", "1/4"),
    ("0.25", "25%"),
    ("25", "\\boxed{25\\%}"),
    ("5000000", "The answer is 5 million"),
    ("123", "the answer is １２３"),
    ("1e3", "1000"),
    ("0.6666667", "2/3"),
    ("18", f"{CRUX} eggs\n{PLAN} 9 + 9\n{STEPS} 9 + 9 = 18; \\boxed{{17}}\n{TAKEAWAY} The answer is 18."),
    ("18", f"{CRUX} eggs {PLAN} add {STEPS} 9 {TAKEAWAY} 18 eggs"),
    ("18", f"{STEPS} so \\boxed{{18}} {TAKEAWAY} done"),
    ("18", "<think>The answer is 17.</think>The answer is 18."),
    ("18", "perhaps 17</think> 18"),
    ("18", "18\n<think>or 17"),
]

WRONG_NUMBERS = [
    ("20", "200"),
    ("20", "2.0"),
    ("20", "0.20"),
    ("5", "The answer is 25"),
    ("5", "The answer is -5"),
    ("-5", "5"),
    ("10", "the value is 110"),
    ("3.14", "33.14"),
    ("0.25", "25"),
    ("25%", "2500%"),
    ("25", "0.25"),
    ("1/3", "0.33"),
    ("42", "42.0001"),
    ("12345678902", "12345678901"),
    ("100000000001000000000", "100000000000000000000"),
    ("12", "1,2345"),
    ("124", "64 + 60 = 124, then 124 + 7 = 131. The answer is 131."),
    ("18", "\\boxed{17} \n 18"),
    ("18", "#### 17\n18"),
    ("18", "Step 2: 9 + 9 = 18\nThe answer is 17"),
    ("18", "<think>The answer is 18</think>The answer is 17"),
    ("18", f"{STEPS} 18 {TAKEAWAY} 17"),
    ("3", "The answer is 3 or 4."),
    ("1/2", "2/1"),
    ("16", "1/6"),
]

NO_NUMBERS = [
    ("18", ""),
    ("18", "I don't know."),
    ("18", "\\boxed{}"),
    ("18", "18 eggs, I think. The answer is unclear."),
    ("42", "Answer: 1.2.3"),
    ("2", "AZYUK2A"),
    ("2", "H2O"),
    ("18", "<think>18</think>"),
    ("18", "<think>18"),
]


@pytest.mark.parametrize(("gold", "text"), RIGHT_NUMBERS)
def test_number_right(gold: str, text: str) -> None:
    assert graded(gold, text)[:2] == (1.0, "")


@pytest.mark.parametrize(("gold", "text"), WRONG_NUMBERS)
def test_number_wrong(gold: str, text: str) -> None:
    assert graded(gold, text).score == 0.0


@pytest.mark.parametrize(("gold", "text"), NO_NUMBERS)
def test_number_missing(gold: str, text: str) -> None:
    assert graded(gold, text) == Grade(0.0, "no_answer", None)


RIGHT_EXPRESSIONS = [
    ("\\frac{1}{2}", "\\boxed{\\dfrac12}"),
    ("\\frac{1}{2}", "\\boxed{\\frac 1 2}"),
    ("\\frac{1}{2}", "\\boxed{0.5}"),
    ("\\frac{1}{2}", "The answer is $\\tfrac{1}{2}$."),
    ("\\frac{1}{2}", "so \\[x = \\boxed{\\left(\\frac{1}{2}\\right)}.\\]"),
    ("12\\frac{3}{5}", "\\boxed{\\frac{63}{5}}"),
    ("12 \\frac{3}{5}", "\\boxed{12.6}"),
    ("-2\\frac12", "-5/2"),
    ("3\\sqrt{13}", "\\boxed{\\sqrt{117}}"),
    ("\\frac{\\sqrt{3}}{3}", "\\boxed{\\frac{1}{\\sqrt3}}"),
    ("2", "\\boxed{\\sqrt[3]{8}}"),
    ("7\\pi", "\\boxed{7 \\pi}"),
    ("7\\pi", "7π"),
    ("4a-2", "\\boxed{-2 + 4a}"),
    ("x^2-1", "\\boxed{(x-1)(x+1)}"),
    ("x^{10}", "x^10"),
    ("\\frac{x+2}{7}", "\\frac{x}{7}+\\frac{2}{7}"),
    ("2x^2y", "\\boxed{2yx^2}"),
    ("2^{10}", "1024"),
    ("10^{-3}", "0.001"),
    ("120^\\circ", "\\boxed{120}"),
    ("120", "\\boxed{120^{\\circ}}"),
    ("\\$6", "\\boxed{6}"),
    ("6", "\\boxed{\\$6.00}"),
    ("198\\%", "\\boxed{198}"),
    ("25\\%", "\\boxed{\\frac14}"),
    ("50,\\!625", "\\boxed{50625}"),
    ("10{,}000", "\\boxed{10,000}"),
    ("15\\mbox{ cm}^2", "\\boxed{15}"),
    ("15", "\\boxed{15\\text{ square units}}"),
    ("5 km", "\\boxed{5\\text{ km}}"),
    ("\\text{Evelyn}", "\\boxed{Evelyn}"),
    ("\\text{4:30 p.m.}", "at \\boxed{4:30 \\text{ p.m.}}"),
    ("(3, \\frac{\\pi}{2})", "\\boxed{\\left( 3, \\tfrac{\\pi}{2} \\right)}"),
    ("(1,\\frac{9}{2})", "(1, 4.5)"),
    ("[0,1)", "\\boxed{[0, 1)}"),
    ("(-\\infty, 5]", "\\boxed{(-\\infty,5]}"),
    ("(1,2) \\cup (3,4)", "\\boxed{(3,4) \\cup (1,2)}"),
    ("\\{1,2,3\\}", "\\boxed{\\{3, 1, 2\\}}"),
    ("1,-2", "\\boxed{-2, 1}"),
    ("2 \\text{ and } 3", "\\boxed{3, 2}"),
    ("1 \\pm \\sqrt{19}", "\\boxed{1 + \\sqrt{19}, 1 - \\sqrt{19}}"),
    ("x=5", "\\boxed{5}"),
    ("5", "x = 5"),
    ("x \\leq 5", "$5 \\geq x$"),
    ("x<1", "-x > -1"),
    ("2x+4y-3=0", "y=-\\frac{1}{2}x+\\frac{3}{4}"),
    ("|x|", "\\sqrt{x^2}"),
    ("\\begin{pmatrix}1&2\\\\3&4\\end{pmatrix}", "\\boxed{\\begin{bmatrix} 1 & 2 \\\\ 3 & 4 \\end{bmatrix}}"),
    ("\\tan^2 y + 1", "\\sec^2(y)"),
    ("\\binom{5}{2}", "10"),
    ("5!", "120"),
    ("1/3", "\\boxed{\\frac13 \\approx 0.33}"),
]

WRONG_EXPRESSIONS = [
    ("\\frac{1}{2}", "\\boxed{\\frac{2}{1}}"),
    ("\\frac{1}{3}", "\\boxed{0.33}"),
    ("\\pi", "3.14"),
    ("12\\frac{3}{5}", "\\boxed{12 \\cdot \\frac{3}{5}}"),
    ("3\\sqrt{13}", "\\boxed{3\\sqrt{12}}"),
    ("\\sqrt{2}", "\\boxed{2}"),
    ("4a-2", "\\boxed{4a+2}"),
    ("4a-2", "\\boxed{4b-2}"),
    ("x", "|x|"),
    ("x+1", "x+2"),
    ("x^2", "x^3"),
    ("[0,1)", "\\boxed{(0,1)}"),
    ("[0,1)", "\\boxed{[0,1]}"),
    ("(1,2)", "\\boxed{(2,1)}"),
    ("(1,2)", "\\boxed{1,2}"),
    ("(1,2) \\cup (3,4)", "\\boxed{(1,2)}"),
    ("\\{1,2,3\\}", "\\boxed{\\{1,2\\}}"),
    ("1,2,3", "123"),
    ("\\pm 5", "5"),
    ("x > 5", "x < 5"),
    ("x \\geq 5", "x > 5"),
    ("7 = 11a+c", "11a+c"),
    ("5 km", "\\boxed{5\\text{ m}}"),
    ("\\text{listen}", "\\boxed{\\text{silent}}"),
    ("\\text{Evelyn}", "\\boxed{\\text{Carla}}"),
    ("10^{20}", "\\boxed{10^{20}+1}"),
    ("1.6e-19", "1.6e-18"),
    ("204_5", "\\boxed{204_6}"),
    ("\\begin{pmatrix}1&2\\\\3&4\\end{pmatrix}", "\\boxed{\\begin{pmatrix} 1 & 2 \\\\ 3 & 5 \\end{pmatrix}}"),
]


@pytest.mark.parametrize(("gold", "text"), RIGHT_EXPRESSIONS)
def test_expression_right(gold: str, text: str) -> None:
    assert graded(gold, text, Kind.EXPRESSION)[:2] == (1.0, "")


@pytest.mark.parametrize(("gold", "text"), WRONG_EXPRESSIONS)
def test_expression_wrong(gold: str, text: str) -> None:
    assert graded(gold, text, Kind.EXPRESSION)[:2] == (0.0, "wrong")


FRUIT = ["an apple", "no fruit", "a pear"]
WORDS = [
    (Kind.CHOICE, "B", "The answer is (B).", "B"),
    (Kind.CHOICE, "B", "\\boxed{\\text{B}}", "B"),
    (Kind.CHOICE, "B", "B", "B"),
    (Kind.CHOICE, "b", "B", "refused"),
    (Kind.CHOICE, "C", "The answer is a pear.", "C"),
    (Kind.CHOICE, "a pear", "C", "C"),
    (Kind.CHOICE, "A", "A pear is what I want", "C"),  # an article, but the option's own text
    (Kind.CHOICE, "A", "I Think That Everything Is Fine", None),  # capitals that are no choice
    (Kind.CHOICE, "B", "The answer is B, it cannot be A.", "B"),
    (Kind.CHOICE, "B", "The answer is (A) or (B).", None),
    (Kind.CHOICE, "B", "The answer is (D).", None),
    (Kind.YES_NO, "no", "The answer is no.", "no"),
    (Kind.YES_NO, "yes", "I know. The answer is yes, of course.", "yes"),
    (Kind.YES_NO, "no", "I know nothing of another noun.", None),  # no is not in know
    (Kind.YES_NO, "yes", "Yes, it would fit.", "yes"),
    (Kind.YES_NO, "yes", "The answer is yes or no.", None),
    (Kind.YES_NO, "true", "So the answer is True", "yes"),
    (Kind.NLI, "entailment", "Therefore, the answer is True.", "entailment"),
    (Kind.NLI, "neutral", "Final Answer: Neither", "neutral"),
    (Kind.NLI, "contradiction", "The answer is contradiction", "contradiction"),
    (Kind.NLI, "contradiction", "The answer is not entailment", None),
    (Kind.LABEL, "no fruit", "The answer is: no fruit", "no fruit"),
    (Kind.LABEL, "no fruit", "The answer is apple", "apple"),
    (Kind.OPEN, "The Eiffel Tower", "Answer: eiffel tower.", "eiffel tower"),
    (Kind.OPEN, "42 days", "Answer: 42 nights", "42 nights"),
]


@pytest.mark.parametrize(("kind", "gold", "text", "pred"), WORDS)
def test_words(kind: Kind, gold: str, text: str, pred: str | None) -> None:
    choices = FRUIT if kind is Kind.CHOICE else ["apple", "no fruit"] if kind is Kind.LABEL else None
    if pred == "refused":
        with pytest.raises(BadInput, match="'b' is not a valid choice"):
            graded(gold, text, kind, choices=choices)
        return
    assert graded(gold, text, kind, choices=choices).pred == pred


def test_words_are_graded() -> None:
    assert graded("no", "The answer is no.", Kind.YES_NO) == Grade(1.0, "", "no")
    assert graded("entailment", "The answer is False.", Kind.NLI) == Grade(0.0, "wrong", "contradiction")
    assert graded("A", "B", Kind.CHOICE, choices=FRUIT) == Grade(0.0, "wrong", "B")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("9 + 9 = 18", "no_answer"),  # nothing committed: the last number of a cut text is no answer
        ("The answer is 18", "no_answer"),  # it may have been 180
        ("#### 18", "no_answer"),
        (f"{STEPS} 9 {TAKEAWAY} 18", "no_answer"),
        ("The answer is 18.", ""),
        ("#### 18\n", ""),
        ("The answer is 18\nNow let us", ""),
        ("\\boxed{18} is what", ""),
        ("so \\boxed{18", "no_answer"),
    ],
)
def test_an_answer_cut_off_must_be_whole(text: str, reason: str) -> None:
    assert graded("18", text, ending=Ending.LENGTH).reason == reason


@pytest.mark.parametrize(
    ("kind", "gold"),
    [
        (Kind.NUMBER, "eighteen"),
        (Kind.NUMBER, ""),
        (Kind.NUMBER, "18 19"),
        (Kind.NUMBER, "9" * 5000),
        (Kind.EXPRESSION, " $ $ "),
        (Kind.EXPRESSION, "\\frac{1}{2"),
        (Kind.EXPRESSION, "x" * 5000),
        (Kind.CHOICE, "E"),
        (Kind.YES_NO, "maybe"),
        (Kind.NLI, "5"),
        (Kind.LABEL, "plum"),
    ],
)
def test_a_bad_gold_answer_names_the_row(kind: Kind, gold: str) -> None:
    with pytest.raises(BadInput, match=rf"row 'p1/teacher/plain/0': the gold answer .* is not a valid {kind}"):
        graded(gold, "18", kind, choices=FRUIT)


def test_tolerance_is_a_param() -> None:
    row = response("3.14159", "3.1416", Kind.NUMBER)
    assert grade(row, Params()).score == 0
    assert grade(row, Params(relative_tolerance=1e-4)).score == 1


HOSTILE = {
    "deep": "\\boxed{" + "(" * 900 + "1" + ")" * 900 + "}",
    "power": "\\boxed{9^{9^{9^{9}}}}",
    "factorial": "\\boxed{99999!!!}",
    "digits": "\\boxed{" + "7" * 1900 + "+1}",
    "exponent": "The answer is 1e9999",
    "long": "\\boxed{" + "x+" * 5000 + "x}",
    "code": "\\boxed{().__class__.__base__.__subclasses__()}",
    "open boxes": "\\boxed{" * 20_000,
    "markers": "the answer is " * 10_000,
    "spaces": "The answer is 3" + " " * 150_000 + "or",
    "thoughts": "<think>" * 20_000,
    "marks": "####" * 40_000,
    "minus": "\\boxed{" + "-" * 1900 + "1}",
    "wide list": "\\boxed{" + "x+y," * 400 + "x}",
    "zero": "\\boxed{1/0}",
    "surrogate": "\\boxed{\ud800}",
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("kind", [Kind.NUMBER, Kind.EXPRESSION])
def test_hostile_answers_cost_little_and_are_wrong(name: str, kind: Kind) -> None:
    start = process_time()
    found = graded("x+y,2" if kind is Kind.EXPRESSION else "18", HOSTILE[name], kind)
    assert found.score == 0 and found.reason in ("wrong", "no_answer", "limit")
    assert process_time() - start < 1.0


def test_limit_is_a_reason_of_its_own() -> None:
    assert graded("2", HOSTILE["deep"], Kind.EXPRESSION).reason == "limit"
    assert graded("2", HOSTILE["power"], Kind.EXPRESSION).reason == "limit"
    assert graded("1", HOSTILE["exponent"]).reason == "limit"


ALPHABET = st.text(st.sampled_from("0123456789+-/^_=<>(){}[]|!,.$%& \n\\xyeipi\U0001f703½"), max_size=60)
COMMANDS = st.lists(
    st.sampled_from(
        ["\\frac", "{", "}", "1", "23", "x", "\\sqrt", "[3]", "^", "-", "+", "\\boxed{", "\\text{", "\\pm", "(", ")", ",", "\\cup",
         "\\begin{pmatrix}", "\\end{pmatrix}", "&", "\\\\", "\\log_", "\\sin", "!", "\\infty", "0", "/", "max", "gcd", "\\lfloor",
         "\\rfloor", "the answer is ", "####", "|", "\\binom", "=", "<", "."]
    ),
    max_size=14,
).map("".join)  # fmt: skip


@settings(max_examples=400, deadline=None, derandomize=True)
@given(text=st.one_of(st.text(max_size=80), ALPHABET, COMMANDS), kind=st.sampled_from(Kind), ending=st.sampled_from(Ending))
def test_no_text_makes_it_raise(text: str, kind: Kind, ending: Ending) -> None:
    gold = {Kind.CHOICE: "A", Kind.YES_NO: "yes", Kind.NLI: "neutral", Kind.LABEL: "apple", Kind.EXPRESSION: "\\frac{x}{2}"}.get(kind, "18")
    found = graded(gold, text, kind, ending, choices=["apple", "pear"] if kind in (Kind.CHOICE, Kind.LABEL) else None)
    assert found.score in (0.0, 1.0)
    assert (found.score == 1.0) == (found.reason == "")


@settings(max_examples=300, deadline=None, derandomize=True)
@given(text=st.one_of(ALPHABET, COMMANDS))
def test_a_boxed_gold_answer_is_right(text: str) -> None:
    """Whatever is a valid gold answer equals itself, where its braces let a box hold it whole."""
    boxed = f"\\boxed{{{text}}}"
    try:
        found = graded(text, boxed, Kind.EXPRESSION)
    except BadInput:
        return
    assert last_box(boxed) != text.strip() or TAKEAWAY in text or found.score == 1.0
