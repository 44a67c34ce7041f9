"""Headings beside `####`, the dressing of a box, and the fields of JSON."""

import pytest
from stages.graders.reading import headings
from stages.graders.reading.dressing import undressed, unlabelled
from stages.graders.reading.fields import last_field

BOX = "It is \\boxed{25}.\n\n"
HEADINGS = [
    (f"{BOX}#### Verification\n5 * 5 = 25", True),
    (f"{BOX}#### **✅ Verification:**\n5 * 5 = 25", True),
    (f"{BOX}#### Verification", True),
    (f"{BOX}#### Step 4\nDone.", True),
    (f"{BOX}#### 3. Conclusion\nIt is 25.", True),
    (f"{BOX}#### (c) Check the result\n25 = 25", True),
    (f"{BOX}#### 2-step check\n25", True),
    (f"{BOX}#### Проверка\n25", True),
    (f"{BOX}#### Unusual\n25", True),  # a word behind an answer
    ("#### Wednesday\nIt is the third day.", False),  # a word, and no answer before it
    ("#### Wednesday", False),
    ("#### 25\nbecause 5 * 5 = 25", False),
    ("#### 25 apples\n\nI hope it is correct.", False),
    ("#### x = 25\nas shown", False),
    ("#### B", False),
]


@pytest.mark.parametrize(("text", "is_heading"), HEADINGS)
def test_headings(text: str, is_heading: bool) -> None:
    mark = list(headings.MARK.finditer(text))[-1]
    assert headings.is_heading(text, mark) is is_heading


@pytest.mark.parametrize("line", ["Final Answer", "**Final Answer:**", "🎯 Final answer", "3. Answer", "The answer", "答案", "Antwort"])
def test_a_heading_announces_the_answer_below(line: str) -> None:
    assert headings.announces(line, is_first=False)


def test_a_conclusion_announces_only_where_nothing_stands_before() -> None:
    assert headings.announces("Conclusion", is_first=True) and not headings.announces("Conclusion", is_first=False)


def test_rows_of_hashes_are_no_mark() -> None:
    assert [mark.group(1) for mark in headings.MARK.finditer("####### a\n##########\n#### 7")] == ["7"]


DRESSED = [
    "\\text{The answer is } 7", "\\text{Answer: }7", "\\textbf{Ans: } 7", "Answer: 7", "\\color{red}{7}".replace("{7}", " 7"),
    "\\textcolor{blue}{7}".replace("{7}", " 7"), "\\large 7", "\\Huge 7", "7 \\checkmark", "7 ✓", "'7'", '"7"', "``7''", "“7”", "___7___",
    "\\begin{aligned} 7 \\end{aligned}", "\\begin{array}{c} 7 \\end{array}",
]  # fmt: skip


@pytest.mark.parametrize("box", DRESSED)
def test_dressing_comes_off(box: str) -> None:
    assert undressed(box).strip() == "7"


@pytest.mark.parametrize("box", ["7", "x = 7", "the answer", "f'(x)", "\\begin{array}{cc} 1 & 2 \\end{array}", "a_{1}", "\\text{ans}"])
def test_what_is_no_dressing_stays(box: str) -> None:
    assert undressed(box) == box


@pytest.mark.parametrize("box", ["(B) 12", "\\textbf{(B)}\\ 12", "\\text{B) } 12", "\\mathrm{(B)}~12", "(\\text{B}) 12"])
def test_the_letter_of_an_option_comes_off(box: str) -> None:
    assert unlabelled(box) == "12"


@pytest.mark.parametrize("box", ["(B)", "(A, B)", "(B) \\cup (C)", "f(B) 12", "(B) = 12"])
def test_other_letters_stay(box: str) -> None:
    assert unlabelled(box) == box


FIELDS = [
    ('{"answer": 7}', "7"),
    ('{"answer": [1, 2, 3]}', "1, 2, 3"),
    ('{"answer": {"value": 7, "unit": "cm"}}', "7 cm"),
    ('{"reasoning": "x", "final_answer": {"letter": "C"}}', "C"),
    ('{"steps": [{"answer": 3}], "result": {"answer": 7}}', "7"),
    ('```json\n{"answer": "7 apples"}\n```', "7 apples"),
    ('{"answer": 1}\n{"answer": 7}', "7"),
    ('{"answer": true}', "true"),
    ('{"answer": null}', ""),
    ('{"answer": 7, "steps": [1, 2', "7"),  # cut off
    ('{"answer": "\\frac{1}{2}"}', "\\frac{1}{2}"),  # no valid JSON: a single backslash
    ('{"confidence": 0.9}', None),
    ("no object", None),
]


@pytest.mark.parametrize(("text", "answer"), FIELDS)
def test_the_answer_of_an_object(text: str, answer: str | None) -> None:
    field = last_field(text)
    assert (field and field[1]) == answer
