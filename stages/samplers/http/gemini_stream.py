"""A streamed answer of Gemini put together: server-sent events as the body of the same answer in one piece.

https://ai.google.dev/api/generate-content#method:-models.streamgeneratecontent
"""

import json
from collections.abc import Callable, Iterable
from typing import Any

from stages.samplers.http.faults import Fault, one_line

DATA = b"data:"


class StreamedAnswer:
    """Takes the events of a stream one by one. Each is a response of its own, with some of the parts."""

    def __init__(self) -> None:
        self.fields: dict[str, Any] = {}  # of the last event that has them: usage, version of the model
        self.candidate: dict[str, Any] = {}  # likewise, of the first candidate
        self.parts: list[Any] = []

    def add(self, line: bytes) -> bool:
        """Takes one line. Returns whether it is an event. Raises Fault on an event that is no JSON object."""
        if not line.startswith(DATA):
            return False
        try:
            event = json.loads(line[len(DATA) :])
            candidates = event.pop("candidates", None) or [{}]
            candidate = dict(candidates[0])
            self.parts += (candidate.pop("content", None) or {}).get("parts") or []
        except (ValueError, RecursionError, LookupError, TypeError, AttributeError):
            excerpt = one_line(line[:200].decode(errors="replace"))
            raise Fault("malformed JSON", excerpt, billed=True, raw=line) from None
        self.fields |= event
        self.candidate |= candidate
        return True

    def body(self) -> bytes:
        """The whole answer, or the error that ended it. Raises Fault where the stream ended before either."""
        if "error" in self.fields:
            return json.dumps({"error": self.fields["error"]}).encode()
        if "promptFeedback" in self.fields and not self.candidate:
            return json.dumps(self.fields).encode()
        if "finishReason" not in self.candidate:
            raise Fault("cut off", "the stream ended within an answer", billed=True)
        content = {"content": {"role": "model", "parts": self.parts}} if self.parts else {}
        return json.dumps(self.fields | {"candidates": [self.candidate | content]}).encode()


def read_stream(
    chunks: Iterable[bytes], largest: int, token_timeout: float, clock: Callable[[], float]
) -> bytes:
    """The whole answer of a stream. `clock` gives seconds. Raises Fault where the answer is larger than
    `largest` bytes, or where no part comes for `token_timeout` seconds, whatever else comes."""
    streamed, rest, size, last = StreamedAnswer(), b"", 0, clock()
    for chunk in chunks:
        size += len(chunk)
        if size > largest:
            raise Fault("too large", f"more than {largest} bytes", retry=False, billed=True)
        *lines, rest = (rest + chunk).split(b"\n")
        events = [streamed.add(line.strip()) for line in lines]
        if any(events):
            last = clock()
        elif clock() - last > token_timeout:
            raise Fault("timeout", f"no part of an answer within {token_timeout:g} s", billed=True)
    streamed.add(rest.strip())
    return streamed.body()
