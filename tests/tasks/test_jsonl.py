"""Your own problems in the shapes that are about: options, premises, tables, truth values; what is wrong with a row; folders of files."""

import csv
import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError
from stages.shared.errors import BadInput
from stages.shared.rows import Kind, Problem
from stages.tasks.jsonl import Params, load
from stages.tasks.reading.own_lines import own_lines
from stages.tasks.reading.table_files import present

Row = dict[str, Any]
ASKED: Row = {"id": "a", "question": "Which?"}
OPTIONS: Row = {"label": ["A", "B"], "text": ["red", "blue"]}
DIGITS = {"label": ["1", "2", "3"], "text": ["3", "red", "blue"]}
PAIR: Row = {"id": "a", "premise": "A cat sleeps.", "hypothesis": "A cat runs."}
TABLE = "Thing | Price\nPen | 3"


def write(path: Path, *rows: Row) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def everything(root: Path, **params: Any) -> list[Problem]:
    section = Params.model_validate({"file": "mine.jsonl", "held_out": 0.5} | params)
    return [problem for split in ("train", "test") for problem in load(split, section, root, 0)]


SHAPES: list[tuple[Row, dict[str, Any]]] = [
    (ASKED | {"choices": OPTIONS, "answerKey": "B"}, {"kind": Kind.CHOICE, "answer": "B", "choices": ["red", "blue"]}),
    (ASKED | {"choices": OPTIONS, "answerKey": "B", "gold_answer": "blue", "answer": "b", "label": 1}, {"answer": "B"}),
    (ASKED | {"choices": OPTIONS, "label": "A"}, {"answer": "A"}),
    (ASKED | {"choices": ["red", "blue"], "gold_answer": "blue"}, {"kind": Kind.CHOICE, "answer": "B"}),
    (ASKED | {"choices": DIGITS, "answerKey": 3}, {"answer": "C"}),
    (ASKED | {"choices": DIGITS, "gold_answer": "blue"}, {"answer": "C"}),
    (ASKED | {"choices": ["red", "blue"], "kind": "label", "label": 1}, {"kind": Kind.LABEL, "answer": "blue"}),
    (PAIR | {"label": 2}, {"kind": Kind.NLI, "answer": "contradiction", "context": "A cat sleeps.", "question": "A cat runs."}),
    (PAIR | {"label": "n"}, {"answer": "neutral"}),
    (PAIR | {"gold_answer": "Entailment"}, {"answer": "entailment"}),
    (ASKED | {"answer": True}, {"kind": Kind.YES_NO, "answer": "yes"}),
    (ASKED | {"gold_answer": "False"}, {"kind": Kind.YES_NO, "answer": "no"}),
    (ASKED | {"answer": False, "gold_answer": "no"}, {"kind": Kind.YES_NO, "answer": "no"}),
    (ASKED | {"gold_answer": 8}, {"kind": Kind.NUMBER, "answer": "8"}),
    (ASKED | {"table": TABLE, "gold_answer": "3"}, {"kind": Kind.NUMBER, "context": TABLE}),
    (ASKED | {"table": [["Thing", "Price"], ["Pen", 3]], "gold_answer": "3"}, {"context": TABLE}),
    (ASKED | {"table": TABLE, "context": "A shop.", "choices": OPTIONS, "gold_answer": "red"}, {"context": f"A shop.\n\n{TABLE}"}),
    (ASKED | {"kind": "expression", "gold_answer": r"\frac12"}, {"kind": Kind.EXPRESSION, "answer": r"\frac12"}),
]


@pytest.mark.parametrize(("row", "expected"), SHAPES)
def test_shapes(row: Row, expected: dict[str, Any], tmp_path: Path) -> None:
    write(tmp_path / "mine.jsonl", row)
    (problem,) = everything(tmp_path)
    assert {field: getattr(problem, field) for field in expected} == expected


BAD: list[tuple[Row, str]] = [
    (ASKED | {"choices": OPTIONS, "answerKey": "E"}, "the gold answer 'E' names no option; choose from: A, B"),
    (ASKED | {"choices": OPTIONS, "answerKey": "red"}, "the gold answer 'red' names no option; choose from: A, B"),
    (ASKED | {"choices": OPTIONS, "gold_answer": "green"}, "the gold answer 'green' names no option; choose from: A, B"),
    (ASKED | {"choices": OPTIONS, "label": 2}, "the gold answer '2' names no option; choose from: A, B"),
    (ASKED | {"choices": DIGITS, "gold_answer": "3"}, "the gold answer '3' is the label of one option and the text of another"),
    (ASKED | {"choices": OPTIONS, "answerKey": "A", "answer": "blue"}, "`answer` and `answerKey` differ: 'blue' and 'A'"),
    (ASKED | {"choices": OPTIONS | {"label": ["A", "A"]}, "answerKey": "A"}, "duplicate option label 'A' among A, A"),
    (ASKED | {"choices": OPTIONS | {"label": ["A"]}, "answerKey": "A"}, "1 option labels for 2 option texts"),
    (ASKED | {"choices": [], "answer": "A"}, "expected 2 to 26 options, got 0"),
    (ASKED | {"choices": ["red", ""], "answer": "A"}, "an option is blank or no text, got ''"),
    (ASKED | {"kind": "choice", "answer": "A"}, "a choice without `choices`"),
    (PAIR | {"hypothesis": None, "label": 0}, "`premise` without `hypothesis`"),
    (PAIR | {"premise": None, "question": "?", "label": 0}, "`hypothesis` without `premise`"),
    (PAIR | {"premise": " ", "label": 0}, "`premise` is blank"),
    (PAIR | {"question": "Does it?", "label": 0}, "`premise` and `hypothesis` stand for `context` and `question`; give one pair only"),
    (PAIR | {"label": 3}, "the gold answer does not parse as nli, got '3'"),
    (ASKED | {"answer": True, "gold_answer": "no"}, "`answer` and `gold_answer` differ: True and 'no'"),
    (ASKED | {"kind": "number", "answer": True}, "the gold answer does not parse as number, got True"),
    (ASKED | {"table": "Thing | Price\nPen", "answer": "3"}, "the table does not parse: row 2 has 1 cells, row 1 has 2"),
    (ASKED | {"table": "Thing\nPen", "answer": "3"}, "the table does not parse: expected cells parted by ' | ', got 'Thing'"),
    (ASKED | {"table": "Pens cost 3.", "answer": "3"}, "the table does not parse: expected a head and at least one row, got 1 line(s)"),
    (ASKED | {"table": [["Thing", "Price"], ["a | b", 3]], "answer": "3"}, "the table does not parse: a cell holds a line break or '|'"),
    (ASKED | {"answer": "yes"}, "mixed kinds in one file: this row is yes_no, the first is number; name all kinds in tasks.jsonl.kinds"),
    (ASKED | {"kind": "expression", "answer": "1"}, "mixed kinds in one file: this row is expression, the first is number; "),
]


@pytest.mark.parametrize(("row", "told"), BAD)
def test_a_bad_row_is_told_in_one_line(row: Row, told: str, tmp_path: Path) -> None:
    write(tmp_path / "mine.jsonl", {"id": "first", "question": "What is 1 + 1?", "answer": "2"}, row)
    with pytest.raises(BadInput) as error:
        everything(tmp_path)
    assert str(error.value).startswith(f"{tmp_path / 'mine.jsonl'}:2: {told}") and "\n" not in str(error.value)


def test_kinds(tmp_path: Path) -> None:
    write(tmp_path / "mine.jsonl", ASKED | {"answer": "2"}, PAIR | {"id": "b", "label": 0})
    assert {problem.kind for problem in everything(tmp_path, kinds=["nli", "number"])} == {Kind.NLI, Kind.NUMBER}
    with pytest.raises(BadInput, match=r"mine\.jsonl:2: mixed kinds in one file: this row is nli, tasks\.jsonl\.kinds has number, choice"):
        everything(tmp_path, kinds=["number", "choice"])
    for wrong in ([], ["numbr"], "number"):
        with pytest.raises(ValidationError):
            Params.model_validate({"file": "mine.jsonl", "kinds": wrong})


def test_folders(tmp_path: Path) -> None:
    """Each file has a kind of its own; `train/` and `test/` say the split of rows that do not."""
    rows: dict[str, Row] = {"b/train/x": {"answer": "1"}, "a/test/x": {"answer": True}, "train/y": {"answer": "2", "split": "test"}}
    for name, row in rows.items():
        write(tmp_path / "own" / f"{name}.jsonl", ASKED | {"id": name} | row)
    found = everything(tmp_path, file="own")
    assert [(problem.id, problem.split) for problem in found] == [("b/train/x", "train"), ("a/test/x", "test"), ("train/y", "test")]
    assert [problem.id for problem in everything(tmp_path, file="own", skip_train=True)] == ["a/test/x"]
    nothing = r"the folder holds no \*\.jsonl, \*\.csv or \*\.parquet file"
    with pytest.raises(BadInput, match=f"own/b: {nothing} outside train/, which skip_train leaves out"):
        everything(tmp_path, file="own/b", skip_train=True)
    (tmp_path / "none").mkdir()
    with pytest.raises(BadInput, match=f"none: {nothing}$"):
        everything(tmp_path, file="none")
    write(tmp_path / "own/train/test/z.jsonl", ASKED | {"answer": "1"})
    with pytest.raises(BadInput, match=r"test/z\.jsonl: it lies in a folder train and in a folder test"):
        everything(tmp_path, file="own")


def test_validation_rows_are_named_or_a_share_of_train(tmp_path: Path) -> None:
    """By the row, by the folder, or taken out of train by id; rows of the first two stay whatever the share."""
    write(tmp_path / "mine/validation/a.jsonl", {"id": "a", "question": "?", "answer": 1})
    write(tmp_path / "mine/b.jsonl", *({"id": f"b{n}", "question": "?", "answer": 1, "split": "train"} for n in range(100)))
    write(tmp_path / "mine/c.jsonl", {"id": "c", "question": "?", "answer": 1, "split": "validation"})

    def ids(split: str, **params: Any) -> set[str]:
        return {problem.id for problem in load(split, Params(file="mine", **params), tmp_path, 0)}

    assert ids("validation") == {"c", "a"} and ids("validation", validation=1) == {"c"} and ids("validation", validation=0) == set()
    shared = ids("validation", validation=0.3)
    assert {"a", "c"} < shared and 10 < len(shared) < 50
    assert ids("train", validation=0.3) == ids("train") - shared and ids("train") >= shared - {"a", "c"}
    (tmp_path / "mine/validation/test").mkdir()
    write(tmp_path / "mine/validation/test/d.jsonl", {"id": "d", "question": "?", "answer": 1})
    with pytest.raises(BadInput, match=r"d\.jsonl: it lies in a folder validation and in a folder test"):
        ids("train")


PLAIN = '{"id": "a", "question": "How many?", "answer": "2"}'
FORGIVEN = {
    "a byte order mark": ("\ufeff" + PLAIN, ["a"]),
    "Windows line ends": (PLAIN + "\r\n" + PLAIN.replace('"a"', '"b"') + "\r\n", ["a", "b"]),
    "blank lines": ("\n" + PLAIN + "\n \n\n" + PLAIN.replace('"a"', '"b"'), ["a", "b"]),
    "a whole number as id": (PLAIN.replace('"a"', "7"), ["7"]),
    "a null as id": (PLAIN.replace('"a"', "null"), None),
    "no id": (PLAIN.replace('"id": "a", ', ""), None),
}


@pytest.mark.parametrize("what", FORGIVEN)
def test_what_loses_nothing_is_forgiven(what: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text, ids = FORGIVEN[what]
    (tmp_path / "mine.jsonl").write_bytes(text.encode())
    found = everything(tmp_path)
    assert [problem.answer for problem in found] == ["2"] * len(found)
    if ids:
        assert sorted(problem.id for problem in found) == ids
    else:
        assert re.fullmatch(r"row-[0-9a-f]{16}", found[0].id)
    assert capsys.readouterr().err == ""


def test_an_id_made_of_the_row_stays_wherever_the_row_stands(tmp_path: Path) -> None:
    rows: list[Row] = [{"question": f"How many are {number}?", "answer": number} for number in range(9)]
    made = []
    for given in (rows, rows[::-1], [dict(reversed(row.items())) for row in rows]):
        write(tmp_path / "mine.jsonl", *given)
        made.append({problem.question: problem.id for problem in everything(tmp_path)})
    assert made[0] == made[1] == made[2] and len(set(made[0].values())) == 9
    write(tmp_path / "mine.jsonl", rows[0], rows[1], rows[0])
    with pytest.raises(BadInput, match=r"mine\.jsonl:3: duplicate id 'row-[0-9a-f]{16}', as in line 1; every row needs its own"):
        everything(tmp_path)


def test_fields_of_no_problem_are_told_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path / "mine.jsonl", *({"id": str(number), "question": "?", "answer": 1, "author": "me", "b": 2} for number in range(9)))
    assert len(everything(tmp_path)) == 9
    assert capsys.readouterr().err == f"{tmp_path / 'mine.jsonl'}: fields that no problem has are left out: author, b\n"


def test_a_key_that_stands_twice_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.jsonl").write_text('{"question": "a", "answer": 1, "choices": {"A": "x", "A": "y"}}\n')
    with pytest.raises(BadInput, match=r"mine\.jsonl:1: malformed JSON: the key 'A' stands twice"):
        list(own_lines(tmp_path / "mine.jsonl"))


@pytest.mark.parametrize("choices", [{"A": "red", "B": "blue"}, {"x": "red", "y": "blue"}])
def test_choices_may_be_a_mapping(choices: Row, tmp_path: Path) -> None:
    write(tmp_path / "mine.jsonl", ASKED | {"choices": choices, "answerKey": list(choices)[1]})
    (problem,) = everything(tmp_path)
    assert (problem.kind, problem.choices, problem.answer) == (Kind.CHOICE, ["red", "blue"], "B")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[1, 2]", '1: expected a mapping such as {"question": ...}, got [1, 2]'),
        (
            "[\n" + PLAIN + "\n]",
            "1: malformed JSON: Expecting value: line 1 column 2 (char 1); the file is one list: write each of its rows on a line",
        ),
        (PLAIN + '\n{"id": "b"', "2: malformed JSON: Expecting ',' delimiter"),
        ('{"id": 1.5, "question": "?", "answer": "2"}', "1: Expected `str`, got `float` - at `$.id`"),
        ('{"id": "a", "question": "?", "answr": "2"}', "1: unknown field `answr` (did you mean `answer`?)"),
        ('{"question": "?", "answer": NaN}', "1: malformed JSON: "),
    ],
)
def test_what_is_no_row_is_told(text: str, told: str, tmp_path: Path) -> None:
    (tmp_path / "mine.jsonl").write_text(text)
    with pytest.raises(BadInput) as error:
        everything(tmp_path)
    assert str(error.value).startswith(f"{tmp_path / 'mine.jsonl'}:{told}")


@pytest.mark.parametrize("text", ["", "\n\n", "\ufeff\n"])
def test_a_file_without_rows_is_told(text: str, tmp_path: Path) -> None:
    (tmp_path / "mine.jsonl").write_text(text)
    with pytest.raises(BadInput, match=r"mine\.jsonl: the file is empty; expected one problem a line, as JSON$"):
        everything(tmp_path)


def rows_as_table(path: Path, rows: list[Row]) -> None:
    """In CSV as a spreadsheet saves them, in Parquet with the types that they have."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    if path.suffix == ".parquet":
        pq.write_table(pa.table({name: [row.get(name) for row in rows] for name in columns}), path)
        return
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        table = csv.DictWriter(file, columns)
        table.writeheader()
        for row in rows:
            table.writerow({name: json.dumps(value) if isinstance(value, dict | list) else value for name, value in row.items()})


ODD = 'Say "6",\nthen half?'  # quotes, a comma, a line break
TABLED: list[list[Row]] = [
    [{"id": "a", "question": ODD, "answer": "3", "level": 2}, {"id": "b", "question": "?", "answer": "1/2", "solution": "1"}],
    [{"id": 7, "question": "?", "answer": 8}, {"id": 8, "question": "?", "answer": 9}],
    [ASKED | {"choices": {"A": "red", "B": "sky"}, "label": 0}, ASKED | {"id": "b", "choices": {"A": "1", "B": "2", "C": "3"}, "label": 2}],
    [ASKED | {"choices": ["red", "blue"], "label": 1}],
    [ASKED | {"table": [["Thing", "Price"], ["Pen", "3"]], "answer": "3"}],
    [PAIR | {"label": 2, "split": "test"}],
    [{"question": "Can eels sing?", "answer": "False"}],
]


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
@pytest.mark.parametrize("rows", TABLED)
def test_a_table_gives_what_json_lines_give(rows: list[Row], ending: str, tmp_path: Path) -> None:
    write(tmp_path / "mine.jsonl", *rows)
    rows_as_table(tmp_path / f"own{ending}", rows)
    wanted, made = (everything(tmp_path, file=name) for name in ("mine.jsonl", f"own{ending}"))
    if "id" not in rows[0]:  # it is made of the row, in which a table may have further types
        wanted, made = ([msgspec.structs.replace(problem, id="") for problem in problems] for problems in (wanted, made))
    assert made == wanted and len(made) == len(rows)


BAD_TABLES = [
    ("own.csv", b"question;answer\n?;1\n", "own.csv:1: the cells are parted by ';'; save the table with commas"),
    ("own.csv", b"question,answer\n?,1\n?\n", "own.csv:3: 1 cells, but the header has 2"),
    ("own.csv", b"question,answer,answer\n?,1,2\n", "own.csv:1: the column 'answer' stands twice"),
    ("own.csv", b'question,answer\n"?,1\n', "own.csv:2: not CSV: unexpected end of data"),
    ("own.csv", "question,answer\nWie spät?,1\n".encode("latin-1"), "own.csv: not UTF-8 text: invalid "),
    ("own.csv", b"question,answer\n", "own.csv: the file is empty; expected one problem a row"),
    ("own.csv", b'question,choices,answer\n?,"[1, ",1\n', "own.csv:2: choices: malformed JSON: "),
    ("own.csv", b'question,choices,answer\n?,"{""A"": 1, ""A"": 2}",A\n', "own.csv:2: choices: malformed JSON: the key 'A' stands twice"),
    ("own.csv", b"question,choices,answer\n?,[NaN],A\n", "own.csv:2: choices: malformed JSON: NaN is no JSON"),
    ("own.CSV", b"question,answer\n?,\n", "own.CSV:2: missing field `answer`"),
    ("own.csv", b"question,answr\n?,1\n", "own.csv:2: unknown field `answr` (did you mean `answer`?)"),
    ("own.csv", b"id,question,answer\na,?,1\na,?,2\n", "own.csv:3: duplicate id 'a', as in line 2; every row needs its own"),
    ("own.csv", b"question,answer\n?,\n", "own.csv:2: missing field `answer`"),
    ("own.parquet", b"question,answer\n?,1\n", "own.parquet: not Parquet: "),
]


@pytest.mark.parametrize(("name", "content", "told"), BAD_TABLES)
def test_what_is_no_table_is_told(name: str, content: bytes, told: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(BadInput) as error:
        everything(tmp_path, file=name)
    assert str(error.value).startswith(f"{tmp_path}/{told}") and "\n" not in str(error.value)


def test_parquet_that_would_lose_a_column_or_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    questions, answers = pa.array(["?", "?"]), pa.array(["1", "2"])
    pq.write_table(pa.Table.from_arrays([questions, answers, answers], ["question", "answer", "answer"]), tmp_path / "own.parquet")
    with pytest.raises(BadInput, match=r"own\.parquet: the column 'answer' stands twice"):
        everything(tmp_path, file="own.parquet")
    latin = pa.Array.from_buffers(pa.string(), 2, pa.array([b"?", b"sp\xe4t?"], pa.binary()).buffers())
    pq.write_table(pa.Table.from_arrays([latin, answers], ["question", "answer"]), tmp_path / "own.parquet")
    with pytest.raises(BadInput, match=r"own\.parquet: row 2: a text is not UTF-8: "):
        everything(tmp_path, file="own.parquet")


def test_a_mapping_of_missing_values_is_missing() -> None:
    assert present({"question": "?", "choices": {"A": None, "B": None}, "table": {"a": 1, "b": None}}) == {
        "question": "?",
        "table": {"a": 1},
    }


def test_a_row_of_parquet_is_named_by_its_number(tmp_path: Path) -> None:
    rows_as_table(tmp_path / "own.parquet", [{"id": "a", "question": "?", "answer": "1"}, {"id": "a", "question": "?", "answer": "2"}])
    with pytest.raises(BadInput, match=r"own\.parquet: row 2: duplicate id 'a', as in row 1; every row needs its own"):
        everything(tmp_path, file="own.parquet")


def test_the_root_may_be_the_file_and_a_folder_may_hold_all_formats(tmp_path: Path) -> None:
    rows: list[Row] = [{"question": f"How many are {number}?", "answer": str(number)} for number in range(3)]
    (tmp_path / "own").mkdir()
    for ending, row in zip((".csv", ".jsonl", ".parquet"), rows, strict=True):
        (rows_as_table if ending != ".jsonl" else lambda path, rows: write(path, *rows))(tmp_path / f"own/{row['answer']}{ending}", [row])
    assert [problem.answer for problem in everything(tmp_path / "own/0.csv", file="")] == ["0"]
    assert {problem.answer for problem in everything(tmp_path / "own", file="")} == {"0", "1", "2"}
    write(tmp_path / "own/0.jsonl", rows[0])
    with pytest.raises(BadInput, match=r"own/0\.jsonl: 0\.csv is there as well; keep one of them"):
        everything(tmp_path, file="own")
