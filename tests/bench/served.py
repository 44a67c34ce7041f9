"""An OpenAI-like server in a process of its own, light enough not to be what is measured: `python tests/bench/served.py`.

It prints its address. What a prompt says decides how long its answer takes, the same for every client: `base` seconds, up to `spread` more,
and `slow` more for 2 % of them where that is given. A share `refuse` of the calls is answered 429. An answer to a prompt with the word
truncate is cut off. GET tells how many calls there were, and how many were answered.
"""

import argparse
import asyncio
import json
from collections import Counter
from typing import Any
from zlib import crc32


def draw(text: str) -> float:
    """A number from 0 to 1 that `text` decides."""
    return crc32(text.encode()) / 2**32


def latency(told: str, given: argparse.Namespace) -> float:
    """Seconds that the answer to a prompt takes."""
    seconds: float = given.base + given.spread * draw(f"{told} takes")
    return seconds + (given.slow if draw(f"{told} tail") < 0.02 else 0.0)


class Connection(asyncio.Protocol):
    """One client's connection: one request after the other."""

    def __init__(self, given: argparse.Namespace, counts: Counter[str], tries: Counter[str]) -> None:
        self.given, self.counts, self.tries = given, counts, tries
        self.buffer = b""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        head, end, rest = self.buffer.partition(b"\r\n\r\n")
        if not end:
            return
        _, _, length = head.lower().partition(b"content-length: ")
        size = int(length.split(b"\r\n")[0]) if length else 0
        if len(rest) < size:
            return
        self.buffer = rest[size:]
        if head.startswith(b"GET"):
            self.send(200, json.dumps(self.counts).encode())
        else:
            messages = json.loads(rest[:size]).get("messages")  # curator begins with a request without any, to see what limits there are
            self.answer(messages[-1]["content"] if messages else "")

    def answer(self, told: str) -> None:
        self.counts["calls"] += 1
        self.tries[told] += 1
        if draw(f"{told} {self.tries[told]}") < self.given.refuse:
            self.send(429, b'{"error": {"message": "slow down", "type": "requests", "code": "rate_limit_exceeded"}}')
            return
        asyncio.get_running_loop().call_later(latency(told, self.given), self.done, told)

    def done(self, told: str) -> None:
        self.counts["answered"] += 1
        reason = "length" if "truncate" in told else "stop"
        body = {
            "id": "c", "object": "chat.completion", "created": 0, "model": "served",
            "choices": [{"index": 0, "finish_reason": reason, "message": {"role": "assistant", "content": f"The answer to {told}"}}],
            "usage": {"prompt_tokens": 20, "completion_tokens": 10, "total_tokens": 30},
        }  # fmt: skip
        self.send(200, json.dumps(body).encode())

    def send(self, status: int, body: bytes) -> None:
        if not self.transport.is_closing():
            head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
            self.transport.write(head.encode() + body)


async def serve(given: argparse.Namespace) -> None:
    """Serves until the process is ended."""
    counts: Counter[str] = Counter(calls=0, answered=0)
    tries: Counter[str] = Counter()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(given, counts, tries), "127.0.0.1", 0, backlog=4096)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("base", "spread", "slow", "refuse"):
        parser.add_argument(f"--{name}", type=float, default=0.0)
    asyncio.run(serve(parser.parse_args()))
