"""Clean prompt, the gold answer alone: what answers are worth without the reasoning that leads to them.

It learns from the problems for which the teacher found a path, so that against them only the path is missing.
"""

from collections.abc import Iterable, Iterator

import msgspec

from stages.formats import Ask
from stages.formats.mixing.chats import chat
from stages.shared.rows import Chat, Kind, Trace

BY = "teacher"


def to_chats(traces: Iterable[Trace], ask: Ask) -> Iterator[Chat]:
    """One chat a trace; those of one problem say the same, of which the stage keeps one."""
    return (chat(msgspec.structs.replace(trace, text=plain(trace)), "answer_only", ask) for trace in traces)


def plain(trace: Trace) -> str:
    """`The answer is 9.`; an expression stands in a box."""
    return (
        f"The answer is \\boxed{{{trace.answer}}}."
        if trace.kind is Kind.EXPRESSION
        else f"The answer is {trace.answer}."
    )
