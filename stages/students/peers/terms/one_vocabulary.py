"""Whether two tokenizers are one."""

from collections.abc import Sequence
from typing import Any


def differ(tokenizers: Sequence[Any]) -> str:
    """In a few words how the vocabularies of two tokenizers differ; empty where they do not.

    A vocabulary is what gives each token its number. Added and special tokens are a part of it.
    """
    first, second = (tokenizer.get_vocab() for tokenizer in tokenizers)
    if first == second:
        return ""
    shared = sum(second.get(token) == number for token, number in first.items())
    return f"{len(first)} and {len(second)} tokens, {shared} of them with the same text and number"
