"""stages/tools/explain.py on the rows of a small project, and against a memo with a bought answer."""

from pathlib import Path

import pytest
from stages.samplers.memo.sampled_answers import Answer
from stages.samplers.memo.store import Memo, key
from stages.samplers.openai import Params, asked
from stages.shared.errors import BadInput
from stages.shared.rows import Ending, Prompt
from stages.tools.explain import page
from stages.tools.lineage import find, systems, trace_of

from report_project import HOSTILE, PARAMS, judged, lay


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    lay(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def explained(id: str) -> str:
    return "\n".join(page(find(id, systems())))


def test_from_a_training_row_to_its_chat_and_to_held_out_answers() -> None:
    text = explained("sums-train-1/teacher/careful/0")
    for part in (
        "problem   sums-train-1: system s, train, sums, level 2, difficulty 0.50",
        "prompt    to teacher, in the style careful",
        "[user] Think.",
        "reasoning thought 1 ",
        "request   not bought: the answer was made on this machine",
        "answer 1",
        "filter    kept",
        "chat      sums-train-1/teacher/careful/0#direct: shown to s_student, data/s/chats/s_student.jsonl:1",
        "100% sums-test-1: base no_answer, student right",
    ):
        assert part in text


def test_the_same_answer_by_the_id_of_its_chat() -> None:
    assert explained("sums-train-1/teacher/careful/0#direct") == explained("sums-train-1/teacher/careful/0")


def test_from_a_held_out_answer_to_the_training_rows_beside_it() -> None:
    text = explained("sums-test-1/student/plain/0")
    assert "hf, models/student, sample 0" in text and "filter" not in text
    assert "100% sums-train-1: teacher right, kept; shown to s_student" in text


def test_a_problem_lists_its_answers() -> None:
    text = explained("sums-train-0")
    assert "answer    sums-train-0/teacher/careful/0: no_answer, dropped for answer:no_answer" in text
    assert "answer    sums-train-0/probe/plain/1: right, dropped for surplus" in text


@pytest.mark.parametrize("number", range(len(HOSTILE)))
def test_what_a_model_wrote_moves_no_cursor(number: int) -> None:
    text = explained(f"sums-train-{number}/teacher/careful/0")
    assert not [letter for letter in text if not letter.isprintable() and letter != "\n"]


@pytest.mark.parametrize(
    ("id", "message"),
    [
        ("nobody", r"'nobody': no such problem, trace or chat; looked in data/s/judged\.jsonl, data/s/graded\.jsonl"),
        ("sums-train-1/teacher/careful/7", r"the problem 'sums-train-1' has no such answer; it has: sums-train-1/teacher/careful/0, "),
    ],
)
def test_an_id_that_nobody_has(id: str, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        explained(id)


@pytest.mark.parametrize(
    ("id", "trace"),
    [
        ("a/teacher/s/0#direct", "a/teacher/s/0"),
        ("a#turn2/teacher/s/0", "a#turn2/teacher/s/0"),
        ("a#turn2/teacher/s/0#direct", "a#turn2/teacher/s/0"),
        ("a#turn2", "a#turn2"),
    ],
)
def test_the_trace_of_a_chat(id: str, trace: str) -> None:
    assert trace_of(id) == trace


def test_a_bought_answer_has_its_key_price_and_date(project: Path) -> None:
    text = PARAMS.replace("{sampler: scripted}", "{sampler: openai, model: m, max_tokens: 9, max_usd: 1.0}")
    (project / "params.yaml").write_text(text)
    traces = judged()
    row = traces[3]
    row.sampler = "openai"
    lay(project, traces)
    (project / "params.yaml").write_text(text)
    assert "request   .athanor/memo.sqlite: there is no memo" in explained(row.trace_id)
    prompt = Prompt(**{name: getattr(row, name) for name in Prompt.__struct_fields__})
    (request,) = asked(prompt, Params(sampler="openai", model="m", max_tokens=9, max_usd=1.0))
    with Memo() as memo:
        memo.put(key(request), request, Answer("another text", Ending.STOP, 5, "m", 11, 0.5))
    assert "not in the memo as an answer to what params.yaml asks now" in explained(row.trace_id)
    (project / ".athanor/memo.sqlite").unlink()
    with Memo() as memo:
        memo.put(key(request), request, Answer(row.text, Ending.STOP, 5, "m", 11, 0.0025))
    said = explained(row.trace_id)
    assert f"request   key {key(request)}, 20" in said and "UTC, 0.002500 USD, 11 prompt tokens" in said
