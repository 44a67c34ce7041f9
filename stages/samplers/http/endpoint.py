"""OpenAI's endpoint for batches, through the openai package: half the price, within a day.

https://platform.openai.com/docs/guides/batch
"""

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from typing import Any, Final, NamedTuple

from stages.samplers.http.chat import sent
from stages.samplers.http.client import HIDDEN, key_in
from stages.samplers.http.faults import Fault, Place, fault, short
from stages.samplers.http.job_store import Job

PATH: Final = "/v1/chat/completions"
DONE = {"completed", "expired", "cancelled", "failed"}
PAGE = 100


class Line(NamedTuple):
    """What became of one request of a batch: `body` is JSON."""

    key: str
    status: int
    body: bytes


class Endpoint:
    """One service. Every call raises Fault where another try may help, BadInput where none will; neither
    holds the key."""

    def __init__(self, place: Place, timeout: float, retries: int) -> None:
        import openai

        self.place, self.key = place, key_in(place.key_env)
        client = openai.DefaultHttpxClient(follow_redirects=False, timeout=timeout)
        self.client: Any = openai.OpenAI(
            base_url=place.url,
            api_key=self.key or "none",
            http_client=client,
            timeout=timeout,
            max_retries=min(retries, 5),
        )

    def submit(self, job: Job, rows: Iterable[tuple[str, dict[str, Any]]]) -> str:
        """The id of a new batch of these rows."""
        lines = (
            json.dumps({"custom_id": key, "method": "POST", "url": PATH, "body": sent(asked)})
            for key, asked in rows
        )
        content = ("requests.jsonl", "\n".join(lines).encode())
        file = self._told(lambda: self.client.files.create(file=content, purpose="batch"))
        wanted = {
            "completion_window": "24h",
            "endpoint": PATH,
            "input_file_id": file.id,
            "metadata": {"athanor": job.token},
        }
        return str(self._told(lambda: self.client.batches.create(**wanted)).id)

    def find(self, job: Job) -> str | None:
        """The id of a batch that was submitted, although the answer that gave it never came."""
        found = iter(self._told(lambda: self.client.batches.list(limit=PAGE)))
        while batch := self._told(lambda: next(found, None)):
            if (batch.metadata or {}).get("athanor") == job.token:
                return str(batch.id)
        return None

    def look(self, batch: str) -> tuple[str, list[str], str]:
        """Of a batch: its status, the files with what became of its requests (once it is done), and what is
        wrong with it as a whole."""
        found = self._told(lambda: self.client.batches.retrieve(batch))
        files = [file for file in (found.output_file_id, found.error_file_id) if file]
        errors = (found.errors.data or []) if found.errors else []
        return found.status, files, short("; ".join(str(error.message) for error in errors))

    def lines(self, file: str) -> Iterator[Line]:
        """The lines of such a file, one at a time."""
        with ExitStack() as stack:
            opened = self.client.files.with_streaming_response.content(file)
            chunks = self._told(lambda: stack.enter_context(opened)).iter_bytes()
            rest = b""
            while (chunk := self._told(lambda: next(chunks, None))) is not None:
                *whole, rest = (rest + chunk).split(b"\n")
                yield from (self._line(line) for line in whole if line.strip())
            if rest.strip():
                yield self._line(rest)

    def _line(self, line: bytes) -> Line:
        found = json.loads(line.replace(self.key.encode(), HIDDEN) if self.key else line)
        response = found.get("response") or {}
        if not response:
            return Line(found["custom_id"], 500, json.dumps({"error": found.get("error")}).encode())
        return Line(found["custom_id"], response["status_code"], json.dumps(response["body"]).encode())

    def _told(self, call: Callable[[], Any]) -> Any:
        """What a call gives. Errors of the package become ours, which carry nothing along: theirs hold the
        request, and in it the key."""
        import openai

        try:
            return call()
        except openai.APIStatusError as error:
            status, told, code = error.status_code, str(error.message), str(error.code or "")
        except openai.APIError as error:
            status, told, code = 0, type(error).__name__, ""
        if status:  # raised out here, where no other error is being handled
            raise fault(
                status,
                short(told.replace(self.key, HIDDEN.decode()) if self.key else told),
                code,
                None,
                self.place,
            )
        raise Fault("connection", told)

    def close(self) -> None:
        """Ends the connection."""
        self.client.close()
