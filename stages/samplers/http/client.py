"""How a request gets to the server and back: one connection pool of aiohttp, no redirects, no body larger
than a limit, no key in any error.

Not the AsyncOpenAI client, which costs several times the CPU time of a call, over aiohttp too (tests/bench
has the numbers).
"""

import asyncio
from typing import Any
from urllib.parse import urlsplit

from stages.samplers.http.event_stream import StreamedBody
from stages.samplers.http.faults import Fault, one_line
from stages.samplers.http.keys import Keys


def proxy_of(url: str) -> str | None:
    """The proxy that the environment asks for (HTTPS_PROXY, NO_PROXY and so on)."""
    from urllib.request import getproxies, proxy_bypass

    parts = urlsplit(url)
    return None if proxy_bypass(parts.hostname or "") else getproxies().get(parts.scheme)


class HttpClient:
    """Posts JSON to one address.

    `timeout` is in seconds and covers a call as a whole, so a server that sends byte by byte cannot make it
    longer. A streamed call has `token_timeout` seconds for the start and for each part instead. `largest` is
    the largest body that is read, in bytes.
    """

    def __init__(self, url: str, keys: Keys, timeout: float, largest: int, token_timeout: float) -> None:
        self.url, self.keys, self.timeout, self.largest = url, keys, timeout, largest
        self.token_timeout = token_timeout
        self.session: Any = None

    async def __aenter__(self) -> "HttpClient":
        import aiohttp

        connector = aiohttp.TCPConnector(limit=0, ttl_dns_cache=300)  # the concurrency limit is the buyer's
        self.session = aiohttp.ClientSession(
            connector=connector,
            timeout=aiohttp.ClientTimeout(total=None),
            headers={"Content-Type": "application/json"} | self.keys.headers,
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        self.proxy = proxy_of(self.url)
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.session.close()

    async def post(self, content: bytes, stream: bool = False) -> tuple[int, Any, bytes]:
        """Status, headers and body. A key, should the server send it back, is replaced in the body. Of a
        streamed answer the body is what the same answer in one piece would have been. Raises Fault where no
        whole answer came."""
        import aiohttp

        try:
            async with asyncio.timeout(self.token_timeout if stream else self.timeout) as limit:
                return await self._post(content, limit if stream else None)
        except TimeoutError:
            message = (
                f"nothing came for {self.token_timeout:g} s within an answer"
                if stream
                else f"no whole answer within {self.timeout:g} s"
            )
            raise Fault("timeout", message, billed=True) from None
        except aiohttp.ClientPayloadError:
            raise Fault("cut off", "the connection ended within an answer", billed=True) from None
        except aiohttp.ClientConnectorError as error:
            message = self.keys.hide(f"{type(error).__name__}: {error}")
            raise Fault("connection", one_line(message), unreachable=True) from None
        except (aiohttp.ClientError, OSError) as error:
            message = self.keys.hide(f"{type(error).__name__}: {error}")
            raise Fault("connection", one_line(message), billed=True) from None

    async def _post(self, content: bytes, limit: asyncio.Timeout | None) -> tuple[int, Any, bytes]:
        """`limit` is that of a streamed call, and is put off with each part that comes."""
        async with self.session.post(
            self.url, data=content, allow_redirects=False, proxy=self.proxy
        ) as response:
            is_stream = "text/event-stream" in response.headers.get("Content-Type", "")
            if limit and response.status == 200 and is_stream:
                body = await self._read_stream(response, limit)
            else:
                body = await self._read(response)
            return response.status, response.headers, self.keys.hide_in(body)

    async def _read(self, response: Any) -> bytes:
        if (response.content_length or 0) > self.largest:
            raise Fault("too large", f"{response.content_length} bytes", retry=False, billed=True)
        chunks: list[bytes] = []
        size = 0
        async for chunk in response.content.iter_any():
            chunks.append(chunk)
            size = self._fitting(size + len(chunk))
        return b"".join(chunks)

    async def _read_stream(self, response: Any, limit: asyncio.Timeout) -> bytes:
        streamed, rest, size = StreamedBody(), b"", 0
        async for chunk in response.content.iter_any():
            size = self._fitting(size + len(chunk))
            *lines, rest = (rest + chunk).split(b"\n")
            events = [streamed.add(line) for line in lines]
            if any(events):  # a comment that keeps a connection open is no token
                limit.reschedule(asyncio.get_running_loop().time() + self.token_timeout)
        streamed.add(rest)
        return streamed.body()

    def _fitting(self, size: int) -> int:
        if size > self.largest:
            raise Fault("too large", f"more than {self.largest} bytes", retry=False, billed=True)
        return size
