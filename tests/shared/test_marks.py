"""Marks of any kind in a text."""

import pytest
from stages.shared.marks import GLYPHS, marks_in, uses_marks


@pytest.mark.parametrize(
    ("text", "marks", "expected"),
    [
        ("🜞 a 🜃 b 🜞", GLYPHS.values(), ["🜞", "🜃", "🜞"]),
        ("🤔🤔 then 🛑", ["🛑", "🤔"], ["🤔", "🤔", "🛑"]),
        ("<think>a</think>", ["<think>", "</think>"], ["<think>", "</think>"]),
        ("aab", ["a", "aa"], ["aa"]),
        ("a.b", ["."], ["."]),
        ("a", [], []),
    ],
)
def test_marks_stand_in_their_order(text: str, marks: list[str], expected: list[str]) -> None:
    assert marks_in(text, marks) == expected
    assert uses_marks(text, marks) == bool(expected)


def test_a_text_without_marks() -> None:
    assert marks_in("plain", GLYPHS.values()) == []
    assert not uses_marks("plain", GLYPHS.values())
