"""A streamed answer put together: server-sent events as the body of the same answer in one piece.

https://platform.openai.com/docs/api-reference/chat-streaming
"""

import json
from typing import Any

from stages.samplers.http.faults import Fault, one_line
from stages.samplers.http.message_parts import REASONING

DATA, DONE = b"data:", b"[DONE]"
ENVELOPE = ("model", "usage")  # fields of an event that count once, the last that is given


class StreamedBody:
    """Takes the lines of a stream one by one."""

    def __init__(self) -> None:
        self.fields: dict[str, Any] = {}
        self.content: list[Any] = []
        self.reasoning: dict[str, list[Any]] = {}  # by field: a server may send the same in two
        self.refusal = ""
        self.logprobs: list[Any] = []
        self.reason: Any = None
        self.done = self.has_choice = False

    def add(self, line: bytes) -> bool:
        """Takes one line. Returns whether it is an event with data. Raises Fault on data that is no JSON."""
        line = line.strip()
        if not line.startswith(DATA):
            return False
        data = line[len(DATA) :].strip()
        if data == DONE:
            self.done = True
            return True
        try:
            event = json.loads(data)
        except (ValueError, RecursionError):
            excerpt = one_line(data[:200].decode(errors="replace"))
            raise Fault("malformed JSON", excerpt, billed=True, raw=data) from None
        if isinstance(event, dict):
            self._take(event)
        return True

    def _take(self, event: dict[str, Any]) -> None:
        self.fields |= {name: event[name] for name in ENVELOPE if event.get(name)}
        if event.get("error"):
            self.fields["error"], self.reason = event["error"], "error"
        choices = event.get("choices")
        choice = choices[0] if isinstance(choices, list) and choices else None
        if not isinstance(choice, dict):
            return
        self.has_choice = True
        delta = choice.get("delta")
        self._take_delta(delta if isinstance(delta, dict) else {})
        self.reason = choice.get("finish_reason") or self.reason
        logprobs = choice.get("logprobs")
        if isinstance(logprobs, dict) and isinstance(logprobs.get("content"), list):
            self.logprobs += logprobs["content"]

    def _take_delta(self, delta: dict[str, Any]) -> None:
        if delta.get("content"):
            self.content.append(delta["content"])
        for name in REASONING:
            if delta.get(name):
                self.reasoning.setdefault(name, []).append(delta[name])
        if isinstance(delta.get("refusal"), str):
            self.refusal += delta["refusal"]

    def body(self) -> bytes:
        """The whole answer. Raises Fault where the stream ended before it."""
        if self.reason is None and not self.done:
            raise Fault("cut off", "the stream ended within an answer", billed=True)
        if not self.has_choice and "error" in self.fields:
            return json.dumps({"error": self.fields["error"]}).encode()
        message: dict[str, Any] = {
            "content": self.content or None,
            "refusal": self.refusal or None,
        } | self.reasoning
        logprobs = {"content": self.logprobs} if self.logprobs else None
        choice = {"message": message, "finish_reason": self.reason, "logprobs": logprobs}
        return json.dumps({"choices": [choice] if self.has_choice else []} | self.fields).encode()
