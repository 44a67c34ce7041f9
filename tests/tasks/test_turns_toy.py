"""tasks/turns_toy.py: every answer of every turn worked out anew, and held-out conversations given turn by turn."""

import re
from pathlib import Path

import pytest
from stages.shared.errors import BadInput
from stages.shared.rows import Kind, Problem
from stages.tasks.making.turns import problems_of
from stages.tasks.turns_toy import Params, load


def drawn(split: str, count: int = 300, seed: int = 0, levels: tuple[float, ...] = (1, 1, 1)) -> list[Problem]:
    params = Params.model_validate({split: count, "levels": list(levels)})
    return list(load(split, params, Path("nowhere"), seed))


def answers(questions: list[str]) -> list[str]:
    """The answers to the user's turns, from their words alone, by laying and taking away sticks."""
    given: list[str] = []
    sticks = ""
    for question in questions:
        numbers = [int(number) for number in re.findall(r"\d+", question)]
        if "more, " in question:
            sticks = "|" * sorted(numbers)[-1]
        elif question.startswith("Then"):
            sticks = sticks + "|" * numbers[0] if "come" in question else sticks[numbers[0] :]
        else:
            sticks = "|" * numbers[0]
            sticks = sticks + "|" * numbers[1] if "gets" in question else sticks[numbers[1] :]
        given.append(str(len(sticks)))
    return given


@pytest.mark.parametrize("split", ["train", "test", "validation", "pretrain"])
def test_every_turn_is_answered_rightly(split: str) -> None:
    for row in drawn(split):
        turns = [*(row.history or []), {"role": "user", "content": row.question}]
        said = [turn["content"] for turn in turns if turn["role"] == "assistant"]
        worked = answers([turn["content"] for turn in turns if turn["role"] == "user"])
        assert said == [f"The answer is {answer}." for answer in worked[:-1]]
        assert row.answer == worked[-1]
        assert (row.kind, row.split, row.task, row.level) == (Kind.NUMBER, split, "turns_toy", len(worked))


def test_a_held_out_conversation_is_a_problem_for_each_of_its_turns() -> None:
    rows = drawn("test", 200)
    whole = {row.id: row for row in rows}
    assert len({row.conversation for row in rows}) == 200 and len(whole) == len(rows) > 350
    for row in rows:
        assert row.id == f"{row.conversation}#turn{row.level}"
        if row.level == 1:
            assert row.history is None
        else:
            before = whole[f"{row.conversation}#turn{(row.level or 0) - 1}"]
            asked = {"role": "user", "content": before.question}
            assert row.history == [*(before.history or []), asked, {"role": "assistant", "content": f"The answer is {before.answer}."}]


def test_train_and_pretrain_rows_are_whole_conversations() -> None:
    for split in ("train", "pretrain"):
        rows = drawn(split, 200)
        assert len(rows) == 200 and all("#" not in row.id and row.conversation == row.id for row in rows)
        assert {row.level for row in rows} == {1, 2, 3}


def test_the_same_again_and_others_with_another_seed() -> None:
    assert drawn("train") == drawn("train") != drawn("train", seed=1)
    ids = [{row.conversation for row in drawn(split)} for split in ("train", "test", "pretrain")]
    assert not ids[0] & ids[1] and not ids[0] & ids[2] and not ids[1] & ids[2]


def test_a_gold_answer_for_each_turn() -> None:
    row = next(row for row in drawn("pretrain") if row.level == 2)
    row.split = "test"
    with pytest.raises(BadInput, match="expected 1 gold answers before the last, got 2"):
        list(problems_of(row, ["1", "2"]))
