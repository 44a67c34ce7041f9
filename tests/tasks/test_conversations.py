"""Your own conversations: what a file may hold, what is wrong with a row, by file, line and field, and how they are divided."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest
from stages.shared.errors import BadInput
from stages.shared.rows import Kind, Problem
from stages.tasks.conversations import Params, load
from stages.tasks.splitting.decontaminate import Sieve

Row = dict[str, Any]


def turns(*contents: Any, system: Any = None) -> list[Row]:
    messages = [{"role": "system", "content": system}] if system else []
    return messages + [{"role": ("user", "assistant")[place % 2], "content": content} for place, content in enumerate(contents)]


def row(*contents: Any, system: Any = None, **metadata: Any) -> Row:
    return {"messages": turns(*contents, system=system), "metadata": metadata}


LATE = row("Is it late?", "It is ten.", "And now?", "Eleven.", id="late")


def write(path: Path, *rows: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join((one if isinstance(one, str) else json.dumps(one)) + "\n" for one in rows))


def read(root: Path, split: str = "train", **params: Any) -> list[Problem]:
    section = Params.model_validate({"file": "mine.jsonl", "held_out": 0.000001} | params)
    return list(load(split, section, root, 0))


def test_a_train_conversation_is_one_problem(tmp_path: Path) -> None:
    write(tmp_path / "mine.jsonl", LATE)
    (problem,) = read(tmp_path)
    assert (problem.id, problem.task, problem.kind, problem.split, problem.level) == ("late", "conversations", Kind.OPEN, "train", 2)
    assert (problem.question, problem.answer, problem.solution) == ("And now?", "Eleven.", "Eleven.")
    assert problem.history == LATE["messages"][:2]


def test_a_held_out_conversation_is_a_problem_a_turn(tmp_path: Path) -> None:
    write(
        tmp_path / "mine.jsonl",
        row("Ten?", "10.", "Two?", "So 2.", system="Be kind.", id="a", split="test", kind="number", answers=["10", "2.0"]),
    )
    first, second = read(tmp_path, "test")
    system = {"role": "system", "content": "Be kind."}
    assert (first.id, first.question, first.answer, first.solution, first.level, first.history) == (
        "a#turn1",
        "Ten?",
        "10",
        "10.",
        1,
        [system],
    )
    assert (second.id, second.answer, second.solution, second.level) == ("a#turn2", "2", "So 2.", 2)
    assert second.history == [system, *turns("Ten?", "10.")]
    assert read(tmp_path) == []


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ({"b": 1, "a": "é"}, '{"b": 1, "a": "é"}'),
        (["x", 2], '["x", 2]'),
        (3.5, "3.5"),
        (True, "true"),
        (None, ""),
        ("", ""),
        ("<think>So.</think>\n\nTen.", "So.\n\nTen."),
    ],
)
def test_content_becomes_text(content: Any, text: str, tmp_path: Path) -> None:
    write(tmp_path / "mine.jsonl", row("Is it late?", content, "And now?", content))
    (problem,) = read(tmp_path)
    assert (problem.solution, (problem.history or [])[-1]["content"]) == (text, text)


def test_the_users_words_keep_their_tags(tmp_path: Path) -> None:
    write(tmp_path / "mine.jsonl", row("What is <think>?", "A tag."))
    assert read(tmp_path)[0].question == "What is <think>?"


def test_an_id_is_made_of_the_messages(tmp_path: Path) -> None:
    write(tmp_path / "mine.jsonl", row("a?", "b."), row("a?", "c."), row("a?", "b."), {"messages": turns("d?", "e.")})
    ids = [problem.id for problem in read(tmp_path)]
    assert len(set(ids)) == 4 and ids[2] == f"{ids[0]}-2"
    sieve = Sieve(0.8)
    assert [leak.kind if (leak := sieve.train(problem)) else None for problem in read(tmp_path)] == [None, "repeat", "repeat", None]


BAD: list[tuple[Any, str]] = [
    ("{", "malformed JSON"),
    ([], "not a Line"),
    ({"metadata": {}}, "missing required field `messages`"),
    ({"messages": turns("a?", "b."), "meta": 1}, "unknown field `meta`"),
    ({"messages": [{"role": "user"}]}, r"missing required field `content` - at `\$.messages\[0\]`"),
    ({"messages": [{"content": "a?"}]}, r"missing required field `role` - at `\$.messages\[0\]`"),
    ({"messages": [{"role": "user", "content": "a?", "weight": 0}]}, "unknown field `weight`"),
    ({"messages": "a?"}, r"Expected `array`, got `str` - at `\$.messages`"),
    ({"messages": turns("a?", "b."), "metadata": 3}, r"Expected `object`, got `int` - at `\$.metadata`"),
    ({"messages": []}, "messages: expected turns of user and assistant, the assistant's last"),
    (row("a?"), "messages: expected turns of user and assistant, the assistant's last"),
    (row("a?", "b.", "c?"), "the assistant's last"),
    ({"messages": [{"role": "bot", "content": "a?"}]}, r"messages\[0\].role: expected 'user', got 'bot'"),
    ({"messages": turns("a?", "b.") + turns("a?", "b.")[1:]}, r"messages\[2\].role: expected 'user', got 'assistant'"),
    (row("a?", "b.", " ", "c."), r"messages\[2\].content: the user's turn is blank"),
    (row("a?", "b.", kind="choice", answers=["A"]), "metadata.kind: unknown kind 'choice'"),
    (row("a?", "b.", kind="number"), "metadata.answers: missing"),
    (row("a?", "b.", kind="number", answers=["1", "2"]), "metadata.answers: expected 1, one for each answer, got 2"),
    (row("a?", "b.", kind="number", answers=["many"]), r"metadata.answers\[0\]: does not parse as number, got 'many'"),
    (row("a?", "b.", split="dev"), "metadata.split: unknown split 'dev'"),
]


@pytest.mark.parametrize(("bad", "fault"), BAD)
def test_a_bad_row_is_named_by_file_line_and_field(bad: Any, fault: str, tmp_path: Path) -> None:
    write(tmp_path / "mine.jsonl", LATE, bad)
    with pytest.raises(BadInput, match=rf"mine\.jsonl:2: .*{fault}"):
        read(tmp_path)


def test_splits_come_from_rows_folders_and_the_hash(tmp_path: Path) -> None:
    write(tmp_path / "mine/test/a.jsonl", row("a?", "b.", id="a"), row("c?", "d.", id="c", split="train"))
    write(tmp_path / "mine/b.jsonl", *(row(f"{number}?", "b.", id=f"r{number}") for number in range(200)))
    held = {problem.conversation for problem in read(tmp_path, "test", file="mine", held_out=0.2)}
    kept = {problem.id for problem in read(tmp_path, "train", file="mine", held_out=0.2)}
    assert "a" in held and "c" in kept and 20 < len(held) < 60 and len(held | kept) == 202 and not held & kept
    assert len(read(tmp_path, "train", file="mine", held_out=0.2, train=5)) == 5
    write(tmp_path / "mine.jsonl", LATE)
    with pytest.raises(BadInput, match=r"mine\.jsonl:1: metadata\.split: missing"):
        read(tmp_path, held_out=None)
    with pytest.raises(BadInput, match=r"no\.jsonl: no such file; tasks\.conversations\.file"):
        read(tmp_path, file="no.jsonl")


@pytest.mark.parametrize("ending", [".parquet", ".csv"])
def test_tables_hold_conversations_as_well(ending: str, tmp_path: Path) -> None:
    rows = [LATE, row("Is it late?", "No.", "Sure?", "Yes.", id="sure")]
    write(tmp_path / "mine.jsonl", *rows)
    columns = {name: [each[name] for each in rows] for name in ("messages", "metadata")}
    if ending == ".csv":
        columns = {name: [json.dumps(cell) for cell in cells] for name, cells in columns.items()}
    table, path = pa.table(columns), tmp_path / f"own{ending}"
    (pq.write_table if ending == ".parquet" else pa_csv.write_csv)(table, path)
    wanted, made = (read(tmp_path, file=name) for name in ("mine.jsonl", path.name))
    assert made == wanted and len(made) > 1


def test_a_row_of_a_table_that_is_no_conversation_is_told(tmp_path: Path) -> None:
    pq.write_table(pa.table({"messages": ["a?"]}), tmp_path / "own.parquet")
    with pytest.raises(BadInput, match=r"own\.parquet: row 1: not a conversation: Expected `array`, got `str` - at `\$\.messages`"):
        read(tmp_path, file="own.parquet")
