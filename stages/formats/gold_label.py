"""Clean prompt, the gold label alone: what a student reaches that labels without reasoning.

The format takes the problems to which the teacher's traces were kept, so that a student of another format of
these traces differs in the reasoning only.
"""

from collections.abc import Iterable, Iterator

import msgspec

from stages.formats import Ask
from stages.formats.mixing.chats import chat
from stages.shared.answers import label_answer
from stages.shared.rows import Chat, Trace

BY = "teacher"


def to_chats(traces: Iterable[Trace], ask: Ask) -> Iterator[Chat]:
    """One chat a trace. The chats of a problem say the same; the mixture keeps the first."""
    return (
        chat(msgspec.structs.replace(trace, text=label_answer(trace)), "gold_label", ask) for trace in traces
    )
