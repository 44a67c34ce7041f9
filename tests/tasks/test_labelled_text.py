"""Texts with one of two labels, from every layout that people have, and rule books in text files."""

import csv
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from stages.shared.errors import BadInput
from stages.shared.rows import Kind, Problem
from stages.shared.rule_books import Rule, ids_of
from stages.tasks import labelled_text
from stages.tasks.reading.rule_files import rule_book

from hubs import SHARED, needs_shared, write_hub

LABELS = {"0": "ham", "1": "spam"}
Rows = Sequence[tuple[str, ...]]
ODD = 'Say "yes", then\r\ncall 08; it\'s free — für dich 😀'  # quotes, a comma, a line break, other letters


def texts(count: int, every: int = 4, name: str = "text") -> list[tuple[str, ...]]:
    """One in `every` is spam."""
    return [(f"{name} number {number}", "1" if number % every == 0 else "0") for number in range(count)]


def table(path: Path, rows: Sequence[tuple[str, ...]], header: Sequence[str] = ("text", "label"), encoding: str = "utf-8") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding=encoding, newline="") as file:
        csv.writer(file).writerows([header, *rows])


def lines(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def load(root: Path, split: str, **given: Any) -> list[Problem]:
    params = labelled_text.Params(**{"labels": LABELS} | given)
    return list(labelled_text.load(split, params, root, 0))


def folder_of_tables(root: Path) -> str:
    for split, count in (("train", 40), ("val", 20), ("test", 12)):
        table(root / f"dataset/mail/{split}.csv", texts(count, name=split))
    return "dataset/mail"


def tables_by_prefix(root: Path) -> str:
    for split, count in (("train", 40), ("dev", 20), ("test", 12)):
        table(root / f"mail_{split}.csv", texts(count, name=split))
    return "mail"


def folder_of_lines(root: Path) -> str:
    for split, count in (("train", 40), ("validation", 20), ("test", 12)):
        lines(root / f"mail/{split}.jsonl", [{"message": text, "class": int(label)} for text, label in texts(count, name=split)])
    return "mail"


def folder_of_parquet(root: Path) -> str:
    (root / "mail").mkdir()
    for split, count in (("train", 40), ("val", 20), ("test", 12)):
        rows = [{"text": text, "label": int(label)} for text, label in texts(count, name=split)]
        pq.write_table(pa.Table.from_pylist(rows), root / f"mail/{split}.parquet")
    return "mail"


@pytest.mark.parametrize("make", [folder_of_tables, tables_by_prefix, folder_of_lines, folder_of_parquet])
def test_splits_of_its_own_are_kept(make: Any, tmp_path: Path) -> None:
    data = make(tmp_path)
    sizes = {split: len(load(tmp_path, split, data=data)) for split in ("train", "validation", "test")}
    assert sizes == {"train": 40, "validation": 20, "test": 12}
    row = load(tmp_path, "test", data=data)[4]
    assert (row.kind, row.answer, row.choices, row.question) == (Kind.LABEL, "spam", ["ham", "spam"], "test number 4")


def test_one_file_is_divided_label_by_label(tmp_path: Path) -> None:
    table(tmp_path / "all.csv", texts(1000, every=10))
    drawn = {split: load(tmp_path, split, data="all.csv", test=0.2, validation=0.25) for split in ("train", "validation", "test")}
    assert {split: len(rows) for split, rows in drawn.items()} == {"train": 600, "validation": 200, "test": 200}
    for rows in drawn.values():
        assert Counter(row.answer for row in rows)["spam"] / len(rows) == pytest.approx(0.1)
    assert len({row.id for rows in drawn.values() for row in rows}) == 1000
    assert load(tmp_path, "test", data="all.csv", test=0.2) == drawn["test"]  # how validation is taken does not move it
    assert len(load(tmp_path, "train", data="all.csv", train=7)) == 7


def test_validation_is_taken_from_train_where_there_is_none(tmp_path: Path) -> None:
    table(tmp_path / "m/train.csv", texts(100))
    table(tmp_path / "m/test.csv", texts(20, name="t"))
    sizes = [len(load(tmp_path, split, data="m", validation=0.2)) for split in ("train", "validation", "test")]
    assert sizes == [80, 20, 20]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_quotes_line_breaks_and_a_byte_order_mark(tmp_path: Path, encoding: str) -> None:
    table(tmp_path / "m.csv", [(f"{ODD} {number}", str(number % 2)) for number in range(40)], encoding=encoding)
    rows = [row for split in ("train", "validation", "test") for row in load(tmp_path, split, data="m.csv")]
    assert sorted(row.question for row in rows) == sorted(f"{ODD} {number}" for number in range(40))


def test_columns_by_name_and_ids_of_their_own(tmp_path: Path) -> None:
    rows = [(f"n{number}", "x", f"text {number}", "ab"[number % 2]) for number in range(40)]
    table(tmp_path / "m.csv", rows, header=["id", "text", "said", "Label"])
    given = {"data": "m.csv", "text": "said", "labels": {"a": "left", "b": "right"}}
    drawn = load(tmp_path, "train", **given)
    assert drawn[0].id.startswith("n") and drawn[0].question.startswith("text ") and drawn[0].answer in ("left", "right")


BAD: list[tuple[str, Sequence[str], Rows, str]] = [
    ("columns", ["said", "label"], texts(9), "no text column: expected one column named text, sms"),
    ("columns", ["text", "spamness"], texts(9), "no label column: expected one column named label, labels"),
    ("two", ["text", "sms"], texts(9), "found 'text', 'sms'"),
    ("label", ["text", "label"], [*texts(9), ("more", "2")], "m.csv:11: unknown label '2'; `labels` has: '0', '1'"),
    ("blank", ["text", "label"], [*texts(9), ("  ", "1")], "m.csv:11: expected a text, got '  '"),
    ("cells", ["text", "label"], [*texts(9), ("a", "1", "b")], "m.csv:11: 3 cells, but the header has 2"),
    ("empty class", ["text", "label"], [(f"t{number}", "0") for number in range(30)], "no train row has the label spam"),
    ("empty", ["text", "label"], [], "no train row has the label ham, spam"),
]


@pytest.mark.parametrize(("name", "header", "rows", "told"), BAD, ids=[case[0] for case in BAD])
def test_a_table_that_does_not_fit_is_told(tmp_path: Path, name: str, header: Sequence[str], rows: Rows, told: str) -> None:
    table(tmp_path / "m.csv", rows, header)
    with pytest.raises(BadInput) as error:
        load(tmp_path, "train", data="m.csv")
    assert told in str(error.value)


def test_an_empty_class_in_a_small_split_is_told(tmp_path: Path) -> None:
    table(tmp_path / "m.csv", [*[(f"t{number}", "0") for number in range(50)], ("only", "1")])
    with pytest.raises(BadInput, match="no test row has the label spam"):
        load(tmp_path, "test", data="m.csv")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("{", "m.jsonl:1: malformed JSON"),
        ("[1]", "m.jsonl:1: expected an object, got list"),
        ('{"text": 3, "label": 1}', "expected a text, got 3"),
    ],
)
def test_a_line_that_does_not_fit_is_told(tmp_path: Path, content: str, told: str) -> None:
    (tmp_path / "m.jsonl").write_text(content + "\n")
    with pytest.raises(BadInput) as error:
        load(tmp_path, "train", data="m.jsonl")
    assert told in str(error.value)


def test_what_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no such file, and none of"):
        load(tmp_path, "train", data="none")
    table(tmp_path / "m/train.csv", texts(9))
    table(tmp_path / "m/val.csv", texts(9))
    with pytest.raises(BadInput, match="train and validation, but no test split"):
        load(tmp_path, "test", data="m")
    table(tmp_path / "m/valid.csv", texts(9))
    with pytest.raises(BadInput, match=r"valid\.csv is there as well; keep one"):
        load(tmp_path, "validation", data="m")
    (tmp_path / "latin.csv").write_bytes("text,label\nfür,1\n".encode("latin-1"))
    with pytest.raises(BadInput, match="not UTF-8 text"):
        load(tmp_path, "train", data="latin.csv")


@pytest.mark.parametrize("labels", [{"0": "ham"}, {"0": "ham", "1": "Ham"}, {"0": "ham", "1": " "}, {"0": "ham", "1": "spam "}])
def test_labels_are_two_and_different(labels: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"labels|label"):
        labelled_text.Params(data="m", labels=labels)


def test_a_data_set_of_the_hub(tmp_path: Path) -> None:
    rows = [{"sms": f"message {number}\n", "label": number % 2} for number in range(50)]
    write_hub(tmp_path / "some/sms", {"plain_text": {"train": rows}})
    drawn = load(tmp_path, "train", data="some/sms", config="plain_text")
    assert {row.id: row.question for row in drawn}["plain_text-train-1"] == "message 1"  # without its line break


@needs_shared
@pytest.mark.parametrize(
    ("data", "config", "positive", "sizes"),
    [("ucirvine/sms_spam", "plain_text", 0.1367, (1895, 335, 557)), ("iamollas/ethos", "binary", 0.443, (531, 94, 156))],
)
def test_real_rows_are_divided_alike(data: str, config: str, positive: float, sizes: tuple[int, ...]) -> None:
    drawn = [load(SHARED / "hub", split, data=data, config=config) for split in ("train", "validation", "test")]
    assert tuple(map(len, drawn)) == sizes
    for rows in drawn:
        assert Counter(row.answer for row in rows)["spam"] / len(rows) == pytest.approx(positive, abs=0.006)


RULE = "name: Late parcel\nlabel: spam\n"


def written(folder: Path, *files: str) -> Path:
    folder.mkdir(exist_ok=True)
    for number, text in enumerate(files):
        (folder / f"{number}.txt").write_text(text, encoding="utf-8")
    return folder


def test_a_rule_book_of_text_files(tmp_path: Path) -> None:
    first = "\ufeff# a remark\r\nRule: Prize\r\nClass: SPAM\r\nWhen: it tells of a prize\r\n"
    first += "Unless:\r\n- R2\r\n- a friend writes\r\nExamples:\r\n  1. You won!\r\n"
    second = (
        "title: Friend\nlabel: ham\ndescription: people who know\n  each other\nright_examples: Hi!\nwrong examples:\n* Dear: customer\n"
    )
    assert rule_book(written(tmp_path / "rules", first, second), ["ham", "spam"]) == [
        Rule("R1", "Prize", "spam", "it tells of a prize", ("R2", "a friend writes"), ("You won!",)),
        Rule("R2", "Friend", "ham", "people who know each other", (), ("Hi!",), ("Dear: customer",)),
    ]


BAD_RULES = [
    ([RULE, "label: spam\n"], "1.txt: a rule without a name: expected a line `name: ...`"),
    (["name:\nlabel: spam\n"], "0.txt: a rule without a name"),
    (["name: Late\n"], "0.txt: a rule without a label"),
    ([RULE + "id: R7\n", RULE + "id: r7\n"], "1.txt: the id 'r7' is that of the rule 'Late parcel' already"),
    ([RULE + "id: R2\n", RULE], "1.txt: the id 'R2' is that of the rule 'Late parcel' already"),
    (["name: Late\nlabel: spma\n"], "0.txt: unknown label 'spma' (did you mean 'spam'?); choose from: ham, spam"),
    ([RULE + "trigers: late\n"], "0.txt:3: unknown key 'trigers' (did you mean 'trigger'?)"),
    ([RULE + "Label: ham\n"], "0.txt:3: the key 'label' stands twice"),
    (["Late parcels are spam.\n"], "0.txt:1: expected `key: value`, got 'Late parcels are spam.'"),
    ([RULE + "id: first one\n"], "0.txt: id 'first one': expected letters and a number"),
    ([], "no rule book: expected a folder with a *.txt file for each rule"),
]


@pytest.mark.parametrize(("files", "told"), BAD_RULES, ids=[case[1][:30] for case in BAD_RULES])
def test_a_rule_book_that_does_not_hold_is_told(tmp_path: Path, files: Sequence[str], told: str) -> None:
    with pytest.raises(BadInput) as error:
        rule_book(written(tmp_path / "rules", *files), ["ham", "spam"])
    assert told in str(error.value)


def test_texts_carry_their_rule_book(tmp_path: Path) -> None:
    table(tmp_path / "m.csv", texts(40))
    written(tmp_path / "rules", RULE, "name: Other\nlabel: ham\n")
    row = load(tmp_path, "train", data="m.csv", rule_book="rules")[0]
    assert ids_of(row.rule_book or "") == ["R1", "R2"] and row.chain is None


def test_the_project_s_own_rule_book_is_one() -> None:
    root = Path(__file__).resolve().parents[2] / "data/hub/rules"
    for folder in root.iterdir():
        assert len(rule_book(folder, ["ham", "spam"])) >= 3
