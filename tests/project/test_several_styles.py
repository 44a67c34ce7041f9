"""The teacher asked in several styles: which ones, and that every stage tells the answers to one problem apart."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from ruamel.yaml import YAML
from stages.samplers.ask import ask
from stages.samplers.cost.estimation import estimates
from stages.samplers.memo.sampled_answers import Answer
from stages.samplers.memo.store import Memo, key
from stages.samplers.openai import Params as OpenAI
from stages.samplers.openai import asked as wished
from stages.samplers.scripted import Params as Scripted
from stages.shared.errors import BadInput
from stages.shared.files import read, write
from stages.shared.rows import Ending, Kind, Problem, Prompt, Response, Trace, encode
from stages.styles.prompting.prompts import Several, prompts

from stages import filter, grade, judge, prompt, respond

SIX = ["plain_reasoning", "chain_of_thought", "tree_of_thought", "program", "backward", "fact_retrieval"]
DATA = Path("data/S")


def problem(number: int) -> Problem:
    question = f"Tom has {number} figs. He buys 1 more. How many figs does Tom have now?"
    solution = f"{number} + 1 = {number + 1}"
    return Problem(id=f"p{number}", task="t", kind=Kind.NUMBER, split="train", question=question, answer=str(number + 1), solution=solution)


PROBLEMS = [problem(number) for number in range(60)]


def drawn(asked: Several, seed: int = 0) -> list[list[str]]:
    """The styles of each problem."""
    return [[row.style for row in prompts([one], {"teacher": asked}, seed)] for one in PROBLEMS]


@pytest.mark.parametrize(("n", "styles"), [(None, SIX), (6, SIX), (2, SIX[:2]), (1, SIX[:1])])
def test_the_first_n_styles_in_the_order_given(n: int | None, styles: list[str]) -> None:
    assert drawn(Several(styles=SIX, n=n)) == [styles] * len(PROBLEMS)


def test_a_seeded_draw_takes_n_different_styles_all_of_them_in_turn() -> None:
    asked = Several(styles=SIX, n=2, draw="seeded")
    found = drawn(asked)
    assert all(len(names) == 2 and names == [name for name in SIX if name in names] for names in found)
    counts = Counter(name for names in found for name in names)
    assert set(counts) == set(SIX) and max(counts.values()) < 35  # 20 each on average
    assert found == drawn(asked) != drawn(asked, seed=1)
    reverse = [[row.style for row in prompts([one], {"teacher": asked})] for one in reversed(PROBLEMS)]
    assert reverse[::-1] == found  # of the problem's id alone


def test_a_style_more_moves_only_the_problems_that_it_is_drawn_for() -> None:
    before, after = drawn(Several(styles=SIX[:5], n=2, draw="seeded")), drawn(Several(styles=SIX, n=2, draw="seeded"))
    assert [names for names in after if SIX[5] not in names] == [old for old, new in zip(before, after, strict=True) if SIX[5] not in new]


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"styles": []}, "at least 1 item"),
        ({"styles": ["glpyh"]}, "unknown style 'glpyh'"),
        ({"styles": SIX, "n": 7}, "7 of 6 styles cannot be taken"),
        ({"styles": SIX, "n": 0}, "greater than or equal to 1"),
        ({"styles": ["glyph", "plain", "glyph"]}, "named twice: glyph"),
        ({"styles": SIX, "draw": "random"}, "'first' or 'seeded'"),
        ({"n": 3}, "Field required"),
    ],
)
def test_impossible_wishes_are_refused(values: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        prompt.Params.model_validate({"teacher": values})


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    sections: dict[str, Any] = {
        "prompt": {"teacher": {"styles": SIX, "n": 3, "draw": "seeded"}, "probe": "plain"},
        "respond": {
            "root": "none",
            "teacher": {"sampler": "scripted", "n": 2, "wrong": 0.4},
            "probe": {"sampler": "scripted", "n": 4, "wrong": 0.5},
        },
        "grade": {"graders": {"answer": {}}},
        "judge": {"root": "data/recorded", "ask": None},
        "filter": {"rules": {by: {"grades": {"answer": 1.0}} for by in ("teacher", "probe")}},
    }
    with Path("params.yaml").open("w") as file:
        YAML().dump({"seed": 3, "systems": {"S": sections}}, file)
    write(DATA / "train.jsonl", PROBLEMS)


@pytest.mark.usefixtures("house")
def test_the_flow_tells_the_styles_of_a_problem_apart() -> None:
    for stage in (prompt, respond, grade, judge, filter):
        stage.main("S")
    asked = list(read(DATA / "prompts.jsonl", Prompt))
    answers = list(read(DATA / "responses.jsonl", Response, key=lambda row: row.trace_id))
    traces = list(read(DATA / "traces.jsonl", Trace))
    kept = list(read(DATA / "kept.jsonl", Trace))
    assert (len(asked), len(answers), len(traces)) == (4 * 60, 10 * 60, 10 * 60)
    assert [row.id for row in asked] == [f"p{number}" for number in range(60) for _ in range(4)]  # adjacent
    assert {row.by for row in asked[::4]} == {"teacher"} and {row.by for row in asked[3::4]} == {"probe"}
    assert json.loads(Path("metrics/S_teacher.json").read_text())["requests"] == 2 * 3 * 60
    for one in PROBLEMS:
        of_problem = [row for row in traces if row.id == one.id]
        probe = [row.grades["answer"] for row in of_problem if row.by == "probe"]
        assert len(probe) == 4  # the base model's answers alone measure how hard the problem is, not the teacher's
        assert {row.pass_rate for row in of_problem} == {sum(probe) / 4}
    assert {row.style for row in kept if row.by == "teacher"} == set(SIX)
    right = [row.trace_id for row in traces if row.grades["answer"] == 1]
    assert [row.trace_id for row in kept] == right
    shares = json.loads(Path("metrics/S_filter.json").read_text())["teacher"]["kept_share_by_style"]
    assert set(shares) == set(SIX) and all(0.3 < share < 0.9 for share in shares.values())


@pytest.mark.usefixtures("house")
def test_a_prompt_that_stands_twice_is_refused_by_its_style() -> None:
    prompt.main("S")
    rows = list(read(DATA / "prompts.jsonl", Prompt))
    write(DATA / "prompts.jsonl", [*rows, rows[0]])
    with pytest.raises(BadInput, match=f"duplicate id 'p0/teacher/{rows[0].style}'"):
        respond.main("S")


def test_answers_to_one_problem_err_apart() -> None:
    """A teacher who errs on a problem in one style does not err in all."""
    rates = {"teacher": Scripted(sampler="scripted", wrong=0.5)}
    rows = list(ask(lambda: prompts(PROBLEMS, {"teacher": Several(styles=SIX)}), rates, 0))
    wrong = Counter(row.id for row in rows if not row.text.endswith(f"{{{row.answer}}}."))
    assert len({wrong[one.id] for one in PROBLEMS}) > 4


@pytest.mark.usefixtures("house")
def test_a_changed_text_is_new_for_its_style_only() -> None:
    """What would be bought is looked up by what is asked: one style's new wording leaves the others stored."""
    price = {"prompt": 1.0, "completion": 1.0}
    there = {"base_url": "http://127.0.0.1:1/v1", "model": "m"}
    params = OpenAI.model_validate({"sampler": "openai", "max_tokens": 5, "n": 2, "price": price} | there)
    rows = list(prompts(PROBLEMS[:10], {"teacher": Several(styles=SIX)}))
    with Memo() as memo:
        for row in rows:
            for wish in wished(row, params):
                memo.put(key(wish), wish, Answer("5", Ending.STOP, 1, "m"))
    for row in rows:
        if row.style == "program":
            row.messages = [{"role": "user", "content": row.messages[0]["content"] + " Be short."}]
    (found,) = estimates(rows, {"teacher": params})
    assert (found.new, found.stored) == (2 * 10, 2 * 10 * 5)


def test_a_row_of_one_style_is_what_it_was() -> None:
    """One style given as a name, or as several of which there is one, are the same rows."""
    one, other = ([encode(row) for row in prompts(PROBLEMS, {"teacher": asked})] for asked in ("glyph", Several(styles=["glyph"])))
    assert one == other
