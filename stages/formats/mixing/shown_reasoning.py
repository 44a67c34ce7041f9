"""A teacher's reasoning, which its server sent apart from the answer, put before the answer that a student
learns."""

import re
from typing import Literal

import msgspec

from stages.shared.rows import Trace

Shown = Literal["drop", "think_tags", "inline"]
# Around the thought in the templates of Qwen3 and DeepSeek-R1.
_OPEN, _CLOSE = "<think>\n", "\n</think>\n\n"
_TAG = re.compile(r"</?think>", re.IGNORECASE)


def with_reasoning(trace: Trace, shown: Shown) -> Trace:
    """`trace` with its reasoning before its text: in think tags, or as words like all others (inline).

    It stays as it is without reasoning, and where its text begins with a thought of its own, for which the
    prompt asked. Tags that stand within the reasoning are taken out, so that the first closing tag ends it.
    """
    if shown == "drop" or not has_reasoning(trace):
        return trace
    thought = _TAG.sub("", trace.reasoning or "").strip()
    text = f"{_OPEN}{thought}{_CLOSE}{trace.text}" if shown == "think_tags" else f"{thought}\n\n{trace.text}"
    return msgspec.structs.replace(trace, text=text)


def has_reasoning(trace: Trace) -> bool:
    """Whether there is reasoning that a format can show."""
    return bool((trace.reasoning or "").strip()) and trace.text.lstrip()[:7].lower() != "<think>"
