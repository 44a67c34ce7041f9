"""How a request gets to the server and back: one connection pool of aiohttp, no redirects, no body larger
than a limit, no key in any error.

Not the AsyncOpenAI client, which costs several times the CPU time of a call, over aiohttp too (tests/bench
has the numbers).
"""

import os
from typing import Any
from urllib.parse import urlsplit

from stages.samplers.http.faults import Fault, one_line
from stages.shared.errors import BadInput

HIDDEN_KEY = b"[the key]"


def api_key(variable: str | None) -> str:
    """The key in an environment variable; "" where `variable` is None. Raises BadInput, without the key,
    where the variable is not set or holds what cannot be a key."""
    if variable is None:
        return ""
    key = os.environ.get(variable, "").strip()
    if not key:
        raise BadInput(f"api_key_env: the environment variable {variable} is not set; it should hold the key")
    if not (key.isascii() and key.isprintable() and " " not in key):
        raise BadInput(
            f"api_key_env: the environment variable {variable} holds something that is no key "
            "(blanks or other letters in it)"
        )
    return key


def proxy_of(url: str) -> str | None:
    """The proxy that the environment asks for (HTTPS_PROXY, NO_PROXY and so on)."""
    from urllib.request import getproxies, proxy_bypass

    parts = urlsplit(url)
    return None if proxy_bypass(parts.hostname or "") else getproxies().get(parts.scheme)


class HttpClient:
    """Posts JSON to one address. `timeout` is in seconds and covers a call as a whole, so a server that sends
    byte by byte cannot make it longer. `largest` is the largest body that is read, in bytes."""

    def __init__(self, url: str, key: str, timeout: float, largest: int) -> None:
        self.url, self.key, self.timeout, self.largest = url, key.encode(), timeout, largest
        self.headers = {"Content-Type": "application/json"} | (
            {"Authorization": f"Bearer {key}"} if key else {}
        )
        self.session: Any = None

    async def __aenter__(self) -> "HttpClient":
        import aiohttp

        timeout = aiohttp.ClientTimeout(total=self.timeout)
        connector = aiohttp.TCPConnector(limit=0, ttl_dns_cache=300)  # the concurrency limit is the buyer's
        self.session = aiohttp.ClientSession(
            connector=connector, timeout=timeout, headers=self.headers, cookie_jar=aiohttp.DummyCookieJar()
        )
        self.proxy = proxy_of(self.url)
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.session.close()

    async def post(self, content: bytes) -> tuple[int, Any, bytes]:
        """Status, headers and body. The key, should the server send it back, is replaced in the body. Raises
        Fault where no whole answer came."""
        import aiohttp

        try:
            async with self.session.post(
                self.url, data=content, allow_redirects=False, proxy=self.proxy
            ) as response:
                body = await self._read(response)
                body = body.replace(self.key, HIDDEN_KEY) if self.key else body
                return response.status, response.headers, body
        except TimeoutError:
            raise Fault("timeout", f"no whole answer within {self.timeout:g} s") from None
        except aiohttp.ClientPayloadError:
            raise Fault("cut off", "the connection ended within an answer") from None
        except (aiohttp.ClientError, OSError) as error:
            raise Fault("connection", self._without_key(f"{type(error).__name__}: {error}")) from None

    async def _read(self, response: Any) -> bytes:
        if (response.content_length or 0) > self.largest:
            raise Fault("too large", f"{response.content_length} bytes", retry=False)
        chunks: list[bytes] = []
        size = 0
        async for chunk in response.content.iter_any():
            chunks.append(chunk)
            size += len(chunk)
            if size > self.largest:
                raise Fault("too large", f"more than {self.largest} bytes", retry=False)
        return b"".join(chunks)

    def _without_key(self, text: str) -> str:
        return one_line(text.replace(self.key.decode(), HIDDEN_KEY.decode()) if self.key else text)
