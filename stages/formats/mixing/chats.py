"""A trace as a chat, which names the trace it came from."""

from stages.formats import Ask
from stages.shared.answers import label_answer
from stages.shared.rows import Chat, Kind, Message, Trace


def chat(trace: Trace, name: str, ask: Ask) -> Chat:
    """The trace's text as the answer to the prompt that the student will see; `style` is the one that the
    trace was asked for in. A hard trace, whose text was never accepted, gives its gold label alone. Of a
    classification the chat also holds the text and the gold label."""
    text = label_answer(trace) if trace.hard else trace.text
    labelled = trace.kind is Kind.LABEL
    messages = [*ask(trace), Message(role="assistant", content=text)]
    return Chat(
        id=f"{trace.trace_id}#{name}",
        problem=trace.id,
        format=name,
        style=trace.style,
        messages=messages,
        trace=trace.trace_id,
        text=trace.question if labelled else None,
        label=trace.answer if labelled else None,
        weight=trace.weight,
    )
