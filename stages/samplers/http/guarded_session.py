"""A session of the package requests, which other packages send their calls through, made safe."""

from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlencode

from stages.samplers.http.chat import LARGEST
from stages.samplers.http.faults import Fault, Target, embedded_status, fault_of
from stages.samplers.http.gemini_stream import read_stream

CHUNK = 1 << 14  # bytes of a stream that are read at once, at most
WHOLE, STREAMED = ":generateContent", ":streamGenerateContent"  # how addresses of Gemini's methods end


class Limit(NamedTuple):
    """The seconds until the first part of a streamed answer and between two of them, and a clock for them."""

    seconds: float
    clock: Callable[[], float]


def guard(
    session: Any,
    places: int,
    target: Target,
    change: Callable[[bytes], bytes],
    stream: Limit | None = None,
) -> None:
    """Has the session follow no redirects (the key would go along), read no body larger than a
    limit, and keep a connection for each of `places` calls. `change` is applied to each body.

    With `stream` answers of Gemini are asked for in parts, and the caller sees them in one piece.
    """
    from requests.adapters import HTTPAdapter

    class Guard(HTTPAdapter):
        def send(self, request: Any, *given: Any, **options: Any) -> Any:
            from urllib3.exceptions import HTTPError

            if stream:
                path, _, query = request.url.partition("?")
                if path.endswith(WHOLE):
                    path = path.removesuffix(WHOLE) + STREAMED
                kept = [(name, value) for name, value in parse_qsl(query) if name != "$alt"]
                request.url = f"{path}?{urlencode([*kept, ('alt', 'sse')])}"
                options |= {"timeout": stream.seconds, "stream": True}
            response: Any = super().send(request, *given, **options)
            if response.is_redirect:
                raise fault_of(response.status_code, "", "", None, target)
            try:
                content = _read(response, stream)
                if (
                    stream and response.status_code == 200
                ):  # an error within the stream has a status of its own
                    response.status_code = embedded_status(content) or 200
                response._content = change(content)
            except HTTPError as error:
                cause = "timed out" if "timed out" in str(error) else "cut off"
                raise OSError(f"{cause}: {error}") from None
            return response

    for scheme in ("http://", "https://"):
        session.mount(scheme, Guard(pool_maxsize=places))


def _read(response: Any, stream: Limit | None) -> bytes:
    is_stream = "text/event-stream" in response.headers.get("Content-Type", "")
    if stream and is_stream and response.status_code == 200:
        chunks = iter(lambda: response.raw.read1(CHUNK, decode_content=True), b"")
        return read_stream(chunks, LARGEST, stream.seconds, stream.clock)
    content: bytes = response.raw.read(LARGEST + 1, decode_content=True)
    if len(content) > LARGEST:
        raise Fault("too large", f"more than {LARGEST} bytes", retry=False, billed=True)
    return content
