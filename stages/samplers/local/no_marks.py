"""Makes glyphs impossible: a logits processor that forbids every token with which a glyph would be complete.

A list of forbidden words would not do: a tokenizer that splits glyphs into bytes can write each of them in
many ways (byte by byte, with the space before it, two at once). So what is watched is the bytes, whatever
tokens they come in.
"""

import math
from typing import Any

from stages.models.templates import special_tokens
from stages.shared.marks import GLYPHS

WANTED = [glyph.encode() for glyph in GLYPHS.values()]
BEGUN = sorted(
    {glyph[:size] for glyph in WANTED for size in range(len(glyph))}, key=len, reverse=True
)  # the last one is b""


class NoGlyphs:
    """For the tokens of `tokenizer`, in a model with `size` embeddings."""

    def __init__(self, tokenizer: Any, size: int) -> None:
        self.bytes = token_bytes(tokenizer, size)
        self.banned = {begun: _completing(begun, self.bytes) for begun in BEGUN}

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        """`scores`, of shape (rows, tokens), without the tokens that would complete a glyph after
        `input_ids`, of shape (rows, length)."""
        allowed = scores.clone()
        for row, last in enumerate(input_ids[:, -8:].tolist()):
            allowed[row, self.banned[self._begun(input_ids[row], last)]] = -math.inf
        return allowed

    def _begun(self, row: Any, last: list[int]) -> bytes:
        """The beginning of a glyph that the text ends with."""
        tail = b"".join(self.bytes[token] for token in last)
        if len(tail) < len(BEGUN[0]):  # tokens that add nothing stand between
            tail = b"".join(self.bytes[token] for token in row.tolist())
        return next(begun for begun in BEGUN if tail.endswith(begun))


def _completing(begun: bytes, tokens: list[bytes]) -> list[int]:
    return [token for token, word in enumerate(tokens) if any(glyph in begun + word for glyph in WANTED)]


def token_bytes(tokenizer: Any, size: int) -> list[bytes]:
    """What each of `size` ids adds to a decoded text; special tokens, and ids that have no token, add
    nothing."""
    letters = {letter: byte for byte, letter in enumerate(byte_letters())}
    bytewise = "ByteLevel" in repr(getattr(getattr(tokenizer, "backend_tokenizer", None), "decoder", None))
    special, found = special_tokens(tokenizer), [b""] * size
    for token, place in tokenizer.get_vocab().items():
        if place in special or place >= size:
            continue
        if bytewise and all(letter in letters for letter in token):
            found[place] = bytes(letters[letter] for letter in token)
        elif len(token) == 6 and token.startswith("<0x") and token.endswith(">"):
            found[place] = bytes(
                [int(token[3:5], 16)]
            )  # how tokenizers without byte-level letters spell a byte
        else:
            found[place] = token.encode(errors="surrogatepass")
    return found


def byte_letters() -> list[str]:
    """The letter that stands for each byte in a byte-level vocabulary (GPT-2's: the byte's own where that can
    be printed)."""
    printed = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printed]
    return [chr(byte if byte in printed else 256 + others.index(byte)) for byte in range(256)]
