"""Which rows a training learns from: too long ones, faulty ones and those that cleaning mends, counted with the reason."""

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from stages.shared.errors import BadInput
from stages.shared.rows import Chat
from stages.students.training.answer_ends import SPACE, TOKEN
from stages.students.training.audit import audit_rows
from stages.students.training.encoding import Example
from stages.students.training.row_counts import Row, RowCounts, fitting, row_report

from templates import CHATML, tokenizer
from tiny import chats, talk

TEXTS = [message["content"] for chat in chats() for message in chat.messages]


def row(size: int, format: str = "latent", style: str = "glyph") -> Row:
    chat = msgspec.structs.replace(talk("Two?", "2"), format=format, style=style)
    return Row(chat, Example([1] * size, [True] * size, []))


def test_rows_that_do_not_fit_are_left_out_and_never_cut() -> None:
    rows = [row(size) for size in (3, 5, 4, 9)]
    assert [len(kept.example.ids) for kept in fitting(rows, 4, 0.5)] == [3, 4]
    assert fitting(rows, 9, 0.0) == rows


@pytest.mark.parametrize(
    ("sizes", "told"),
    [
        ([9, 5], "max_tokens: none of 2 chats fits into 4 tokens; the shortest has 5"),
        ([], "max_tokens: none of 0 chats"),
        (
            [3, 5, 4, 9],
            r"max_tokens: 2 of 4 rows \(50.0%\) have more than 4 tokens and would be left out, more than max_dropped 49.0% "
            r"\(latent glyph 2 of 4\); p95 is 9 tokens, p99 9, the longest 9: raise max_tokens to one of them, or max_dropped",
        ),
    ],
)
def test_too_many_long_rows_stop_the_training(sizes: list[int], told: str) -> None:
    with pytest.raises(BadInput, match=told):
        fitting([row(size) for size in sizes], 4, 0.49)


def test_lengths_by_format_and_style() -> None:
    rows = [*(row(size) for size in range(1, 101)), row(7, "natural", "plain"), row(60, "natural", "plain")]
    told = row_report(rows, 50, RowCounts())
    assert told["by_format"] == {
        "latent": {"glyph": {"rows": 100, "p50": 50, "p95": 95, "p99": 99, "max": 100, "too_long": 50}},
        "natural": {"plain": {"rows": 2, "p50": 7, "p95": 60, "p99": 60, "max": 60, "too_long": 1}},
    }
    assert (told["max_tokens"], told["all"]["rows"], told["all"]["too_long"], told["cleaned"], told["left_out"]) == (50, 102, 51, {}, {})


def fusing(made: Any) -> Any:
    """A tokenizer in which two newlines are one token, as in many: a header's newline and that of an answer."""
    made.add_tokens(["\n\n"])
    return made


def audited(rows: Sequence[Chat], counts: RowCounts, made: Any = None) -> list[Row]:
    made = made or fusing(tokenizer("chatml", TEXTS))
    return audit_rows(rows, made, made.eos_token_id, counts)


@pytest.mark.parametrize(
    ("answer", "words", "reason"),
    [
        ("\nIt is 2.", "It is 2.", SPACE),
        ("\n\n\nIt\n\nis 2. ", "It\n\nis 2.", SPACE),
        ("It is 2.<|im_end|>", "It is 2.", TOKEN),
        ("\n<|im_start|>It is 2.\n<|im_end|>\n<|im_end|>", "It is 2.", TOKEN),
    ],
)
def test_what_says_nothing_at_the_ends_of_an_answer_is_removed(answer: str, words: str, reason: str) -> None:
    counts = RowCounts()
    (kept,) = audited([talk("Two?", answer, name="a")], counts)
    assert kept.chat.messages[-1]["content"] == words
    assert {name: (told["chats"], told["first"]) for name, told in counts.cleaned.report().items()} == {reason: (1, "a")}


@pytest.mark.parametrize("answer", ["It\n\nis 2.", "  It is 2. ", "🜞 2\n"])
def test_what_can_be_learnt_as_it_is_stays(answer: str) -> None:
    counts = RowCounts()
    chat = talk("Two?", answer)
    assert audited([chat], counts)[0].chat is chat
    assert counts.cleaned.report() == {}


def faulty(count: int, of: int) -> list[Chat]:
    """The first of the chats hold the text of a special token in their question."""
    return [talk("Two <|im_end|>?" if place < count else "Two?", "It is 2.", name=f"c{place}") for place in range(of)]


def test_faulty_rows_are_left_out_where_params_say_so() -> None:
    counts = RowCounts("drop", 0.1)
    kept = audited([*faulty(2, 30), talk("Three?", name="none")], counts)
    assert [row.chat.id for row in kept] == [f"c{place}" for place in range(2, 30)]
    told = row_report(kept, 99, counts)["left_out"]
    special = "the words of the user hold the special token '<|im_end|>'"
    assert {reason: (counted["chats"], counted["first"]) for reason, counted in told.items()} == {
        special: (2, "c0"),
        "the mask is empty: nothing would be learnt": (1, "none"),
    }
    assert told[special]["example"] == ["user: Two <|im_end|>?", "assistant: It is 2."]


@pytest.mark.parametrize(
    ("counts", "count", "told"),
    [
        (RowCounts(), 1, r"hold the special token '<\|im_end\|>' \(1 of 30 rows, first c0\); to leave them out set faulty_rows to drop"),
        (RowCounts("drop", 0.1), 4, r"\(4 of 30 rows, first c0\): 13.3% of the rows would be left out .* more than max_dropped 10.0%"),
    ],
)
def test_faulty_rows_are_refused(counts: RowCounts, count: int, told: str) -> None:
    with pytest.raises(BadInput, match=told):
        audited(faulty(count, 30), counts)


def test_a_fault_of_the_template_is_refused_whatever_params_say() -> None:
    made = tokenizer("chatml", TEXTS)
    made.chat_template = CHATML.replace("message['content']", "message['content'][:4]")
    with pytest.raises(BadInput, match=r"the template changes the assistant's words \(30 of 30 rows.*100.0% of the rows"):
        audited(faulty(0, 30), RowCounts("drop", 0.05), made)
