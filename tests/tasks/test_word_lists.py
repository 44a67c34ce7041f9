"""tasks/word_lists.py: every row is worked out anew from its question."""

from pathlib import Path

import pytest
from pydantic import ValidationError
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


def test_words_of_ones_own() -> None:
    words = [f"R{number}" for number in range(1, 16)]
    rows = list(load("pretrain", Params(pretrain=300, words=words), Path("nowhere"), 0))
    assert [row.answer for row in rows] == [answer(row.question) for row in rows]
    assert {word.strip(":;") for row in rows for word in row.question.split()} == set(words)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["a"] * 13, "each named once"),
        (list("abcdefghijkl"), "more than 12 words"),
        ([*"abcdefghijklm", "n:"], "got 'n:'"),
        ([*"abcdefghijklm", ""], "got ''"),
    ],
)
def test_words_that_cannot_be_listed(words: list[str], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        Params(words=words)
