"""Real problems and real answers of real models, from collect to format: each recorded model stands for one reasoning style."""

import json
from collections import Counter
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from stages.shared.files import read
from stages.shared.rows import Chat, Problem, Trace
from test_tasks import PREALGEBRA

from hubs import SHARED, needs_shared

pytestmark = needs_shared

Row = dict[str, Any]
Key = tuple[str, str, str]  # task as the file calls it, problem, who answered
DAVINCI, SAMPLED = "text-davinci-002", "unnamed-qwen2.5-math-repo/boxed_cot_sample_"
STAND_FOR = {
    "plain_reasoning": [f"{DAVINCI}/zero_shot", "gpt3-6b/finetuning", f"{SAMPLED}0"],
    "chain_of_thought": [f"{DAVINCI}/zero_shot_cot", f"{SAMPLED}1"],
    "tree_of_thought": ["gpt3-6b/verification", f"{SAMPLED}2"],
    "program": ["gpt3-175b/finetuning", f"{SAMPLED}3"],
    "backward": ["gpt3-175b/verification", f"{SAMPLED}4"],
    "fact_retrieval": ["gemini-1.5-pro/step_by_step", f"{DAVINCI}/few_shot_cot"],
}
TASKS: dict[str, Row] = {
    "gsm8k": {}, "svamp": {}, "competition_math": {"test_rows": {"prealgebra": PREALGEBRA}}, "arc_challenge": {}, "commonsense_qa": {},
    "date": {}, "anli": {"rounds": [3]}, "strategy_qa": {}, "table_mwp": {},
}  # fmt: skip
MISTAKEN = {  # verdicts of False that are mistaken: answers of text-davinci-002 to table_mwp, read one by one, that say the gold
    "5228": "Edward needs $30.00 to buy 2 navy blue bath mats.",  # gold: 30
    "5343": "Duncan made $15.00 on July 5.",  # 15
    "9395": "Maggie needs to buy $1.35 to buy 9 red thumbtacks.",  # 1.35
    "14537": "Brenda needs $63,553 to buy 7 hang gliders.",  # 63553
    "16134": "Denmark consumed 5 more kg of chocolate per capita than Australia in 2002.",  # 5
    "16398": "Duncan made $15.00 on July 5.",  # 15
}
RECORDED = {"competition_math": "math", "strategy_qa": "strategyqa", "table_mwp": "tabmwp"}
TEACHER = {"sampler": "recorded", "files": [str(SHARED / "recorded")], "stand_for": STAND_FOR, "escaped": [f"{DAVINCI}/few_shot_cot"]}
SECTIONS: Row = {
    "collect": {"root": str(SHARED / "hub"), "near": 0.8, "tasks": {name: {"held_out": 0.001} | own for name, own in TASKS.items()}},
    "prompt": {"teacher": {"styles": list(STAND_FOR)}},
    "respond": {"root": "recorded", "teacher": TEACHER},
    "grade": {"graders": {"answer": {}}},
    "judge": {},
    "filter": {"rules": {"teacher": {"grades": {"answer": 1.0}}}},
    "format": {"selective": False, "hard": "direct", "per_problem": 6},
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A project in which all of them have run."""
    folder = tmp_path_factory.mktemp("real")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        system = {name: section for name, section in SECTIONS.items() if name != "format"}
        student = {"system": "s", "format": SECTIONS["format"]}
        Path("params.yaml").write_text(json.dumps({"seed": 0, "systems": {"s": system}, "students": {"s": student}}))
        for stage in SECTIONS:
            import_module(f"stages.{stage}").main("s")
        yield folder


def recorded() -> dict[Key, Row]:
    """All recorded answers."""
    lines = [json.loads(line) for path in sorted((SHARED / "recorded").glob("*.jsonl")) for line in path.read_text().splitlines()]
    return {(row["task"], row["problem_id"], f"{row['model']}/{row['prompt_style']}"): row for row in lines}


def corrected() -> dict[Key, bool]:
    """Their authors' verdicts, where they gave any, as corrected by hand."""
    found = {key: row["recorded_correct"] for key, row in recorded().items() if row["recorded_correct"] is not None}
    for line in (SHARED / "recorded/corrections/label_corrections.jsonl").read_text().splitlines():
        row = json.loads(line)
        found[row["task"], row["problem_id"], f"{row['model']}/{row['prompt_style']}"] = row["true_correct"]
    return found | {("tabmwp", problem, f"{DAVINCI}/zero_shot"): True for problem in MISTAKEN}


def traces(project: Path) -> dict[Key, Trace]:
    found = {}
    for trace in read(project / "data/s/traces.jsonl", Trace):
        found[RECORDED.get(trace.task, trace.task), trace.id, trace.model] = trace
    return found


def test_every_answer_finds_its_prompt_in_the_style_that_it_stands_for(project: Path) -> None:
    data, answers, graded = project / "data/s", recorded(), traces(project)
    assert len(answers) == 10843
    files = (data / "train.jsonl", project / "data/held_out/s.jsonl")
    train, test = ({problem.id for problem in read(file, Problem)} for file in files)
    leaks = {json.loads(line)["id"] for line in (data / "leaks.jsonl").read_text().splitlines()}
    assert {problem for _, problem, _ in answers} <= train | test | leaks
    assert graded.keys() == {key for key in answers if key[1] in train} and len(graded) > 0.99 * len(answers)
    assert sum(1 for _ in read(data / "traces.jsonl", Trace)) == len(graded)
    assert {trace.style for trace in graded.values()} == set(STAND_FOR)
    for key, trace in graded.items():
        assert trace.model in STAND_FOR[trace.style] and trace.sample == 0
        assert trace.text.replace("\n", "\\n") == answers[key]["response"].replace("\n", "\\n")
        assert "\\n" not in trace.text or trace.task == "competition_math"


def test_recorded_accuracy_is_reproduced(project: Path) -> None:
    """Within one point, task by task and model by model, on the rows that were collected."""
    graded = traces(project)
    rows, ours, theirs = Counter[tuple[str, str]](), Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    for key, verdict in corrected().items():
        if key in graded:
            who = key[0], key[2].partition("_sample_")[0]
            rows[who] += 1
            ours[who] += graded[key].grades["answer"] == 1
            theirs[who] += verdict
    assert len(rows) == 17
    assert {who: (ours[who], theirs[who], count) for who, count in rows.items() if abs(ours[who] - theirs[who]) > 0.01 * count} == {}


def test_mistaken_verdicts_are_of_these_answers(project: Path) -> None:
    graded = traces(project)
    texts = {problem: graded["tabmwp", problem, f"{DAVINCI}/zero_shot"].text for problem in MISTAKEN}
    assert texts == MISTAKEN


def test_what_is_right_becomes_chats(project: Path) -> None:
    """Every answer is kept or dropped for a reason, and every task has chats in all the styles that anyone stood for."""
    graded = traces(project)
    counts = json.loads((project / "metrics/s_filter.json").read_text())["teacher"]
    right = sum(trace.grades["answer"] == 1 for trace in graded.values())
    assert (counts["rows"], counts["kept"]) == (len(graded), right)
    assert set(counts["dropped"]) == {"answer:wrong", "answer:no_answer", "answer:limit", "too_short"}
    chats = [chat.trace.split("/") for chat in read(project / "data/s/chats/s.jsonl", Chat)]
    tasks = {problem.id: problem.task for problem in read(project / "data/s/train.jsonl", Problem)}
    found = {(tasks[problem], style) for problem, _, style, _ in chats}
    assert found == {(trace.task, trace.style) for trace in graded.values() if trace.grades["answer"] == 1}
    assert {task for task, _ in found} == set(TASKS) and {style for _, style in found} == set(STAND_FOR)
