"""A session of the package requests, which other packages send their calls through, made safe."""

from collections.abc import Callable
from typing import Any

from stages.samplers.http.chat import LARGEST
from stages.samplers.http.faults import Fault, Target, fault_of


def guard(session: Any, places: int, target: Target, change: Callable[[bytes], bytes]) -> None:
    """Has the session follow no redirects (the key would go along), read no body larger than a
    limit, and keep a connection for each of `places` calls. `change` is applied to each body."""
    from requests.adapters import HTTPAdapter

    class Guard(HTTPAdapter):
        def send(self, *request: Any, **options: Any) -> Any:
            from urllib3.exceptions import HTTPError

            response: Any = super().send(*request, **options)
            if response.is_redirect:
                raise fault_of(response.status_code, "", "", None, target)
            try:
                content = response.raw.read(LARGEST + 1, decode_content=True)
            except HTTPError as error:
                raise OSError(f"cut off: {error}") from None
            if len(content) > LARGEST:
                raise Fault("too large", f"more than {LARGEST} bytes", retry=False, billed=True)
            response._content = change(content)
            return response

    for scheme in ("http://", "https://"):
        session.mount(scheme, Guard(pool_maxsize=places))
