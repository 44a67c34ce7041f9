"""Counting the tokens of a prompt before it is sent.

With tiktoken where it knows the model (its encodings are downloaded once, or lie in TIKTOKEN_CACHE_DIR), with
the model's own tokenizer where a folder of it is named, and otherwise by its length, which says so.
"""

import sys
from collections.abc import Callable, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

from stages.models.templates import load_tokenizer, render
from stages.shared.errors import BadInput, unknown

BYTES = 4  # UTF-8 bytes of English to a token, roughly: https://help.openai.com/en/articles/4936856
# Tokens that OpenAI's chat format adds: https://github.com/openai/openai-cookbook, "How to count tokens with
# tiktoken".
PER_MESSAGE, PER_REPLY = 4, 3
Messages = Sequence[Any]  # of shared/rows.py's Message


class Counter(NamedTuple):
    """`count(messages)` gives tokens; `name` says how they are counted, `exact` whether that is how the model
    itself counts."""

    name: str
    exact: bool
    count: Callable[[Messages], int]


def counter(model: str, tokenizer: str | None = None) -> Counter:
    """The best counter there is for `model`; `tokenizer` names a model folder or an encoding of tiktoken.

    Raises BadInput where that names neither; what cannot be downloaded is counted by its length, which is
    said on standard error.
    """
    if tokenizer and Path(tokenizer).is_dir():
        return Counter(f"the tokenizer of {tokenizer}", True, _own(tokenizer))
    name = tokenizer or _encoding_of(model)
    if name is None:
        return by_length(f"no tokenizer is known for {model!r}")
    try:
        encoding = _encoding(name)
    except ValueError:
        import tiktoken

        raise BadInput(
            f"tokenizer: no such folder, and {unknown('encoding', name, tiktoken.list_encoding_names())}"
        ) from None
    except OSError as error:  # requests' errors are OSErrors
        return by_length(f"{name} could not be downloaded ({type(error).__name__})")
    return Counter(
        f"{name} of tiktoken",
        True,
        lambda messages: _chat(messages, lambda text: len(encoding.encode(text, disallowed_special=()))),
    )


def _encoding_of(model: str) -> str | None:
    import tiktoken

    try:
        return tiktoken.encoding_name_for_model(model)
    except KeyError:
        return None


@cache
def _encoding(name: str) -> Any:
    import tiktoken

    return tiktoken.get_encoding(name)


def _own(folder: str) -> Callable[[Messages], int]:
    tokenizer = load_tokenizer(folder)
    return lambda messages: len(
        tokenizer(render(tokenizer, messages, prompt=True), add_special_tokens=False).input_ids
    )


def by_length(why: str) -> Counter:
    """A counter by the length of a text; says `why` on standard error."""
    print(
        f"tokens are estimated, {BYTES} bytes to one: {why}; name a `tokenizer` to count them",
        file=sys.stderr,
    )
    return Counter(f"length, {BYTES} bytes to a token", False, partial(_chat, count=_length))


def _length(text: str) -> int:
    return -(-len(text.encode(errors="surrogatepass")) // BYTES)


def _chat(messages: Messages, count: Callable[[str], int]) -> int:
    return PER_REPLY + sum(PER_MESSAGE + count(message["content"]) for message in messages)
