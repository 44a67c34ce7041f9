"""Where servers of today put a model's thought: all of it is kept as reasoning, none of it is graded as an answer."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from stages.graders import grader
from stages.samplers.ask import ask
from stages.samplers.http.inline_thoughts import PAIRS, split_thought
from stages.shared.rows import Ending, Response

from server import Call, Server, openai_body
from server import Response as Reply
from teachers import params, prompt, workplace

pytestmark = pytest.mark.usefixtures("workplace")
__all__ = ["workplace"]

THOUGHT = "Is it 1? The answer is 1."  # the gold answer is 1: whoever grades the thought calls it right
ANSWER = "The answer is 2."
DETAILS = [
    {"type": "reasoning.text", "text": THOUGHT[:9], "format": "anthropic-claude-v1", "index": 0, "signature": "s"},
    {"type": "reasoning.summary", "summary": THOUGHT[9:]},
    {"type": "reasoning.encrypted", "data": "c2VjcmV0"},
]

# The message by dialect; each holds THOUGHT before ANSWER.
DIALECTS: dict[str, dict[str, Any]] = {
    "deepseek": {"reasoning_content": THOUGHT, "content": ANSWER},
    "vllm": {"reasoning": THOUGHT, "content": ANSWER},
    "ollama": {"thinking": THOUGHT, "content": ANSWER},
    "openrouter": {"reasoning": THOUGHT, "reasoning_details": DETAILS, "content": ANSWER},
    "openrouter, details alone": {"reasoning": None, "reasoning_details": DETAILS, "content": ANSWER},
    "litellm": {"reasoning_content": None, "thinking_blocks": [{"type": "thinking", "thinking": THOUGHT}], "content": ANSWER},
    "mistral": {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": THOUGHT}]}, {"type": "text", "text": ANSWER}]},
    "anthropic": {
        "content": [
            {"type": "thinking", "thinking": THOUGHT, "signature": "s"},
            {"type": "redacted_thinking", "data": "c2VjcmV0"},
            {"type": "text", "text": ANSWER},
        ]
    },
    "gemini": {"content": [{"text": THOUGHT, "thought": True}, {"text": ANSWER}]},
    "gemini, parts": {"content": {"parts": [{"text": THOUGHT, "thought": True}, {"text": ANSWER}]}},
    "output_text": {
        "content": [{"type": "reasoning", "summary": [{"type": "summary_text", "text": THOUGHT}]}, {"type": "output_text", "text": ANSWER}]
    },
    "template opened it": {"content": f"{THOUGHT}\n</think>\n\n{ANSWER}"},
    "two thoughts": {"content": f"<think>{THOUGHT}</think>\n<think>{THOUGHT}</think>{ANSWER}"},
    "both": {"reasoning_content": THOUGHT, "content": f"<think>{THOUGHT}</think>{ANSWER}"},
    "harmony": {
        "content": f"<|channel|>analysis<|message|>{THOUGHT}<|end|><|start|>assistant<|channel|>final<|message|>{ANSWER}<|return|>"
    },
    # the names hold no tag: they are the questions, and a tag that a question names stays in the answer
    **{
        f"inline {number}": {"content": f"\n{opening}\n{THOUGHT}\n{closing}\n\n{ANSWER}"} for number, (opening, closing) in enumerate(PAIRS)
    },
}
# The thought never ended, or no answer follows it: finish reason and message.
CUT: dict[str, tuple[str, dict[str, Any]]] = {
    "reasoning_content": ("length", {"reasoning_content": THOUGHT, "content": None}),
    "reasoning, said to be done": ("stop", {"reasoning": THOUGHT, "content": None}),
    "empty content": ("length", {"reasoning_content": THOUGHT, "content": ""}),
    "mistral": ("length", {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": THOUGHT}]}]}),
    "anthropic": ("max_tokens", {"content": [{"type": "thinking", "thinking": THOUGHT}]}),
    "inline": ("length", {"content": f"<think>\n{THOUGHT}"}),
    "inline, said to be done": ("stop", {"content": f"<think>\n{THOUGHT}"}),
    "harmony": ("stop", {"content": f"<|channel|>analysis<|message|>{THOUGHT}"}),
}


class Says(Server):
    """Answers each question with the message of its style."""

    def __init__(self, messages: dict[str, tuple[str, dict[str, Any]]], stream: bool = False) -> None:
        super().__init__()
        self.messages, self.stream = messages, stream

    def answered(self, call: Call, text: str | None, reason: str, **message: Any) -> Reply:
        self.bill(call)
        reason, message = self.messages[call.told]
        if self.stream:
            return Reply(200, [*events(reason, message), b"data: [DONE]"])
        return Reply(200, openai_body(None, reason, (10, 5), **message))


def events(reason: str, message: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The message in pieces of a few letters, as a stream brings it."""
    for name, value in message.items():
        pieces = [value[at : at + 3] for at in range(0, len(value), 3)] if isinstance(value, str) else [value]
        for piece in pieces:
            yield {"model": "served", "choices": [{"index": 0, "delta": {name: piece}, "finish_reason": None}]}
    yield {"model": "served", "choices": [{"index": 0, "delta": {}, "finish_reason": reason}]}
    yield {"choices": [], "usage": {"prompt_tokens": 10, "completion_tokens": 5}}


def rows(server: Server, names: list[str], **changed: Any) -> dict[str, Response]:
    asked = [prompt(name, text=name) for name in names]
    return {row.id: row for row in ask(lambda: iter(asked), {"teacher": params(server, **changed)}, 0)}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_every_dialect_is_kept_and_none_is_graded(stream: bool) -> None:
    answer = grader("answer")
    with Says({name: ("stop", message) for name, message in DIALECTS.items()}, stream) as server:
        for _ in range(2):  # bought, and then from the memo
            found = rows(server, list(DIALECTS), stream=stream)
            assert {name: row.text for name, row in found.items()} == dict.fromkeys(DIALECTS, ANSWER)
            expected = dict.fromkeys(DIALECTS, THOUGHT) | dict.fromkeys(["two thoughts", "both"], f"{THOUGHT}\n\n{THOUGHT}")
            assert {name: row.reasoning for name, row in found.items()} == expected
            assert {row.ending for row in found.values()} == {Ending.STOP}
            assert [name for name, row in found.items() if answer.grade(row, answer.Params()).score] == []
        assert len(server.calls) == len(DIALECTS)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_thought_that_was_cut_off_is_no_answer(stream: bool) -> None:
    answer = grader("answer")
    with Says(CUT, stream) as server:
        found = rows(server, list(CUT), stream=stream)
        assert {name: (row.text, row.ending, row.reasoning) for name, row in found.items()} == dict.fromkeys(
            CUT, ("", Ending.LENGTH, THOUGHT)
        )
        assert [name for name, row in found.items() if answer.grade(row, answer.Params()).score] == []


@pytest.mark.parametrize(
    ("text", "asked", "left", "thought", "ended"),
    [
        ("The answer is 2.", "?", "The answer is 2.", None, True),
        ("a < b, so 2", "?", "a < b, so 2", None, True),
        ("<think>t</think>2", "Reason between <think> and </think>.", "<think>t</think>2", None, True),  # it was asked for
        ("<think>t</think>2", "?", "2", "t", True),
        ("<THINK>t</Think>2", "?", "2", "t", True),
        ("<think>\n\n</think>\n\n2", "?", "2", None, True),  # Qwen3 without thinking
        ("Say <think>x</think> aloud", "?", "Say <think>x</think> aloud", None, True),
        ("t</think>2", "?", "2", "t", True),
        ("Reasons</reasoning>2", "?", "Reasons</reasoning>2", None, True),  # no template opens this one
        ("<think>t", "?", "", "t", False),
        ("<thinking>a</thinking> <think>b</think> 2", "?", "2", "a\n\nb", True),
        ("", "?", "", None, True),
    ],
)
def test_a_thought_in_front_of_an_answer(text: str, asked: str, left: str, thought: str | None, ended: bool) -> None:
    assert split_thought(text, [{"role": "user", "content": asked}]) == (left, thought, ended)


def test_a_thought_stays_where_the_prompt_asks_for_its_tags(workplace: Path) -> None:
    style = "First reason between <think> and </think>."
    with Says({style: ("stop", {"content": f"<think>{THOUGHT}</think>{ANSWER}"})}) as server:
        (row,) = rows(server, [style]).values()
    assert (row.text, row.reasoning) == (f"<think>{THOUGHT}</think>{ANSWER}", None)
