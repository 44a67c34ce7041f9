"""Clean prompt, glyph answer: the teacher's marked reasoning, for which the prompt does not ask."""

from collections.abc import Iterable, Iterator

from stages.formats import Ask
from stages.formats.mixing.chats import chat
from stages.shared.marks import uses_glyphs
from stages.shared.rows import Chat, Trace

BY = "teacher"


def to_chats(traces: Iterable[Trace], ask: Ask) -> Iterator[Chat]:
    """One chat a trace; a trace without any glyph gives none."""
    return (chat(trace, "latent", ask) for trace in traces if uses_glyphs(trace.text))
