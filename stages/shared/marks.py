"""The glyphs as characters: the only place where they are written."""

CRUX = "\U0001f71e"  # 🜞 what the problem turns on
PLAN = "\U0001f706"  # 🜆 how to go about it
STEPS = "\U0001f702"  # 🜂 the work itself
TAKEAWAY = "\U0001f703"  # 🜃 the answer

GLYPHS: dict[str, str] = {"crux": CRUX, "plan": PLAN, "steps": STEPS, "takeaway": TAKEAWAY}


def marks_in(text: str) -> list[str]:
    """The glyphs of `text` in the order in which they stand, repeated ones repeated."""
    return [character for character in text if character in GLYPHS.values()]


def uses_glyphs(text: str) -> bool:
    """Whether any glyph stands in `text`."""
    return any(glyph in text for glyph in GLYPHS.values())


def sections(text: str) -> dict[str, str]:
    """The text after each glyph, up to the next one, by section name; what stands before the first glyph is
    left out.

    A glyph that stands twice keeps its last section: whether that is allowed is for `graders/glyph_structure`
    to say.
    """
    names = {glyph: name for name, glyph in GLYPHS.items()}
    found: dict[str, str] = {}
    current: str | None = None
    start = 0
    for place, character in enumerate(text):
        if character in names:
            if current is not None:
                found[current] = text[start:place].strip()
            current, start = names[character], place + 1
    if current is not None:
        found[current] = text[start:].strip()
    return found
