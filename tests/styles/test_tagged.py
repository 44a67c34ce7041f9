"""The tag of a style, below the question: whose tag it is, and what is refused."""

from typing import Any

import pytest
from msgspec import structs
from pydantic import ValidationError
from stages.shared.errors import BadInput
from stages.shared.rows import Ending, Kind, Message, Problem, Trace
from stages.styles import plain
from stages.styles.prompting.prompts import prompts, put

TAGS = {"program": "<|program|>", "backward": "Answer backward."}
PROBLEM = Problem(
    id="p", task="t", kind=Kind.CHOICE, split="train", question="Which?", answer="B", choices=["a cat", "a dog"],
    context="Rex barks.", history=[Message(role="user", content="Hi."), Message(role="assistant", content="Hi!")],
)  # fmt: skip


def trace(style: str) -> Trace:
    fields: dict[str, Any] = {
        "by": "teacher",
        "style": style,
        "messages": [],
        "sampler": "s",
        "model": "m",
        "sample": 0,
        "text": "B",
        "tokens": 1,
    }
    return Trace(**structs.asdict(PROBLEM), **fields, ending=Ending.STOP, pred="B", grades={}, reasons={})


def last_line(problem: Problem, **params: Any) -> str:
    messages = put({"tagged": {"tags": TAGS, **params}}).render(problem)
    *before, question = plain.render(problem)
    assert messages[:-1] == before
    text = messages[-1]["content"]
    assert text.startswith(question["content"] + "\n")
    return text.removeprefix(question["content"] + "\n")


@pytest.mark.parametrize(
    ("problem", "ask", "tag"),
    [
        (trace("program"), None, "<|program|>"),
        (trace("backward"), None, "Answer backward."),
        (trace("backward"), "program", "Answer backward."),
        (PROBLEM, "program", "<|program|>"),
        (PROBLEM, "backward", "Answer backward."),
    ],
)
def test_a_trace_has_the_tag_of_its_style_and_any_other_problem_the_one_asked_for(problem: Problem, ask: str | None, tag: str) -> None:
    assert last_line(problem, ask=ask) == tag


def test_a_row_says_that_it_was_put_in_the_style_tagged() -> None:
    (row,) = prompts([PROBLEM], {"first": put({"tagged": {"tags": TAGS, "ask": "program"}})})
    assert (row.style, row.messages[-1]["content"].splitlines()[-1]) == ("tagged", "<|program|>")


@pytest.mark.parametrize(
    ("problem", "message"),
    [
        (PROBLEM, "problem 'p' is no trace, so `ask` must say in which style to answer; choose from: backward, program"),
        (trace("careful"), "trace 'p/teacher/careful/0': unknown tag 'careful'.* choose from: backward, program; give the style 'careful'"),
    ],
)
def test_a_problem_without_a_tag_is_refused(problem: Problem, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        last_line(problem)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"tags": {}}, "at least 1 item"),
        ({"tags": {"progrem": "x"}}, r"unknown style 'progrem' \(did you mean 'program'\?\)"),
        ({"tags": {"program": " "}}, "program: expected one line of text"),
        ({"tags": {"program": "a\nb"}}, "program: expected one line of text"),
        ({"tags": {"program": "x", "backward": "x"}}, "a text of its own for each style"),
        ({"tags": TAGS, "ask": "careful"}, "ask: unknown tag 'careful'; choose from: backward, program"),
    ],
)
def test_bad_params_are_refused(params: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        put({"tagged": params})
