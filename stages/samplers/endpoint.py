"""OpenAI's endpoint for batches, through the openai package: half the price, within a day.

https://platform.openai.com/docs/guides/batch
"""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

from stages.samplers.chat import sent
from stages.samplers.faults import Fault, Place, fault, short
from stages.samplers.jobstore import Job
from stages.samplers.wire import HIDDEN, key_in

PATH: Final = "/v1/chat/completions"
DONE = {"completed", "expired", "cancelled", "failed"}
PAGE = 100


class Line(NamedTuple):
    """What became of one request of a batch: `body` is JSON."""

    key: str
    status: int
    body: bytes


class Endpoint:
    """One service. Every call raises Fault where another try may help, BadInput where none will; neither holds the key."""

    def __init__(self, place: Place, timeout: float, retries: int) -> None:
        import openai

        self.place, self.key = place, key_in(place.key_env)
        client = openai.DefaultHttpxClient(follow_redirects=False, timeout=timeout)
        self.client = openai.OpenAI(
            base_url=place.url, api_key=self.key or "none", http_client=client, timeout=timeout, max_retries=min(retries, 5)
        )

    def submit(self, job: Job, rows: Iterable[tuple[str, dict[str, Any]]]) -> str:
        """The id of a new batch of these rows."""
        lines = (json.dumps({"custom_id": key, "method": "POST", "url": PATH, "body": sent(asked)}) for key, asked in rows)
        with self._told():
            file = self.client.files.create(file=("requests.jsonl", "\n".join(lines).encode()), purpose="batch")
            made = self.client.batches.create(
                completion_window="24h", endpoint=PATH, input_file_id=file.id, metadata={"athanor": job.token}
            )
        return made.id

    def find(self, job: Job) -> str | None:
        """The id of a batch that was submitted, although the answer that gave it never came."""
        with self._told():
            found = self.client.batches.list(limit=PAGE)
            return next((batch.id for batch in found if (batch.metadata or {}).get("athanor") == job.token), None)

    def look(self, batch: str) -> tuple[str, list[str], str]:
        """Of a batch: its status, the files with what became of its requests (once it is done), and what is wrong with it as a whole."""
        with self._told():
            found = self.client.batches.retrieve(batch)
        files = [file for file in (found.output_file_id, found.error_file_id) if file]
        errors = (found.errors.data or []) if found.errors else []
        return found.status, files, short("; ".join(str(error.message) for error in errors))

    def lines(self, file: str) -> Iterator[Line]:
        """The lines of such a file, one at a time."""
        with self._told():
            rest = b""
            with self.client.files.with_streaming_response.content(file) as content:
                for chunk in content.iter_bytes():
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

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Errors of the package as ours, without what they carry along: the request, and in it the key."""
        import openai

        try:
            yield
        except openai.APIStatusError as error:
            told = short(str(error.message).replace(self.key, HIDDEN.decode()) if self.key else str(error.message))
            raise fault(error.status_code, told, str(error.code or ""), None, self.place) from None
        except openai.APIError as error:
            raise Fault("connection", type(error).__name__) from None

    def close(self) -> None:
        """Ends the connection."""
        self.client.close()
