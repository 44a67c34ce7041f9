"""Takes a model's thought out of a response, in the marks that models of today put around it.

A thought that was cut off before its end hides all that follows: what stands in it is no answer. A closing
mark without an opening one hides all that stands before it.
"""

import re

WORDS = (  # a tag with one of these words in its name holds a thought
    "think",  # `<think>` (DeepSeek-R1, Qwen3), `[THINK]` (Magistral), `<|START_THINKING|>` (Command A)
    "thought",  # `<|begin_of_thought|>` (Sky-T1, OpenThinker), `<thought>` (prompts in the manner of ReAct)
    "reason",  # `<reasoning>` (Hermes, models trained with rewards)
    "analysis",  # prompts of agents
    "reflect",  # `<reflection>`
    "scratch",  # `<scratchpad>`
    "monologue",  # `<inner_monologue>`
    "deliberat",
)
EXACT = ("cot", "internal")  # names that are such a tag only as a whole
THOUGHT_CHANNELS = ("analysis", "commentary")  # of the harmony format of gpt-oss; `final` is the answer

_INSIDE = "|".join(WORDS)
_TAG = re.compile(
    rf"<\|?/?(?:[\w:/-]{{0,30}}(?:{_INSIDE})[\w:-]{{0,30}}|{'|'.join(EXACT)})\|?>"
    rf"|\[/?(?:think|thinking)\]|◁/?think▷",
    re.IGNORECASE,
)
_CLOSES = re.compile(r"/|end", re.IGNORECASE)  # `</think>`, `<|end_of_thought|>`
_CHANNEL = re.compile(
    r"(?:<\|channel\|>|\A)\s{0,3}(?P<name>analysis|commentary|final)\b[^<\n]{0,80}<\|message\|>"
)
_CHANNEL_END = re.compile(r"<\|(?:end|return|call|start)\|>")
_BARE = re.compile(r"\A\s{0,9}(?:assistant)?analysis(?=[A-Z0-9\"'(\\])")  # harmony without its special tokens
_BARE_FINAL = "assistantfinal"


def without_thought(text: str) -> str:
    """`text` without the thought; empty where the thought was cut off."""
    if "<|" in text and "<|message|>" in text:
        text = _of_channels(text)
    elif _BARE.match(text):
        return text.rpartition(_BARE_FINAL)[2] if _BARE_FINAL in text else ""
    if "<" not in text and "[" not in text and "◁" not in text:
        return text
    kept: list[str] = []
    start, is_open = 0, False
    for tag in _TAG.finditer(text):
        opens = _CLOSES.search(tag.group()) is None
        if opens and not is_open:
            kept.append(text[start : tag.start()])
            is_open = True
        elif not opens:
            kept = kept if is_open else []
            start, is_open = tag.end(), False
    return "".join(kept) if is_open else "".join(kept) + text[start:]


def _of_channels(text: str) -> str:
    """What stands in the channel `final`; `text` itself where it has no channels."""
    channels = list(_CHANNEL.finditer(text))
    if not channels:
        return text
    ends = [match.start() for match in channels[1:]] + [len(text)]
    finals = [
        text[channel.end() : end]
        for channel, end in zip(channels, ends, strict=True)
        if channel["name"] not in THOUGHT_CHANNELS
    ]
    return _CHANNEL_END.split(finals[-1])[0] if finals else ""
