"""Styles whose words stand in params: their fields, and what is wrong with them."""

import pytest
from pydantic import ValidationError
from stages.shared.errors import BadInput
from stages.shared.rows import Kind, Message, Problem
from stages.styles import Put
from stages.styles.prompting.prompts import Several, prompts, put

TEXTS = {
    "rulebook": 'Rules:\n{rule_book}\nText: {text}\nOne of {labels}, as {{"label": ...}}.\n',
    "reasoned": "{text}",
    "label_only": "{text}\n{labels}?",
}
BOOK = "R1. late: deny"


def worded(name: str) -> Put:
    return put({name: {"template": TEXTS[name]}})


def problem(choices: list[str] | None = None, book: str | None = BOOK) -> Problem:
    given = choices or ["deny", "refund"]
    fields = {"id": "p", "task": "t", "kind": Kind.LABEL, "split": "train", "answer": "deny"}
    return Problem(question="It {came} late.", choices=given, rule_book=book, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("rulebook", 'Rules:\nR1. late: deny\nText: It {came} late.\nOne of deny or refund, as {"label": ...}.'),
        ("reasoned", "It {came} late."),
        ("label_only", "It {came} late.\ndeny or refund?"),
    ],
)
def test_fields_are_filled_in(name: str, text: str) -> None:
    assert worded(name).render(problem()) == [Message(role="user", content=text)]
    assert [row.messages[0]["content"] for row in prompts([problem()], {"teacher": worded(name)})] == [text]


def test_several_styles_have_their_words_too() -> None:
    asked = Several(styles=[{name: {"template": TEXTS[name]}} for name in ("reasoned", "label_only")])
    rows = list(prompts([problem()], {"teacher": asked}))
    assert [row.style for row in rows] == ["reasoned", "label_only"]
    assert rows[1].messages[0]["content"] == "It {came} late.\ndeny or refund?"


def test_three_labels_are_parted_by_commas() -> None:
    (message,) = worded("label_only").render(problem(["a", "b", "c"]))
    assert message["content"].endswith("\na, b or c?")


def test_turns_before_the_question_stay_before_it() -> None:
    row = problem()
    row.history = [Message(role="user", content="Hi."), Message(role="assistant", content="Hi!")]
    assert [message["role"] for message in worded("reasoned").render(row)] == ["user", "assistant", "user"]


@pytest.mark.parametrize("name", ["label_only", "reasoned", "rulebook", "rulebook_at_student"])
def test_missing_words_are_told(name: str) -> None:
    with pytest.raises(ValidationError, match=rf"{name}\.template\n  Field required"):
        put(name)


def test_a_problem_that_lacks_a_field_is_told() -> None:
    with pytest.raises(BadInput, match="problem 'p' has no rule book, which the prompt's template asks for"):
        worded("rulebook").render(problem(book=None))


@pytest.mark.parametrize(
    ("name", "template", "told"),
    [
        ("reasoned", "{txt}", "unknown field 'txt' (did you mean 'text'?); choose from: labels, rule_book, text"),
        ("reasoned", "{text} {text.answer}", "unknown field 'text.answer'"),
        ("reasoned", "{text} {}", "unknown field ''"),
        ("reasoned", "{text} {0}", "unknown field '0'"),
        ("reasoned", "{text!r}", "a field is its name in braces and nothing else"),
        ("reasoned", "{text:>99}", "a field is its name in braces and nothing else"),
        ("reasoned", '{text} {"label": 1}', "a field is its name in braces and nothing else"),
        ("reasoned", "{text} {", "a brace that is no field is written twice"),
        ("reasoned", "the text", "the field {text} is missing"),
        ("rulebook", "{text}", "the field {rule_book} is missing"),
        ("rulebook_at_student", "{rule_book}", "the field {text} is missing"),
    ],
)
def test_a_template_that_is_none_is_told(name: str, template: str, told: str) -> None:
    with pytest.raises(ValidationError) as error:
        put({name: {"template": template}})
    assert told in str(error.value)
