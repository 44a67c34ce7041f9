"""A trace as a chat, which names the trace it came from."""

from stages.formats import Ask
from stages.shared.answers import label_answer
from stages.shared.rows import Chat, Message, Trace


def chat(trace: Trace, name: str, ask: Ask) -> Chat:
    """The trace's text as the answer to the prompt that the student will see; `style` is the one that the
    trace was asked for in. A hard trace, whose text was never accepted, gives its gold label alone."""
    text = label_answer(trace) if trace.hard else trace.text
    messages = [*ask(trace), Message(role="assistant", content=text)]
    return Chat(
        id=f"{trace.trace_id}#{name}",
        problem=trace.id,
        format=name,
        style=trace.style,
        messages=messages,
        trace=trace.trace_id,
        weight=trace.weight,
    )
