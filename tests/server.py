"""A real HTTP server that answers like OpenAI's API or Gemini's REST API, misbehaves by a schedule, and counts what it would bill.

with Server(faults={"429": 0.1, "hang": 0.02}) as server: ...server.url...server.billed...
python tests/server.py --port 8000 --latency 0.05          # in a process of its own, for the benchmarks; GET /counts
"""

import asyncio
import json
import random
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from threading import Thread
from typing import Any, NamedTuple, Self

from server_batches import Batches


class Call(NamedTuple):
    """A request: `told` is the last message, `place` how often that was asked before, `at` when it came."""

    path: str
    headers: Mapping[str, str]
    body: dict[str, Any]
    told: str
    tries: int
    at: float


class Response(NamedTuple):
    """`manner`: how it is sent (whole, reset, hang, drip, cut). A list is a stream, with `pause` seconds after each piece."""

    status: int
    body: Any
    headers: Mapping[str, str] = {}
    manner: str = "whole"
    pause: float = 0.0


def error(status: int, message: str, code: str = "", **headers: str) -> Response:
    return Response(
        status, {"error": {"message": message, "type": "error", "code": code}}, {k.replace("_", "-"): v for k, v in headers.items()}
    )


def openai_body(text: str | None, reason: str | None, usage: tuple[int, int], **message: Any) -> dict[str, Any]:
    counts = {"prompt_tokens": usage[0], "completion_tokens": usage[1], "total_tokens": sum(usage)}
    choice = {"index": 0, "message": {"role": "assistant", "content": text} | message, "finish_reason": reason}
    return {"id": "c", "object": "chat.completion", "created": 0, "model": "served", "choices": [choice], "usage": counts}


def gemini_body(text: str | None, reason: str | None, usage: tuple[int, int], **_: Any) -> dict[str, Any]:
    reasons = {"stop": "STOP", "length": "MAX_TOKENS", "content_filter": "SAFETY"}
    parts = {"content": {"role": "model", "parts": [{"text": text}]}} if text else {}
    counts = {"promptTokenCount": usage[0], "candidatesTokenCount": usage[1], "totalTokenCount": sum(usage)}
    return {
        "candidates": [parts | {"finishReason": reasons[reason or "stop"], "index": 0}],
        "usageMetadata": counts,
        "modelVersion": "served",
    }


Fault = Callable[["Server", Call], Response]
FAULTS: dict[str, Fault] = {
    "429": lambda server, call: error(429, "slow down", "rate_limit_exceeded"),
    "429 after": lambda server, call: error(429, "slow down", "rate_limit_exceeded", retry_after="0.2"),
    "no credit": lambda server, call: error(429, "You exceeded your current quota", "insufficient_quota"),
    "500": lambda server, call: error(500, "internal"),
    "502": lambda server, call: Response(502, b"<html>Bad Gateway</html>"),
    "503": lambda server, call: error(503, "overloaded"),
    "529": lambda server, call: error(529, "overloaded"),
    "reset": lambda server, call: Response(200, {}, manner="reset"),
    "hang": lambda server, call: Response(200, {}, manner="hang"),
    "drip": lambda server, call: Response(200, {"choices": "x" * 1000}, manner="drip"),
    "cut": lambda server, call: Response(200, {"choices": "x" * 1000}, manner="cut"),
    "garbage": lambda server, call: Response(200, b'{"choices": [{"mess\xff'),
    "empty choices": lambda server, call: Response(200, {"choices": []}),
    "wrong schema": lambda server, call: Response(200, {"choices": [{"text": "an old completion"}]}),
    "huge": lambda server, call: Response(200, b" " * (17 << 20)),
    "401": lambda server, call: error(401, f"Incorrect API key provided: {call.headers.get('authorization', '')}", "invalid_api_key"),
    "403": lambda server, call: error(403, f"no access for {call.headers.get('authorization', '')}"),
    "404": lambda server, call: error(404, "The model does not exist", "model_not_found"),
    "400": lambda server, call: error(400, "Unsupported parameter: 'top_p'", "unsupported_parameter"),
    "context": lambda server, call: error(400, "This model's maximum context length is 8 tokens.", "context_length_exceeded"),
    "filter 400": lambda server, call: error(400, "The response was filtered by our content management policy", "content_filter"),
    "redirect": lambda server, call: Response(307, b"", {"Location": server.elsewhere}),
    "filter": lambda server, call: server.answered(call, "", "content_filter"),
    "refusal": lambda server, call: server.answered(call, None, "stop", refusal="I cannot help with that"),
    "truncated": lambda server, call: server.answered(call, "and then", "length"),
    "empty": lambda server, call: server.answered(call, "", "stop"),
    "odd": lambda server, call: server.answered(call, "\ud800 \x00\x1b[31m \U0001f71e", "stop"),
    "echo": lambda server, call: server.answered(call, f"your key is {call.headers.get('authorization', '')}", "stop"),
}


class Server:
    """`faults` gives shares of calls by kind, or `plan` the kind for each call (None: a good answer). Above `limit` at once are refused.

    `latency` is in seconds, a number or a function of a random generator. What is answered is counted in `billed` by the last message, and
    each answer has a number of its own.
    """

    elsewhere: str = ""  # where redirects lead

    def __init__(
        self,
        faults: Mapping[str, float] | None = None,
        plan: Callable[[Call], str | None] | None = None,
        latency: float | Callable[[random.Random], float] = 0.0,
        limit: int | None = None,
        usage: tuple[int, int] = (10, 5),
        port: int = 0,
        behaviours: Mapping[str, Fault] | None = None,
    ) -> None:
        self.behaviours = FAULTS | dict(behaviours or {})
        self.ledger: list[tuple[int, int]] = []  # tokens of the prompt and of the answer of every call that is billed
        self.faults, self.plan, self.latency, self.limit, self.usage, self.port = faults or {}, plan, latency, limit, usage, port
        self.billed: Counter[str] = Counter()
        self.kinds: Counter[str] = Counter()
        self.calls: list[Call] = []
        self.tries: Counter[str] = Counter()
        self.active = self.peak = self.connections = 0
        self.batches = Batches(self)

    def __enter__(self) -> Self:
        self.loop = asyncio.new_event_loop()
        self.server = self.loop.run_until_complete(asyncio.start_server(self._connect, "127.0.0.1", self.port, limit=1 << 24, backlog=2048))
        self.port = self.server.sockets[0].getsockname()[1]
        self.thread = Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self.loop).result()
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()

    async def _end(self) -> None:
        self.server.close()
        open_ones = asyncio.all_tasks() - {asyncio.current_task()}
        for task in open_ones:
            task.cancel()
        await asyncio.gather(*open_ones, return_exceptions=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while await self._one(reader, writer):
                pass
        except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
            pass
        finally:
            writer.transport.abort()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, path, _ = head[0].split(" ", 2)
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
        content = await reader.readexactly(int(headers.get("content-length", 0)))
        if "/files" in path or "/batches" in path:
            return await send(writer, self.batches.respond(method, path, headers, content))
        if method == "GET":
            return await send(writer, Response(200, {"calls": len(self.calls), "billed": sum(self.billed.values()), "kinds": self.kinds}))
        self.active += 1
        self.peak = max(self.peak, self.active)
        try:
            return await send(writer, await self.respond(path, headers, json.loads(content)))
        finally:
            self.active -= 1

    async def respond(self, path: str, headers: Mapping[str, str], body: dict[str, Any]) -> Response:
        told = body["messages"][-1]["content"] if "messages" in body else body["contents"][-1]["parts"][0]["text"]
        call = Call(path, headers, body, told, self.tries[told], asyncio.get_running_loop().time())
        self.tries[told] += 1
        self.calls.append(call)
        if self.limit and self.active > self.limit:
            self.kinds["over the limit"] += 1
            return FAULTS["429"](self, call)
        kind = self.plan(call) if self.plan else self._drawn(call)
        self.kinds[kind or "good"] += 1
        if kind and kind not in ("truncated", "empty"):
            return self.behaviours[kind](self, call)
        latency = self.latency(random.Random(f"{told} {call.tries}")) if callable(self.latency) else self.latency
        if latency:
            await asyncio.sleep(latency)
        return self.behaviours[kind](self, call) if kind else self.answered(call, f"{told} | answer {sum(self.billed.values())}", "stop")

    def _drawn(self, call: Call) -> str | None:
        draw = random.Random(f"{call.told} {call.tries}").random()
        for kind, share in self.faults.items():
            draw -= share
            if draw < 0:
                return kind
        return None

    def answered(self, call: Call, text: str | None, reason: str, **message: Any) -> Response:
        self.bill(call)
        make = openai_body if "messages" in call.body else gemini_body
        return Response(200, make(text, reason, self.usage, **message))

    def bill(self, call: Call, usage: tuple[int, int] | None = None) -> None:
        self.billed[call.told] += 1
        self.ledger.append(usage or self.usage)


async def send(writer: asyncio.StreamWriter, response: Response) -> bool:
    """Whether the connection stays open."""
    if isinstance(response.body, list):
        return await send_stream(writer, response)
    body = response.body if isinstance(response.body, bytes) else json.dumps(response.body).encode()
    lines = [f"HTTP/1.1 {response.status} X", "Content-Type: application/json", f"Content-Length: {len(body)}"]
    head = "\r\n".join([*lines, *(f"{name}: {value}" for name, value in response.headers.items()), "", ""]).encode("latin-1")
    if response.manner == "reset":
        return False
    if response.manner == "hang":
        await asyncio.sleep(3600)
    if response.manner == "cut":
        writer.write(head + body[:100])
        await writer.drain()
        return False
    if response.manner == "drip":
        writer.write(head)
        for place in range(len(body)):
            writer.write(body[place : place + 1])
            await writer.drain()
            await asyncio.sleep(0.05)
    writer.write(head + body)
    await writer.drain()
    return True


async def send_stream(writer: asyncio.StreamWriter, response: Response) -> bool:
    """Each piece as a server-sent event (a comment, where it is bytes); `hang` stays silent after the last one."""
    writer.write(b"HTTP/1.1 200 X\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n")
    for piece in response.body:
        line = piece if isinstance(piece, bytes) else b"data: " + json.dumps(piece).encode()
        writer.write(line + b"\n\n")
        await writer.drain()
        await asyncio.sleep(response.pause)
    if response.manner == "hang":
        await asyncio.sleep(3600)
    return False


if __name__ == "__main__":
    options = dict(zip(sys.argv[1::2], sys.argv[2::2], strict=True))
    with Server(port=int(options.get("--port", 0)), latency=float(options.get("--latency", 0))) as served:
        print(served.url, flush=True)
        served.thread.join()
