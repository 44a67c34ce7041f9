"""The stage `judge`: whom it asks about which traces, and that a verdict that cannot be read is not valid."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from stages.shared import params
from stages.shared.errors import BadInput
from stages.shared.files import read, write
from stages.shared.rows import Ending, Kind, Response, Trace, encode

from project_tree import ROOT, contents
from stages import filter as sift
from stages import grade, judge


def response(problem: str, text: str, by: str = "teacher", sample: int = 0, ending: Ending = Ending.STOP) -> Response:
    return Response(
        id=problem, task="t", kind=Kind.NUMBER, split="train", question="What is 2 + 3?", answer="5", by=by, style="plain", messages=[],
        sampler="s", model="m", sample=sample, text=text, ending=ending, tokens=3,
    )  # fmt: skip


RIGHT = "The answer is 5."
ROWS = [
    response("p1", RIGHT),
    response("p1", RIGHT, by="probe"),
    response("p2", RIGHT),
    response("p2", RIGHT, sample=1),
    response("p3", "The answer is 6."),
    response("p4", RIGHT, ending=Ending.LENGTH),
    response("p5", RIGHT),
]
SAID = {
    "p1/teacher/plain/0": "Right.\nVERDICT: VALID",
    "p2/teacher/plain/0": "A guess.\nVERDICT: INVALID",
    "p2/teacher/plain/1": "It looks valid to me.",
    "p3/teacher/plain/0": "VERDICT: VALID",
    "p1/probe/plain/0": "VERDICT: VALID",
}  # of p5 nothing
LOCAL = {"sampler": "hf", "model": "models/bases/judge", "max_new_tokens": 8}
VERDICTS = Path("data/recorded/verdicts.jsonl")
RECORDED = {"sampler": "recorded", "files": [str(VERDICTS)]}
TRACES, JUDGED = Path("data/s/traces.jsonl"), Path("data/s/judged.jsonl")


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Graded answers, and what the judge says of them."""
    monkeypatch.chdir(tmp_path)
    VERDICTS.parent.mkdir(parents=True, exist_ok=True)
    VERDICTS.write_text("".join(json.dumps({"problem_id": name, "response": text}) + "\n" for name, text in SAID.items()))
    configure()
    write(Path("data/s/responses.jsonl"), ROWS)
    grade.main("s")
    return tmp_path


def configure(ask: dict[str, Any] | None = RECORDED, **changes: Any) -> None:
    rules = {"teacher": {"grades": {"answer": 1.0, "valid_reasoning": 1.0}}, "probe": {"grades": {"answer": 1.0}}}
    sections = {"grade": {"graders": {"answer": {}}}, "judge": {"ask": ask} | changes, "filter": {"rules": rules}}
    Path("params.yaml").write_text(json.dumps({"seed": 0, "systems": {"s": sections}}))


def judged() -> dict[str, Trace]:
    return {trace.trace_id: trace for trace in read(JUDGED, Trace)}


def test_it_asks_about_what_passes_and_counts_unknown_apart() -> None:
    before = list(read(TRACES, Trace))
    judge.main("s")
    traces = judged()
    assert list(traces) == [row.trace_id for row in ROWS]
    assert {
        name: (trace.grades.get("valid_reasoning"), trace.reasons.get("valid_reasoning"), trace.verdict) for name, trace in traces.items()
    } == {
        "p1/teacher/plain/0": (1.0, None, SAID["p1/teacher/plain/0"]),
        "p1/probe/plain/0": (None, None, None),  # not asked about the base model
        "p2/teacher/plain/0": (0.0, "invalid", SAID["p2/teacher/plain/0"]),
        "p2/teacher/plain/1": (0.0, "unknown", SAID["p2/teacher/plain/1"]),
        "p3/teacher/plain/0": (None, None, None),  # wrong: not worth asking
        "p4/teacher/plain/0": (None, None, None),  # cut off
        "p5/teacher/plain/0": (0.0, "unknown", ""),  # the judge gave no answer
    }
    for old in before:  # a judged trace is the trace, with more
        new = msgspec.to_builtins(traces[old.trace_id])
        assert {name: value for name, value in new.items() if name not in ("grades", "reasons", "verdict")} == {
            name: value for name, value in msgspec.to_builtins(old).items() if name not in ("grades", "reasons", "verdict")
        }
        assert old.grades.items() <= new["grades"].items() and old.reasons.items() <= new["reasons"].items()
    assert json.loads(Path("metrics/s_judge.json").read_text())["teacher"]["valid_reasoning"] == {
        "passed": 0.25, "reasons": {"invalid": 1, "unknown": 2},
    }  # fmt: skip
    assert sorted(path.name for path in Path("data/s").iterdir()) == ["judged.jsonl", "responses.jsonl", "traces.jsonl"]


AWKWARD = [
    response("p6", "\ud800 half a character"),
    response("p7", "🜞 a\u2028b\x00"),
    response("p8", RIGHT, by="probe"),
]


@pytest.mark.parametrize("section", [{"ask": None}, {}], ids=["null", "nothing said"])
def test_where_nobody_is_asked_every_row_passes_byte_for_byte(section: dict[str, Any]) -> None:
    write(Path("data/s/responses.jsonl"), [*ROWS, *AWKWARD])
    grade.main("s")
    Path("params.yaml").write_text(json.dumps({"seed": 0, "systems": {"s": {"judge": section}}}))
    judge.main("s")
    assert JUDGED.read_bytes() == TRACES.read_bytes()
    assert len(TRACES.read_bytes().splitlines()) == len(ROWS) + len(AWKWARD)
    counts = json.loads(Path("metrics/s_judge.json").read_text())
    assert not {"teacher", "probe"} & counts.keys()  # no verdict to count


def test_only_the_rows_that_are_judged_change() -> None:
    judge.main("s")
    pairs = zip(TRACES.read_bytes().splitlines(), JUDGED.read_bytes().splitlines(), list(judged().values()), strict=True)
    for before, after, trace in pairs:
        assert (before == after) == (trace.verdict is None)


def test_the_filter_drops_unknown_apart_from_invalid() -> None:
    judge.main("s")
    sift.main("s")
    assert [trace.trace_id for trace in read(Path("data/s/kept.jsonl"), Trace)] == ["p1/teacher/plain/0", "p1/probe/plain/0"]
    dropped = json.loads(Path("metrics/s_filter.json").read_text())["teacher"]["dropped"]
    assert dropped == {"answer:wrong": 1, "ending:length": 1, "valid_reasoning:invalid": 1, "valid_reasoning:unknown": 2}


def test_the_filter_names_a_grade_that_nobody_gave() -> None:
    """With the rule of conf/judge, but without anybody to ask."""
    configure(ask=None)
    judge.main("s")
    with pytest.raises(BadInput, match="trace 'p1/teacher/plain/0' was not graded by 'valid_reasoning'"):
        sift.main("s")


def test_whom_and_what_to_judge_is_a_param() -> None:
    configure(by=["probe", "teacher"], passing=False)
    judge.main("s")
    assert {name for name, trace in judged().items() if trace.verdict is None} == {"p4/teacher/plain/0"}
    assert judged()["p3/teacher/plain/0"].grades == {"answer": 0.0, "valid_reasoning": 1.0}


def test_where_nothing_passes_nobody_is_asked() -> None:
    write(Path("data/s/responses.jsonl"), [ROWS[4]])
    grade.main("s")
    configure(ask={"sampler": "recorded", "files": ["data/recorded/nowhere.jsonl"]})
    judge.main("s")
    assert JUDGED.read_bytes() == TRACES.read_bytes()


def test_the_judge_sees_question_gold_answer_and_reasoning(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def ask(prompts: Any, samplers: Any, seed: int, *rest: Any) -> Iterator[Response]:
        seen.extend(prompts())
        return iter([])

    monkeypatch.setattr(judge, "ask", ask)
    judge.main("s")
    assert [prompt.id for prompt in seen] == ["p1/teacher/plain/0", "p2/teacher/plain/0", "p2/teacher/plain/1", "p5/teacher/plain/0"]
    assert {(prompt.by, prompt.style) for prompt in seen} == {("judge", "judge_reasoning")}
    assert all(part in seen[0].messages[-1]["content"] for part in ("What is 2 + 3?", "<reference>\n5\n", RIGHT))
    assert {trace.verdict for trace in judged().values() if trace.trace_id in {prompt.id for prompt in seen}} == {""}


@pytest.mark.parametrize(
    ("section", "told"),
    [
        ({"ask": RECORDED | {"n": 2}}, "ask.n must be 1: a judge is asked once about each answer, got 2"),
        ({"ask": {"sampler": "recorder"}}, "judge.ask: unknown sampler 'recorder' (did you mean 'recorded'?)"),
        ({"ask": RECORDED, "root": "models/bases/judge"}, "is not in root, 'models/bases/judge': DVC would not see it change"),
        (
            {"ask": {"sampler": "hf", "model": "models/bases/judge", "max_new_tokens": 8}},
            "ask: 'models/bases/judge' is not in root, 'data/recorded'",
        ),
        ({"ask": None, "passes": True}, "judge.passes: unknown key"),
        ({"ask": None, "by": []}, "judge.by: "),
        ({"ask": None, "grader": {"x": 1}}, "judge.grader.x: unknown key"),
    ],
)
def test_bad_params_are_told(section: dict[str, Any], told: str, project: Path) -> None:
    configure(**section)
    before = contents(project)
    with pytest.raises(BadInput, match=re.escape(told)):
        judge.main("s")
    assert contents(project) == before


def test_the_group_of_conf_is_what_the_stage_takes(tmp_path: Path) -> None:
    from dvc.utils.hydra import compose_and_dump

    compose_and_dump(str(tmp_path / "composed.yaml"), str(ROOT / "conf"), None, "config", str(ROOT), ["+judge=openai"])
    section = params.read("glyph", "judge", judge.Params, tmp_path / "composed.yaml")
    assert section.ask and section.ask.sampler == "openai"
    assert params.read("router", "judge", judge.Params, tmp_path / "composed.yaml").ask is None
    rules = params.read("glyph", "filter", sift.Params, tmp_path / "composed.yaml").rules["teacher"]
    assert rules.grades == {"answer": 1.0, "glyph_structure": 1.0, "valid_reasoning": 1.0}
    trace = Trace(**msgspec.structs.asdict(ROWS[0]), pred="5", grades={"answer": 1.0}, reasons={})
    assert section.wants(trace) and encode(trace)
