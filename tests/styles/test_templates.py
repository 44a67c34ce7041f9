"""Styles whose text stands in params: its fields, and what is wrong with them."""

import pytest
from pydantic import TypeAdapter, ValidationError
from stages.shared.errors import BadInput
from stages.shared.rows import Kind, Message, Problem
from stages.styles.prompting.prompts import prompts
from stages.styles.prompting.wording import TEMPLATED, Templates, renderer

TEXTS = {
    "rulebook": 'Rules:\n{rule_book}\nText: {text}\nOne of {labels}, as {{"label": ...}}.\n',
    "reasoned": "{text}",
    "label_only": "{text}\n{labels}?",
}
BOOK = "R1. late: deny"


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
    assert renderer(name, TEXTS)(problem()) == [Message(role="user", content=text)]
    assert [row.messages[0]["content"] for row in prompts([problem()], {"teacher": name}, templates=TEXTS)] == [text]


def test_three_labels_are_parted_by_commas() -> None:
    (message,) = renderer("label_only", TEXTS)(problem(["a", "b", "c"]))
    assert message["content"].endswith("\na, b or c?")


def test_turns_before_the_question_stay_before_it() -> None:
    row = problem()
    row.history = [Message(role="user", content="Hi."), Message(role="assistant", content="Hi!")]
    assert [message["role"] for message in renderer("reasoned", TEXTS)(row)] == ["user", "assistant", "user"]


@pytest.mark.parametrize("name", sorted(TEMPLATED))
def test_a_missing_text_is_told(name: str) -> None:
    with pytest.raises(BadInput, match=f"style '{name}': its text is missing: give it in `templates`"):
        renderer(name, {})


def test_a_problem_that_lacks_a_field_is_told() -> None:
    with pytest.raises(BadInput, match="problem 'p' has no rule book, which the prompt's template asks for"):
        renderer("rulebook", TEXTS)(problem(book=None))


BAD = [
    ({"rulebok": "{text}"}, "unknown style with a template 'rulebok' (did you mean 'rulebook'?)"),
    ({"reasoned": "{txt}"}, "reasoned: unknown field 'txt' (did you mean 'text'?); choose from: labels, rule_book, text"),
    ({"reasoned": "{text} {text.answer}"}, "reasoned: unknown field 'text.answer'"),
    ({"reasoned": "{text} {}"}, "reasoned: unknown field ''"),
    ({"reasoned": "{text} {0}"}, "reasoned: unknown field '0'"),
    ({"reasoned": "{text!r}"}, "reasoned: a field is its name in braces and nothing else"),
    ({"reasoned": "{text:>99}"}, "reasoned: a field is its name in braces and nothing else"),
    ({"reasoned": '{text} {"label": 1}'}, "reasoned: a field is its name in braces and nothing else"),
    ({"reasoned": "{text} {"}, "a brace that is no field is written twice"),
    ({"reasoned": "the text"}, "reasoned: the field {text} is missing"),
    ({"rulebook": "{text}"}, "rulebook: the field {rule_book} is missing"),
]


@pytest.mark.parametrize(("templates", "told"), BAD, ids=[case[1][:40] for case in BAD])
def test_a_template_that_is_none_is_told(templates: dict[str, str], told: str) -> None:
    with pytest.raises(ValidationError) as error:
        TypeAdapter(Templates).validate_python(templates)
    assert told in str(error.value)
