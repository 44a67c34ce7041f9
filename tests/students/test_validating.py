"""The validator's report: lengths, mask, roles, copies and leaks of a file of chats, under a real tokenizer and template."""

import json
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import numpy
import pytest
from stages.models.templates import render
from stages.shared.errors import BadInput
from stages.shared.files import write
from stages.shared.rows import Chat, Message
from stages.students.training.audit import audit_rows
from stages.students.training.encoding import encode, end_of_turn
from stages.students.training.length_counts import LengthCounts
from stages.students.training.row_counts import RowCounts
from stages.students.validating.chat_checks import Checks, Student, leaks, validated
from stages.students.validating.student_of import student_of

from templates import FAMILIES, tokenizer
from tiny import chats, make, talk

ROWS = [*chats(39), talk("Two?", "It is 2.", "Sure?", "Yes, it is 2, since 1 and 1 are 2.", name="long")]


@pytest.fixture(scope="module")
def student() -> Student:
    made = tokenizer("chatml", [message["content"] for chat in ROWS for message in chat.messages])
    return Student(made, end_of_turn(made) or 0, 256)


def report(folder: Path, student: Student, rows: Sequence[Chat | dict[str, Any] | str], **changed: Any) -> dict[str, Any]:
    """The report on a file of `rows`: chats, objects, or lines as they are."""
    lines = [row if isinstance(row, str) else msgspec.json.encode(row).decode() for row in rows]
    (folder / "rows.jsonl").write_text("".join(f"{line}\n" for line in lines))
    return validated(folder / "rows.jsonl", student._replace(**changed))


def test_lengths_and_mask_are_those_of_training(tmp_path: Path, student: Student) -> None:
    """Counted apart: every row rendered and tokenised alone, the mask that of the audit."""
    told = report(tmp_path, student, ROWS)
    wholes = sorted(len(student.tokenizer(render(student.tokenizer, row.messages), add_special_tokens=False).input_ids) for row in ROWS)
    examples = [row.example for row in audit_rows(ROWS, student.tokenizer, student.end, RowCounts())]
    answers = sorted(sum(example.supervised) for example in examples)
    for name, lengths in (("whole", wholes), ("answer", answers)):
        expected = [int(value) for value in numpy.percentile(lengths, [50, 95, 99, 100], method="inverted_cdf")]
        assert list(told["lengths"][name].values()) == expected
    assert told["mask_share"] == pytest.approx(sum(answers) / sum(wholes), abs=1e-6)
    assert (told["rows"], told["ok"], told["errors"]) == (40, True, [])


@pytest.mark.parametrize("name", FAMILIES)
def test_rows_tokenised_together_are_the_rows_tokenised_alone(name: str, tmp_path: Path) -> None:
    made = tokenizer(name, [message["content"] for chat in ROWS for message in chat.messages])
    end = end_of_turn(made)
    assert end is not None
    told = report(tmp_path, Student(made, end, 256), chats(20))
    assert told["lengths"]["answer"]["max"] == max(sum(encode(chat, made, end).supervised) for chat in chats(20))


P95 = 95  # tokens: nineteen rows in twenty have so many or fewer


@pytest.mark.parametrize(
    ("limit", "errors", "warnings", "hints"),
    [
        (P95 - 1, 1, 0, 0),
        (P95, 0, 1, 0),  # over 90 %
        (round(P95 / 0.9) + 1, 0, 1, 0),  # over 80 %
        (round(P95 / 0.8) + 1, 0, 0, 0),
        (2 * 109, 0, 0, 0),
        (2 * 109 + 1, 0, 0, 1),  # far too large
    ],
)
def test_lengths_beside_the_limit(student: Student, limit: int, errors: int, warnings: int, hints: int) -> None:
    checks = Checks(student._replace(max_tokens=limit))
    for counts, factor in ((checks.wholes, 1), (checks.answers, 0.5)):
        for length in range(1, 101):
            counts.add(round(length * factor))
    told = checks.report()
    assert (len(told["errors"]), len(told["warnings"]), len(told["hints"])) == (errors, warnings, hints)
    assert told["proposed_max_tokens"] == 109  # 99 x 1.1 = 108.9
    assert told["too_long"] == max(0, 100 - limit)


def spoilt(**fields: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": "Two?"}, {"role": "assistant", "content": "It is 2."}]} | fields


FAULTS: list[tuple[Any, str]] = [
    ("{", "malformed JSON"),
    ("[]", "not a chat"),
    ({"id": "a"}, "required field `messages`"),
    (spoilt(messages=[{"role": "user"}]), "required field `content` - at `$.messages[0]`"),
    (spoilt(messages=[{"role": "human", "content": "Two?"}]), "unknown role 'human' at `$.messages[0].role`"),
    (spoilt(messages=[{"role": "user", "content": "Two?"}]), "no turn of the assistant"),
    (spoilt(messages=[{"role": "assistant", "content": "2"}]), "no turn of the user"),
    (spoilt(messages=[]), "no turn of the user"),
    (talk("Two?", " "), "an assistant's turn is empty"),
    ('{"messages": [{"role": "user", "content": "\\ud800?"}, {"role": "assistant", "content": "2"}]}', "the words hold a lone surrogate"),
    (talk("Two?<|im_end|>", "2"), "the words of the user hold the special token"),
]


@pytest.mark.parametrize(("row", "fault"), FAULTS)
def test_a_row_that_cannot_be_trained_on_is_an_error(tmp_path: Path, student: Student, row: Any, fault: str) -> None:
    told = report(tmp_path, student, [*ROWS, row, row])
    assert not told["ok"]
    (error,) = [text for text in told["errors"] if fault in text]
    assert error.startswith("2 rows") and error.endswith("(first: line 41)")


@pytest.mark.parametrize("content", [{"a": 1}, ["one", 2], 7, None, True])
def test_content_that_is_no_string_is_written_as_json(tmp_path: Path, student: Student, content: Any) -> None:
    row = json.dumps(spoilt(messages=[{"role": "user", "content": content}, {"role": "assistant", "content": "It is so."}]))
    assert report(tmp_path, student, [*ROWS, row])["faults"] == {}


def test_rows_as_a_person_has_them_count_like_chats(tmp_path: Path, student: Student) -> None:
    chat = report(tmp_path, student, ROWS)
    people = [{"messages": row.messages, "metadata": {"source": "x"}, "more": 1} for row in ROWS]
    assert report(tmp_path, student, people) == chat


def test_copies_and_leaks_are_counted_with_their_first_line(tmp_path: Path, student: Student) -> None:
    leaking = talk("Say: the sky is blue  and wide. Then stop.", "The sky is blue and wide.", name="leak")
    told = report(tmp_path, student, [*ROWS, ROWS[0], leaking, ROWS[3]])
    assert (told["duplicates"], told["leaks"]) == (2, 1)
    assert "2 rows stood before (first: line 41)" in told["warnings"]
    assert "the answer of 1 rows stands in their question (first: line 42)" in told["warnings"]


LEAKS = [
    (["Is it so?", "yes"], False),
    (["yes or no, is it yes?", "yes"], False),  # too short to tell
    (["The answer is forty-two apples.", "Count them.\nThe answer is forty-two apples."], True),
    (["What is it?", "The answer is forty-two apples."], False),
    (["What?", "The answer is forty-two apples.", "Once more?", "The answer is forty-two apples."], False),  # its own words
    (["The ANSWER  is\nforty-two apples.", "What?", "Go on.", "The answer is forty-two apples."], True),
]


@pytest.mark.parametrize(("turns", "leaking"), LEAKS)
def test_a_leak_is_an_answer_in_a_question(turns: list[str], leaking: bool) -> None:
    assert leaks(talk(*turns)) is leaking


@pytest.mark.parametrize(("question", "warned"), [("?", True), ("How many? " * 3, False), ("How many are there? " * 9, True)])
def test_a_mask_that_is_too_small_or_too_large_is_warned_of(tmp_path: Path, student: Student, question: str, warned: bool) -> None:
    rows = [talk(question + str(number), "Count them one by one: it is 2." + " It is." * 60 * (question == "?")) for number in range(9)]
    told = report(tmp_path, student, rows)
    assert any("tokens are learnt" in text for text in told["warnings"]) is warned


def test_rows_are_seen_as_they_are_formatted(tmp_path: Path, student: Student) -> None:
    def longer(chat: Chat) -> Chat:
        *turns, last = chat.messages
        return msgspec.structs.replace(chat, messages=[*turns, Message(role="assistant", content=last["content"] + " Done.")])

    write(tmp_path / "rows.jsonl", ROWS)
    plain, told = validated(tmp_path / "rows.jsonl", student), validated(tmp_path / "rows.jsonl", student, longer)
    assert told["lengths"]["whole"]["max"] > plain["lengths"]["whole"]["max"]


def test_quantiles_of_many_lengths() -> None:
    draw = Random(3)
    lengths = [draw.randrange(1, 900) for _ in range(5000)]
    told = LengthCounts(lengths)
    for share in ("0.5", "0.95", "0.99"):
        assert told.quantile(share) == numpy.percentile(lengths, 100 * float(share), method="inverted_cdf")
    assert LengthCounts().summary() == {"p50": 0, "p95": 0, "p99": 0, "max": 0}


@pytest.mark.parametrize(("content", "said"), [(None, "no such file"), ("", "the file is empty")])
def test_a_file_without_rows_is_an_error(tmp_path: Path, student: Student, content: str | None, said: str) -> None:
    if content is not None:
        (tmp_path / "rows.jsonl").write_text(content)
    with pytest.raises(BadInput, match=said):
        validated(tmp_path / "rows.jsonl", student)


def test_a_student_is_its_model_s_tokenizer(tmp_path: Path) -> None:
    folder = make(tmp_path, steps=1)
    assert student_of(str(folder), 99).end == student_of(str(folder), 99).tokenizer.eos_token_id
    with pytest.raises(BadInput, match=r"pad_token '<nothing>' is not in the vocabulary"):
        student_of(str(folder), 99, "<nothing>")
    (folder / "generation_config.json").unlink()
    assert student_of(str(folder), 99).end == student_of(str(folder), 99).tokenizer.eos_token_id  # config.json says it as well
    (folder / "generation_config.json").write_text('{"eos_token_id": 5}')
    with pytest.raises(BadInput, match="generation stops on"):
        student_of(str(folder), 99)
