"""Clean prompt, the teacher's answer as it is: distillation without marks, for teachers that write none."""

from collections.abc import Iterable, Iterator

from stages.formats import Ask
from stages.formats.mixing.chats import chat
from stages.shared.rows import Chat, Trace

BY = "teacher"


def to_chats(traces: Iterable[Trace], ask: Ask) -> Iterator[Chat]:
    """One chat a trace."""
    return (chat(trace, "direct", ask) for trace in traces)
