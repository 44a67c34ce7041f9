"""Keys: read from the environment, sent in headers, and shown nowhere."""

import os
import re
from collections.abc import Iterable, Mapping
from typing import Annotated

from pydantic import AfterValidator

from stages.shared.errors import BadInput

HIDDEN_KEY = "[the key]"
# A shorter key is no secret but a placeholder (EMPTY, x, 0): its letters may stand in any answer.
SHORTEST_SECRET = 16
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_PLAIN_NAME = re.compile(r"(?=.*_)[A-Z][A-Z0-9_]{2,60}\Z|[A-Z]{2,20}\Z")


def _check_variable(name: str) -> str:
    # not a ValueError, whose message would show the value: it may be a key
    if not _VARIABLE.match(name):
        raise BadInput(
            "params: api_key_env, headers_env: expected the name of an environment variable, such as "
            "OPENAI_API_KEY, and got something else, which is not shown since it may be a key"
        )
    return name


Variable = Annotated[str, AfterValidator(_check_variable)]  # the name of an environment variable


def _shown(variable: str) -> str:
    """The name of a variable for a message; a name that may be a key is not shown."""
    if _PLAIN_NAME.match(variable) or variable in os.environ:
        return f"the environment variable {variable}"
    return "the environment variable that it names (not shown: it may be a key itself)"


def api_key(variable: str | None, param: str = "api_key_env") -> str:
    """The key in an environment variable; "" where `variable` is None. Raises BadInput, without the key,
    where the variable is not set or holds what cannot be a key."""
    if variable is None:
        return ""
    key = os.environ.get(variable, "").strip()
    if not key:
        raise BadInput(f"{param}: {_shown(variable)} is not set; it should hold the key")
    if not (key.isascii() and key.isprintable() and " " not in key):
        raise BadInput(
            f"{param}: {_shown(variable)} holds something that is no key (blanks or other letters in it)"
        )
    return key


class Keys:
    """The keys of one server: `bearer` for the header Authorization ("": none is sent), and `headers`, all
    that are sent with each request."""

    def __init__(self, variable: str | None, headers_env: Mapping[str, str] | None = None) -> None:
        self.bearer = api_key(variable)
        further = {name: api_key(held_by, "headers_env") for name, held_by in (headers_env or {}).items()}
        self.headers = ({"Authorization": f"Bearer {self.bearer}"} if self.bearer else {}) | further
        self.secrets = [key for key in (self.bearer, *further.values()) if len(key) >= SHORTEST_SECRET]

    def hide(self, text: str) -> str:
        """`text` without the keys."""
        return without(text, self.secrets)

    def hide_in(self, body: bytes) -> bytes:
        """`body` without the keys."""
        for key in self.secrets:
            body = body.replace(key.encode(), HIDDEN_KEY.encode())
        return body


def without(text: str, secrets: Iterable[str]) -> str:
    """`text` without these keys; one that is too short to be a secret stays."""
    for key in secrets:
        if len(key) >= SHORTEST_SECRET:
            text = text.replace(key, HIDDEN_KEY)
    return text
