"""Marks: characters or short words that mean something in an answer. The glyphs are written here and nowhere
else."""

import re
from collections.abc import Collection

CRUX = "\U0001f71e"  # 🜞 what the problem turns on
PLAN = "\U0001f706"  # 🜆 how to go about it
STEPS = "\U0001f702"  # 🜂 the work itself
TAKEAWAY = "\U0001f703"  # 🜃 the answer

GLYPHS: dict[str, str] = {"crux": CRUX, "plan": PLAN, "steps": STEPS, "takeaway": TAKEAWAY}


def marks_in(text: str, marks: Collection[str]) -> list[str]:
    """Those of `marks` that stand in `text`, in the order in which they stand, repeated ones repeated.

    Where one mark begins with another, the longer one is read.
    """
    longest_first = sorted(marks, key=len, reverse=True)
    return re.findall("|".join(map(re.escape, longest_first)), text) if longest_first else []


def uses_marks(text: str, marks: Collection[str]) -> bool:
    """Whether any of `marks` stands in `text`."""
    return any(mark in text for mark in marks)


def uses_glyphs(text: str) -> bool:
    """Whether any glyph stands in `text`."""
    return uses_marks(text, GLYPHS.values())


def sections(text: str) -> dict[str, str]:
    """The text after each glyph, up to the next one, by section name; what stands before the first glyph is
    left out.

    Of a glyph that stands twice the last section is kept; `graders/glyph_structure` refuses such a text.
    """
    names = {glyph: name for name, glyph in GLYPHS.items()}
    texts: dict[str, str] = {}
    current: str | None = None
    start = 0
    for place, character in enumerate(text):
        if character in names:
            if current is not None:
                texts[current] = text[start:place].strip()
            current, start = names[character], place + 1
    if current is not None:
        texts[current] = text[start:].strip()
    return texts
