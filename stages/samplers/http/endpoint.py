"""OpenAI's endpoint for batches, through the openai package: half the price, within a day.

https://platform.openai.com/docs/guides/batch
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl, urlsplit, urlunsplit

from stages.samplers.http.chat import request_body
from stages.samplers.http.faults import Fault, Target, fault_of, one_line, retry_after
from stages.samplers.http.job_store import Job
from stages.samplers.http.keys import Keys

PATH: Final = "/v1/chat/completions"
DONE = {"completed", "expired", "cancelled", "failed"}
PAGE = 100  # batches listed by one call


class BatchLine(NamedTuple):
    """What became of one request of a batch: its key, its HTTP status, and its body, which is JSON."""

    key: str
    status: int
    body: bytes


class BatchState(NamedTuple):
    """How far a batch is: its status, the ids of the files with its results (once it is done), what is wrong
    with it as a whole ("": nothing) with the codes of that, and how many requests are answered."""

    status: str
    files: list[str]
    problem: str
    codes: list[str]
    answered: int


class BatchEndpoint:
    """The batch endpoint of one server. Every call raises Fault where another try may help, and BadInput
    where none will. Neither holds the key."""

    def __init__(
        self, target: Target, timeout: float, retries: int, headers_env: Mapping[str, str] | None = None
    ) -> None:
        import openai

        self.target, self.keys = target, Keys(target.key_env, headers_env)
        client = openai.DefaultHttpxClient(follow_redirects=False, timeout=timeout)
        parts = urlsplit(target.url)
        self.client: Any = openai.OpenAI(
            base_url=urlunsplit(parts._replace(query="")),
            api_key=self.keys.bearer or "none",
            default_headers=self.keys.headers,
            default_query=dict(parse_qsl(parts.query)),
            http_client=client,
            timeout=timeout,
            max_retries=min(retries, 5),
        )

    def submit(self, job: Job, rows: Iterable[tuple[str, dict[str, Any]]]) -> str:
        """Submits a batch of these rows (key and what is asked), and returns the id that it was given."""
        lines = (
            json.dumps({"custom_id": key, "method": "POST", "url": PATH, "body": request_body(asked)})
            for key, asked in rows
        )
        content = ("requests.jsonl", "\n".join(lines).encode())
        file = self._call(lambda: self.client.files.create(file=content, purpose="batch"))
        settings = {
            "completion_window": "24h",
            "endpoint": PATH,
            "input_file_id": file.id,
            "metadata": {"athanor": job.token},
        }
        return str(self._call(lambda: self.client.batches.create(**settings)).id)

    def find(self, job: Job) -> str | None:
        """The id of a batch that was submitted by a run that died before the id came. None: it was not."""
        batches = iter(self._call(lambda: self.client.batches.list(limit=PAGE)))
        while batch := self._call(lambda: next(batches, None)):
            if (batch.metadata or {}).get("athanor") == job.token:
                return str(batch.id)
        return None

    def look(self, batch_id: str) -> "BatchState":
        """How far a batch is."""
        batch = self._call(lambda: self.client.batches.retrieve(batch_id))
        files = [file for file in (batch.output_file_id, batch.error_file_id) if file]
        errors = (batch.errors.data or []) if batch.errors else []
        counts = batch.request_counts
        return BatchState(
            batch.status,
            files,
            one_line("; ".join(str(error.message) for error in errors)),
            [str(error.code) for error in errors],
            counts.completed if counts else 0,
        )

    def lines(self, file: str) -> Iterator[BatchLine | None]:
        """The lines of a file of results, one at a time; None for one that cannot be read."""
        with ExitStack() as stack:
            response = self.client.files.with_streaming_response.content(file)
            chunks = self._call(lambda: stack.enter_context(response)).iter_bytes()
            rest = b""
            while (chunk := self._call(lambda: next(chunks, None))) is not None:
                *whole, rest = (rest + chunk).split(b"\n")
                yield from (self._line(line) for line in whole if line.strip())
            if rest.strip():
                yield self._line(rest)

    def _line(self, line: bytes) -> BatchLine | None:
        try:
            result = json.loads(self.keys.hide_in(line))
            response = result.get("response") or {}
            if not response:
                body = json.dumps({"error": result.get("error")}).encode()
                return BatchLine(str(result["custom_id"]), 500, body)
            body = json.dumps(response["body"]).encode()
            return BatchLine(str(result["custom_id"]), int(response["status_code"]), body)
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            return None

    def _call(self, call: Callable[[], Any]) -> Any:
        """What `call` returns. An error of the openai package holds the request, and in it the key. So its
        status and message are copied into an error of ours, which is raised once theirs is no longer being
        handled."""
        import openai

        after = None
        try:
            return call()
        except openai.APIStatusError as error:
            status, message, code = error.status_code, str(error.message), str(error.code or "")
            after = retry_after(error.response.headers)
        except openai.APIError as error:
            status, message, code = 0, type(error).__name__, ""
        except Exception as error:
            if not type(error).__module__.startswith("httpx"):  # a download that is cut off raises its error
                raise
            status, message, code = 0, type(error).__name__, ""
        if status:
            raise fault_of(status, one_line(self.keys.hide(message)), code, after, self.target)
        raise Fault("connection", message)

    def close(self) -> None:
        """Closes the connection."""
        self.client.close()
