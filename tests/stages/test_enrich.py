"""All answers to a problem in one row, the right ones apart, and the table of both."""

import json
import sys
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from stages.graders import answer
from stages.graders.grading.apply import to_traces
from stages.shared.cli import run
from stages.shared.enriched import Paths, correct, paths, together
from stages.shared.errors import BadInput
from stages.shared.files import read, write
from stages.shared.rows import Ending, Kind, Response, Trace, encode

from stages import enrich

FOLDER = Path("data/s/paths")


def response(problem: str, style: str, text: str, sample: int = 0, task: str = "sums", by: str = "teacher") -> Response:
    return Response(
        id=problem, task=task, kind=Kind.NUMBER, split="train", question=f"What is {problem}?", answer="5", level=2, by=by, style=style,
        messages=[{"role": "user", "content": f"{style}: {problem}?"}], sampler="s", model="m", sample=sample, text=text,
        ending=Ending.STOP, tokens=3,
    )  # fmt: skip


ROWS = [
    response("p1", "chain", "2 + 3 = 5. The answer is 5."),
    response("p1", "program", "print(6)"),
    response("p1", "plain", "5", by="probe"),
    response("p2", "chain", "The answer is 7."),
    response("p2", "program", "I do not know."),
    response("p3", "chain", "The answer is 5.", task="dates"),
    response("p3", "chain", "The answer is 6.", 1, task="dates"),
    response("p3", "program", "The answer is 4.", task="dates"),
]


def graded(rows: list[Response] = ROWS) -> list[Trace]:
    return list(to_traces(rows, {"answer": answer.Params()}))


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text("seed: 0\nsystems: {s: {enrich: {}, grade: {graders: {answer: {}}, workers: 1}}}\n")
    write(Path("data/s/judged.jsonl"), graded())
    return tmp_path


def lines(name: str) -> list[Any]:
    return [json.loads(line) for line in (FOLDER / name).read_text().splitlines()]


def start(monkeypatch: pytest.MonkeyPatch, *args: str) -> object:
    monkeypatch.setattr(sys, "argv", ["stages/enrich.py", *args])
    try:
        run(enrich.main, {"--regenerate": enrich.regenerate})
    except SystemExit as ended:
        return ended.code
    return None


def test_a_row_holds_all_styles_of_a_problem(project: Path) -> None:
    enrich.main("s")
    assert sorted(path.name for path in FOLDER.iterdir()) == [
        "correct_dates.jsonl", "correct_sums.jsonl", "enriched_dates.jsonl", "enriched_sums.jsonl",
    ]  # fmt: skip
    first, second = lines("enriched_sums.jsonl")
    assert first == {
        "id": "p1", "task": "sums", "kind": "number", "split": "train", "question": "What is p1?", "answer": "5", "level": 2,
        "prompts": {"chain": "chain: p1?", "program": "program: p1?"},
        "responses": {"chain": "2 + 3 = 5. The answer is 5.", "program": "print(6)"},
        "preds": {"chain": "5", "program": "6"},
        "correct_flags": {"chain": True, "program": False},
        "endings": {"chain": "stop", "program": "stop"},
    }  # fmt: skip
    assert (second["preds"], second["correct_flags"]) == ({"chain": "7", "program": None}, {"chain": False, "program": False})
    [several] = lines("enriched_dates.jsonl")
    assert several["responses"] == {"chain": ["The answer is 5.", "The answer is 6."], "program": "The answer is 4."}
    assert several["preds"] == {"chain": ["5", "6"], "program": "4"}
    assert several["correct_flags"] == {"chain": [True, False], "program": False}


def test_correct_rows_hold_right_paths_only(project: Path) -> None:
    enrich.main("s")
    [first] = lines("correct_sums.jsonl")
    assert first["id"] == "p1" and first["responses"] == {"chain": "2 + 3 = 5. The answer is 5."} and first["prompts"].keys() == {"chain"}
    [several] = lines("correct_dates.jsonl")
    assert several["responses"] == {"chain": ["The answer is 5."]} and several["correct_flags"] == {"chain": [True]}


def test_the_table(project: Path) -> None:
    enrich.main("s")
    found = json.loads(Path("metrics/s_paths.json").read_text())
    assert found["n"] == 3
    assert found["paths"] == {
        "dates": {"chain": 0.5, "program": 0.0}, "sums": {"chain": 0.5, "program": 0.0}, "all": {"chain": 0.5, "program": 0.0},
    }  # fmt: skip
    assert found["solved"] == {"dates": 1.0, "sums": 0.5, "all": 0.6667}
    assert found["interval"]["paths"]["all"]["chain"] == [0.15, 0.85]
    page = Path("metrics/s_paths.md").read_text().splitlines()
    assert page[4] == "| task | problems | chain | program | any |"
    assert page[7].startswith("| sums | 2 | 50.0 (9.5 to 90.5) | 0.0 (0.0 to 65.8) | 50.0 (") and page[8].startswith("| all | 3 | ")
    drawn = Path("metrics/s_paths.csv").read_text().splitlines()
    assert drawn[:2] == ["task,style,accuracy,low,high,n", "dates,chain,0.5,0.0945,0.9055,2"] and len(drawn) == 5


def test_a_style_that_a_task_lacks_has_no_number(project: Path) -> None:
    write(Path("data/s/judged.jsonl"), graded([*ROWS, response("p4", "backward", "5", task="third")]))
    enrich.main("s")
    found = json.loads(Path("metrics/s_paths.json").read_text())["paths"]
    assert found["third"] == {"backward": 1.0} and "backward" not in found["sums"]
    assert "| third | 1 |  |  | 100.0 (" in Path("metrics/s_paths.md").read_text()


def test_of_whom_is_a_param(project: Path) -> None:
    Path("params.yaml").write_text("seed: 0\nsystems: {s: {enrich: {by: probe}}}\n")
    enrich.main("s")
    assert [row["responses"] for row in lines("enriched_sums.jsonl")] == [{"plain": "5"}]


def test_files_of_tasks_that_are_gone_go(project: Path) -> None:
    enrich.main("s")
    write(Path("data/s/judged.jsonl"), graded(ROWS[:5]))
    enrich.main("s")
    assert sorted(path.name for path in FOLDER.iterdir()) == ["correct_sums.jsonl", "enriched_sums.jsonl"]


def test_the_same_bytes_twice_and_after_regenerating(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    enrich.main("s")
    first = {path: path.read_bytes() for path in [*FOLDER.iterdir(), *Path("metrics").iterdir()]}
    enrich.main("s")
    assert {path: path.read_bytes() for path in first} == first
    (FOLDER / "correct_dates.jsonl").unlink()
    (FOLDER / "correct_sums.jsonl").write_text("old\n")
    assert start(monkeypatch, "--regenerate", str(FOLDER)) is None
    assert {path: path.read_bytes() for path in first} == first


def test_regenerate_grades_anew(project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """As after a change of the graders: from the enriched rows alone, with the verdicts of today, whatever was written down."""
    enrich.main("s")
    Path("data/s/judged.jsonl").unlink()
    path = FOLDER / "enriched_sums.jsonl"
    before = path.read_text()
    path.write_text(before.replace('"chain":true', '"chain":false').replace("The answer is 7.", "The answer is 5."))
    changed = path.read_bytes()
    assert start(monkeypatch, "--regenerate", str(FOLDER)) is None
    found = lines("correct_sums.jsonl")
    assert [(row["id"], row["responses"].keys(), row["preds"]) for row in found] == [
        ("p1", {"chain"}, {"chain": "5"}),
        ("p2", {"chain"}, {"chain": "5"}),
    ]
    assert path.read_bytes() == changed
    assert "enriched_sums.jsonl: 2 problems, 2 with a right answer; 2 graded otherwise than before" in capsys.readouterr().out


def test_regenerate_takes_a_systems_params(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    row = response("p1", "chain", "The answer is 3.14.")
    row.answer = "3.14159"
    write(Path("data/s/judged.jsonl"), graded([row]))
    enrich.main("s")
    Path("params.yaml").write_text("seed: 0\nsystems: {s: {grade: {graders: {answer: {relative_tolerance: 0.01}}, workers: 2}}}\n")
    start(monkeypatch, "--regenerate", str(FOLDER))
    assert lines("correct_sums.jsonl") == []
    start(monkeypatch, "--regenerate", str(FOLDER), "--system", "s")
    assert [row["preds"] for row in lines("correct_sums.jsonl")] == [{"chain": "3.14"}]


def test_a_cut_answer_stays_cut_when_graded_anew(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Endings are part of the row: an answer that was cut off commits to nothing."""
    cut = response("p1", "chain", "#### 5")
    cut.ending = Ending.LENGTH
    write(Path("data/s/judged.jsonl"), graded([cut]))
    enrich.main("s")
    assert lines("correct_sums.jsonl") == []
    assert start(monkeypatch, "--regenerate", str(FOLDER)) is None
    assert lines("correct_sums.jsonl") == []


BROKEN = [
    ('"preds":{"chain":"5","program":"6"}', '"preds":{"chain":"5"}', "of style 'program' do not fit together"),
    ('"correct_flags":{"chain":true,', '"correct_flags":{"chain":[true],', "of style 'chain' do not fit together"),
    ('"prompts":{"chain":"chain: p1?",', '"prompts":{', "of style 'chain' do not fit together"),
    ('"level":2,', '"lvel":2,', "enriched_sums.jsonl:1: not a Paths: Object contains unknown field `lvel`"),
    ('"answer":"5",', '"answer":"five",', "the gold answer 'five' is not a valid number"),
]


@pytest.mark.parametrize(("good", "bad", "message"), BROKEN)
def test_a_broken_row_is_named_and_changes_nothing(
    good: str, bad: str, message: str, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    enrich.main("s")
    path = FOLDER / "enriched_sums.jsonl"
    assert good in path.read_text()
    path.write_text(path.read_text().replace(good, bad, 1))
    before = {path: path.read_bytes() for path in FOLDER.iterdir()}
    said = start(monkeypatch, "--regenerate", str(FOLDER))
    assert isinstance(said, str) and said.startswith("enrich: ") and message in said and "\n" not in said
    assert {path: path.read_bytes() for path in FOLDER.iterdir()} == before


def test_a_folder_without_rows(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = start(monkeypatch, "--regenerate", "data")
    assert said == "enrich: data: no enriched_*.jsonl here; name the folder that the stage enrich writes, data/<system>/paths"


def test_rows_of_a_problem_must_stand_together(project: Path) -> None:
    write(Path("data/s/judged.jsonl"), [graded()[place] for place in (0, 3, 1)])
    with pytest.raises(BadInput, match="rows of problem 'p1' are not adjacent"):
        enrich.main("s")
    assert not FOLDER.exists() or list(FOLDER.iterdir()) == []


def test_parts_of_a_row_fit_together() -> None:
    row = together(graded()[5:])
    assert [(path.style, path.pred, path.right) for path in paths(row)] == [
        ("chain", "5", True),
        ("chain", "6", False),
        ("program", "4", False),
    ]
    assert correct(together(graded()[3:5])) is None


def test_memory_does_not_grow_with_the_rows(project: Path) -> None:
    def many(count: int) -> Iterator[Trace]:
        [one] = graded(ROWS[:1])
        for number in range(count):
            one.id = f"p{number}"
            yield one

    peaks = []
    for count in (500, 5000):
        write(Path("data/s/judged.jsonl"), many(count))
        tracemalloc.start()
        enrich.main("s")
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert sum(1 for _ in read(FOLDER / "enriched_sums.jsonl", Paths)) == count
    assert peaks[1] < peaks[0] * 1.2


def test_the_reasoning_of_an_answer_stays_beside_it() -> None:
    """Also where the right answers are put apart; rows without any have no such field."""
    rows = [msgspec.structs.replace(row, reasoning=f"thought of {row.text}") for row in ROWS[:2]] + ROWS[4:5]
    row = together(graded([row for row in rows if row.id == "p1"]))
    assert row.reasoning == {"chain": "thought of 2 + 3 = 5. The answer is 5.", "program": "thought of print(6)"}
    right = correct(row)
    assert right and right.reasoning == {"chain": "thought of 2 + 3 = 5. The answer is 5."}
    assert [path.reasoning for path in paths(row)] == list(row.reasoning.values())
    assert "reasoning" not in json.loads(encode(together(graded(ROWS[:2]))))
