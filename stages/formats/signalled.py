"""The teacher's answer with exactly the signals that the student's prompt asks for.

Where the prompt asks for none the chat is what the format `direct` makes, and signals at the ends of the
answer are taken off.
"""

from collections.abc import Iterable, Iterator

import msgspec

from stages.formats import Ask
from stages.formats.mixing.chats import chat
from stages.shared.rows import Chat, Trace
from stages.shared.signals import parts_of, request_of, signed

BY = "teacher"


def to_chats(traces: Iterable[Trace], ask: Ask) -> Iterator[Chat]:
    """One chat a trace, of the format `signalled` or `direct`."""
    for trace in traces:
        request = request_of(ask(trace))
        text = signed(trace.text, request) if request else parts_of(trace.text).words
        yield chat(msgspec.structs.replace(trace, text=text), "signalled" if request else "direct", ask)
