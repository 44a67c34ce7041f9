"""tasks/word_lists.py: every row is worked out anew from its question."""

from pathlib import Path

import pytest
from stages.shared.errors import BadInput
from stages.tasks.word_lists import Params, load


def answer(question: str) -> str:
    listed, asked = question.split("\n")
    if ": " in listed:
        values = dict(pair.split(": ") for pair in listed.split("; "))
        return "; ".join(f"{key}: {values[key]}" for key in asked.split("; "))
    words = listed.split()
    return " ".join((words + words)[words.index(asked) :][: len(words)])


def test_lists_and_pairs_are_said_again_as_asked() -> None:
    rows = list(load("pretrain", Params(pretrain=600), Path("nowhere"), 0))
    assert [row.answer for row in rows] == [answer(row.question) for row in rows]
    assert len({row.id for row in rows}) == 600
    assert 200 < sum(": " in row.question for row in rows) < 400
    assert rows == list(load("pretrain", Params(pretrain=600), Path("nowhere"), 0))
    assert rows[:50] != list(load("pretrain", Params(pretrain=50), Path("nowhere"), 1))


@pytest.mark.parametrize("split", ["train", "test", "validation"])
def test_nobody_is_judged_by_word_lists(split: str) -> None:
    with pytest.raises(BadInput, match=f"^word_lists: .*'{split}'.*pretrain"):
        list(load(split, Params(pretrain=1), Path(), 0))
