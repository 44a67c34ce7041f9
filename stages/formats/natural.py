"""Clean prompt, plain answer: what the base model says by itself where it is right."""

from collections.abc import Iterable, Iterator

from stages.formats import Ask
from stages.formats.mixing.chats import chat
from stages.shared.marks import uses_glyphs
from stages.shared.rows import Chat, Trace

BY = "probe"


def to_chats(traces: Iterable[Trace], ask: Ask) -> Iterator[Chat]:
    """One chat a trace; a trace with a glyph, or one that was not graded as right, gives none."""
    return (
        chat(trace, "natural", ask)
        for trace in traces
        if trace.grades.get("answer") == 1 and not uses_glyphs(trace.text)
    )
