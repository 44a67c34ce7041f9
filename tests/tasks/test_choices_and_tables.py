"""The data sets whose answers are options, inference labels, truth values and what tables say: parsed as they are, and bad rows told."""

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from stages.shared.errors import BadInput
from stages.shared.rows import Kind, Problem
from stages.tasks import task
from stages.tasks.date import shuffled

from hubs import HUB_IDS, SHARED, needs_shared, write_hub

Row = dict[str, Any]
TABLE = "Thing | Price\nPen | $3\nCup | $5"
ROWS: dict[str, Row] = {
    "arc_challenge": {"id": "M_1", "question": "Why? ", "choices": {"text": ["red", "blue"], "label": ["A", "B"]}, "answerKey": "B"},
    "commonsense_qa": {"id": "9f", "question": "Who?", "choices": {"label": ["A", "B"], "text": ["cat", "cat"]}, "answerKey": "B"},
    "date": {
        "inputs": "Q: Today?\nA:", "targets": ["5"], "idx": 0,
        "multiple_choice_targets": ["5", "6", "7"], "multiple_choice_scores": [1, 0, 0],
    },
    "anli": {"uid": "u-1", "premise": "A cat sleeps. ", "hypothesis": "A cat runs.", "label": 2, "reason": "It sleeps."},
    "strategy_qa": {"qid": "2b", "term": "Eel", "description": "", "question": "Do eels sing?", "answer": False, "facts": "They are mute."},
    "table_mwp": {
        "pid": "16", "question": "How much are both?", "choices": None, "answer": "1,008.0", "unit": "$", "table_title": "Shop",
        "table": TABLE, "row_num": 3, "column_num": 2, "solution": "3 + 5 = 8", "grade": 4,
    },
}  # fmt: skip
CONFIGS = {"arc_challenge": "ARC-Challenge", "date": "date_understanding", "anli": "plain_text"}
FIRST: dict[str, Any] = {"anli": {"rounds": [1]}}
SPLITS = {"anli": ("train_r1", "train_r2", "train_r3", "dev_r1", "test_r1", "test_r2", "test_r3")}


def load(name: str, root: Path, split: str = "train", **params: Any) -> list[Problem]:
    member = task(name)
    return list(member.load(split, member.Params(**params), root, 0))


def write(root: Path, name: str, rows: list[Row], *splits: str) -> None:
    write_hub(root / HUB_IDS[name], {CONFIGS.get(name, "default"): dict.fromkeys(splits or SPLITS.get(name, ("train",)), rows)})


SHOP = f"Shop\n{TABLE}"
PARSED: list[tuple[str, Row, dict[str, Any]]] = [
    ("arc_challenge", {}, {"id": "M_1", "kind": Kind.CHOICE, "question": "Why?", "answer": "B", "choices": ["red", "blue"]}),
    ("arc_challenge", {"choices": {"text": ["4", "1"], "label": ["1", "2"]}, "answerKey": "1"}, {"answer": "A", "choices": ["4", "1"]}),
    ("arc_challenge", {"choices": {"text": list("vwxyz"), "label": list("12345")}, "answerKey": "5"}, {"answer": "E"}),
    ("commonsense_qa", {}, {"id": "9f", "answer": "B", "choices": ["cat", "cat"]}),
    ("date", {}, {"id": "date-0", "question": "Today?", "answer": "A", "choices": ["5", "7", "6"]}),
    ("date", {"inputs": "Today?", "multiple_choice_scores": [0, 0, 1]}, {"question": "Today?", "answer": "B"}),
    ("anli", {}, {"id": "u-1", "kind": Kind.NLI, "context": "A cat sleeps.", "question": "A cat runs.", "answer": "contradiction"}),
    ("anli", {"label": 1}, {"answer": "neutral", "solution": None}),
    ("anli", {"label": 0}, {"answer": "entailment", "level": 1}),
    ("strategy_qa", {}, {"id": "2b", "kind": Kind.YES_NO, "answer": "no", "solution": "They are mute."}),
    ("strategy_qa", {"answer": True, "facts": None}, {"answer": "yes", "solution": None}),
    ("table_mwp", {}, {"kind": Kind.NUMBER, "question": "How much are both? (Unit: $)", "answer": "1008", "context": SHOP, "level": 4}),
    ("table_mwp", {"unit": None, "answer": "3/10"}, {"question": "How much are both?", "answer": "3/10", "choices": None}),
    ("table_mwp", {"choices": ["no", "yes"], "answer": "yes"}, {"kind": Kind.CHOICE, "answer": "B", "choices": ["no", "yes"]}),
    ("table_mwp", {"table": "Stem | Leaf \n4 | \n5 | 7", "table_title": None}, {"context": "Stem | Leaf \n4 | \n5 | 7"}),
]


@pytest.mark.parametrize(("name", "change", "expected"), PARSED)
def test_a_row_is_parsed_as_it_is(name: str, change: Row, expected: dict[str, Any], tmp_path: Path) -> None:
    write(tmp_path, name, [ROWS[name] | change])
    (problem, *_) = load(name, tmp_path, **FIRST.get(name, {}))
    assert (problem.task, problem.split) == (name, "train")
    assert {field: getattr(problem, field) for field in expected} == expected


ARC, MWP = ROWS["arc_challenge"], ROWS["table_mwp"]
BAD: list[tuple[str, Row, str]] = [
    ("arc_challenge", {"answerKey": "E"}, "the gold answer 'E' names no option; choose from: A, B"),
    ("commonsense_qa", {"answerKey": "a"}, "the gold answer 'a' names no option; choose from: A, B"),
    ("commonsense_qa", {"answerKey": ""}, "expected text in column 'answerKey', got ''"),
    ("arc_challenge", {"choices": {"text": ["red", "blue"], "label": ["A", "A"]}}, "duplicate option label 'A' among A, A"),
    ("arc_challenge", {"choices": {"text": ["red", "blue"], "label": ["A"]}}, "1 option labels for 2 option texts"),
    ("arc_challenge", {"choices": {"text": ["red"], "label": ["B"]}}, "expected 2 to 26 options, got 1"),
    ("arc_challenge", {"choices": {"text": ["red", " "], "label": ["A", "B"]}}, "an option is blank or no text, got ' '"),
    ("arc_challenge", {"choices": "A B"}, "expected dict in column 'choices', got 'A B'"),
    ("date", {"multiple_choice_scores": [0, 0, 0]}, "expected one score of 1, a score of 0 for each other option"),
    ("date", {"multiple_choice_scores": [1, 1, 0]}, "expected one score of 1, a score of 0 for each other option"),
    ("date", {"multiple_choice_scores": [0, 1]}, "expected one score of 1, a score of 0 for each other option"),
    ("date", {"multiple_choice_scores": [-1, 0, 1]}, "expected one score of 1, a score of 0 for each other option"),
    ("date", {"multiple_choice_scores": [1, None, None]}, "expected one score of 1, a score of 0 for each other option"),
    ("date", {"multiple_choice_targets": 5}, "expected list in column 'multiple_choice_targets', got 5"),
    ("date", {"idx": "0"}, "expected int in column 'idx', got '0'"),
    ("anli", {"hypothesis": None}, "expected text in column 'hypothesis', got None"),
    ("anli", {"premise": " "}, "expected text in column 'premise', got ' '"),
    ("anli", {"label": 3}, "expected 0 (entailment), 1 (neutral) or 2 (contradiction) in column 'label', got '3'"),
    ("anli", {"label": True}, "expected int in column 'label', got True"),
    ("strategy_qa", {"answer": "yes"}, "expected bool in column 'answer', got 'yes'"),
    ("strategy_qa", {"facts": ["They are mute."]}, "expected text in column 'facts', got ['They are mute.']"),
    ("table_mwp", {"answer": "some"}, "the gold answer does not parse: expected a number in column 'answer', got 'some'"),
    ("table_mwp", {"choices": ["no", "yes"], "answer": "maybe"}, "the gold answer 'maybe' names no option; choose from: A, B"),
    ("table_mwp", {"choices": ["B", "yes"], "answer": "B"}, "the gold answer 'B' is the label of one option and the text of another"),
    ("table_mwp", {"table": "Thing | Price\nPen"}, "the table does not parse: row 2 has 1 cells, row 1 has 2"),
    ("table_mwp", {"table": "There is no table."}, "the table does not parse: expected a head and at least one row, got 1 line(s)"),
    ("table_mwp", {"row_num": 4}, "the table does not parse: expected 4 rows of 2 cells, got '3 of 2'"),
]


@pytest.mark.parametrize(("name", "change", "told"), BAD)
def test_a_bad_row_is_told_in_one_line(name: str, change: Row, told: str, tmp_path: Path) -> None:
    write(tmp_path, name, [ROWS[name] | change])
    with pytest.raises(BadInput) as error:
        load(name, tmp_path, **FIRST.get(name, {}))
    said = str(error.value)
    assert f"{HUB_IDS[name]}: config " in said and ", row 0: " in said and "\n" not in said
    assert said.partition(", row 0: ")[2].startswith(told)


def test_own_names_of_splits(tmp_path: Path) -> None:
    """Test is where the answers are; `without` and the rounds left out are never read, not even when all is divided anew."""
    write_hub(tmp_path / "tau/commonsense_qa", {"default": {
        "train": [ROWS["commonsense_qa"]], "validation": [ROWS["commonsense_qa"] | {"id": "v"}],
        "test": [ROWS["commonsense_qa"] | {"id": "t", "answerKey": ""}],
    }})  # fmt: skip
    assert [problem.id for problem in load("commonsense_qa", tmp_path, "test")] == ["v"]
    parts = [load("commonsense_qa", tmp_path, split, held_out=0.5) for split in ("train", "test")]
    assert sorted(problem.id for part in parts for problem in part) == ["9f", "v"]
    write_hub(tmp_path / "facebook/anli", {"plain_text": {name: [ROWS["anli"] | {"uid": name}] for name in SPLITS["anli"]}})
    ids = {split: [problem.id for problem in load("anli", tmp_path, split)] for split in ("train", "test")}
    assert ids == {"train": ["train_r1", "train_r2", "train_r3"], "test": ["test_r1", "test_r2", "test_r3"]}
    assert [(problem.id, problem.level) for problem in load("anli", tmp_path, "test", rounds=[2])] == [("test_r2", 2)]
    assert [problem.id for problem in load("anli", tmp_path, "validation", rounds=[1], validation=9)] == ["dev_r1"]
    parts = [load("anli", tmp_path, split, rounds=[1, 3], held_out=0.5) for split in ("train", "test")]
    assert sorted(problem.id for part in parts for problem in part) == ["dev_r1", "test_r1", "test_r3", "train_r1", "train_r3"]
    for rounds in ([], [0], [2, 1], [1, 1], [4]):
        with pytest.raises(ValidationError):
            task("anli").Params(rounds=rounds)
    write(tmp_path, "date", [ROWS["date"]], "validation")
    assert len(load("date", tmp_path, "test")) == 1 and load("date", tmp_path, train=0) == []
    with pytest.raises(BadInput, match=r"config 'date_understanding' has no split 'train', only validation; give held_out"):
        load("date", tmp_path)


def test_two_rows_with_one_idx(tmp_path: Path) -> None:
    shorter = ROWS["date"] | {"multiple_choice_targets": ["5", "6"], "multiple_choice_scores": [1, 0]}
    write(tmp_path, "date", [ROWS["date"], shorter])
    with pytest.raises(BadInput, match="row 0: another row has the same 'idx', got '0'"):
        load("date", tmp_path)


def test_options_are_shuffled_the_same_in_any_order_of_rows() -> None:
    orders = shuffled({3: 6, 0: 5, 1: 6})
    assert orders == shuffled({0: 5, 1: 6, 3: 6}) and [sorted(order) for order in orders.values()] == [list(range(n)) for n in (5, 6, 6)]


def test_what_is_not_on_the_hub_says_where_it_is_had(tmp_path: Path) -> None:
    told = "tabmwp: no such directory, and table_mwp is not on the Hub in this shape; make it from https://github.com/lupantech/PromptPG"
    with pytest.raises(BadInput, match=re.escape(told)):
        load("table_mwp", tmp_path)


COUNTS = {"arc_challenge": 586, "commonsense_qa": 600, "date": 180, "anli": 1300, "strategy_qa": 510, "table_mwp": 1000}
RECORDED = {"strategy_qa": "strategyqa", "table_mwp": "tabmwp"}


@needs_shared
@pytest.mark.parametrize("name", COUNTS)
def test_ids_and_answers_are_those_of_the_recorded_answers(name: str) -> None:
    """So are the options, in their order, where they are recorded: all 360 rows of `date`."""
    found = {problem.id: problem for split in ("train", "test") for problem in load(name, SHARED / "hub", split, held_out=0.5)}
    assert len(found) == COUNTS[name]
    differ = Counter[str]()
    for line in (SHARED / "recorded" / f"{RECORDED.get(name, name)}.jsonl").open():
        row = json.loads(line)
        problem = found[row["problem_id"]]
        read = dict(zip("ABCDEFG", problem.choices or [], strict=False))
        same = row["gold"].replace(",", "") in (problem.answer, read.get(problem.answer))
        same = same or (problem.kind is Kind.NUMBER and float(row["gold"].replace(",", "")) == float(problem.answer))
        differ[problem.id] += not same or ("choices" in row and row["choices"]["text"] != problem.choices)
    assert not +differ
